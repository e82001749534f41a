// The one importer of simple-git: ordinary commands, hardened like the plumbing. Its guards are told exactly which of
// the variables and settings in question are ours.
import path from 'node:path';
import { simpleGit, type SimpleGit } from 'simple-git';
import { gitEnvironment, gitProgram } from './environment.ts';

/** A git client for one existing folder; a command that exits non-zero rejects with what git printed. */
export function gitClient(folder: string): SimpleGit {
  const env = gitEnvironment();
  const program = gitProgram();
  return simpleGit({
    baseDir: folder,
    binary: program,
    maxConcurrentProcesses: 4,
    trimmed: false,
    allowEnvironment: Object.keys(env).filter((name) => name.startsWith('GIT_')),
    unsafe: {
      allowUnsafeConfigEnvCount: true,
      allowUnsafeConfigPaths: true,
      allowUnsafeHooksPath: true,
      allowUnsafeFsMonitor: true,
      allowUnsafePager: true,
      allowUnsafeExec: env.GIT_EXEC_PATH !== undefined,
      allowUnsafeSshCommand: env.GIT_SSH !== undefined || env.GIT_SSH_COMMAND !== undefined,
      allowUnsafeCustomBinary: path.isAbsolute(program),
    },
    errors(error, result) {
      if (error !== undefined) return error;
      if (result.exitCode === 0) return undefined;
      const said = Buffer.concat(result.stdErr).toString().trim();
      return new Error(said === '' ? `exit code ${result.exitCode}` : said);
    },
  }).env(env);
}

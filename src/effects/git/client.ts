// The one importer of simple-git: ordinary commands, hardened like the plumbing. Its guards are told exactly which of
// the variables and settings in question are ours.
import path from 'node:path';
import { simpleGit, type SimpleGit } from 'simple-git';
import { gitEnvironment, gitProgram } from './environment.ts';
import { gitRaw } from './plumbing.ts';

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

/**
 * Runs an ordinary command; null when git says no (its reason is lost: use it for questions). Not by the client, which
 * waits 50 ms for more whenever the answer is empty.
 */
export async function askGit(folder: string, args: readonly string[]): Promise<string | null> {
  const output = await gitRaw(args, { cwd: folder });
  return output.code === 0 ? output.stdout.toString() : null;
}

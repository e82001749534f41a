// A git folder of our own for a repository's objects: with its configuration, attributes and excludes as they are at this
// moment. Whatever anybody writes into the shared ones later — a filter, a merge driver, a file system monitor — is not
// run by the git that uses this one.
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Repository } from '../effects.ts';
import { gitEnvironment } from './environment.ts';
import { requireGit } from './plumbing.ts';

/** Makes the folder (it has no references) and returns the environment that makes git use it. */
export async function freezeGitFolder(repo: Repository, folder: string): Promise<Record<string, string>> {
  const empty = path.join(folder, 'empty-config');
  await Promise.all([mkdir(path.join(folder, 'refs'), { recursive: true }), mkdir(path.join(folder, 'info'), { recursive: true })]);
  const listed = await requireGit(['config', '--list', '-z', '--show-scope', '--includes'], { cwd: repo.topLevel ?? repo.commonDir, env: gitEnvironment() });
  await Promise.all([
    writeFile(path.join(folder, 'HEAD'), 'ref: refs/orch/none\n'),
    writeFile(path.join(folder, 'config'), configText(listed.toString('utf8'), (_, key) => !LEFT_OUT.test(key))),
    writeFile(empty, ''),
    ...['attributes', 'exclude'].map((name) => copyIfThere(path.join(repo.commonDir, 'info', name), path.join(folder, 'info', name))),
  ]);
  return {
    GIT_DIR: folder, GIT_COMMON_DIR: folder, GIT_OBJECT_DIRECTORY: path.join(repo.commonDir, 'objects'), GIT_SHALLOW_FILE: path.join(repo.commonDir, 'shallow'),
    GIT_CONFIG_GLOBAL: empty, GIT_CONFIG_SYSTEM: empty, GIT_NO_LAZY_FETCH: '1',
  };
}

async function copyIfThere(from: string, to: string): Promise<void> {
  await copyFile(from, to).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

/** Where a setting would tie the folder to a working tree, to other files, or to references that it does not have. */
const LEFT_OUT = /^(core\.(worktree|bare|sparsecheckout|sparsecheckoutcone|hookspath|fsmonitor)|extensions\.(worktreeconfig|refstorage)|include\.|includeif\.|alias\.|hook\.)/i;

/** A configuration file of what `git config --list -z --show-scope` printed, as far as it is wanted and not set by the environment. */
export function configText(listed: string, isWanted: (scope: string, key: string) => boolean): string {
  const parts = listed.split('\0');
  const lines: string[] = [];
  for (let at = 0; at + 1 < parts.length; at += 2) {
    const [scope = '', entry = ''] = [parts[at], parts[at + 1]];
    const [key = '', ...rest] = entry.split('\n');
    if (scope === 'command' || !isWanted(scope, key)) continue;
    const [first, last] = [key.indexOf('.'), key.lastIndexOf('.')];
    const section = first === last ? key.slice(0, first) : `${key.slice(0, first)} "${key.slice(first + 1, last).replaceAll(/["\\]/g, '\\$&')}"`;
    const value = rest.length === 0 ? '' : ` = "${rest.join('\n').replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n').replaceAll('\t', '\\t').replaceAll('\b', '\\b')}"`;
    lines.push(`[${section}]\n\t${key.slice(last + 1)}${value}`);
  }
  return `${lines.join('\n')}\n`;
}

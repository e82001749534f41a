// The environment of every git process that orch starts: nothing inherited that points git elsewhere, no hook, no
// fsmonitor, no automatic maintenance, no pager, no prompt. Never writes configuration: settings travel by environment.
import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

/** Ambient `GIT_*` variables that are kept: where configuration and identity come from, and how a partial clone reaches its remote. */
const KEPT = new Set([
  'GIT_CONFIG_GLOBAL', 'GIT_CONFIG_SYSTEM', 'GIT_CONFIG_NOSYSTEM', 'GIT_EXEC_PATH', 'GIT_SSH', 'GIT_SSH_COMMAND', 'GIT_SSL_CAINFO',
  'GIT_AUTHOR_NAME', 'GIT_AUTHOR_EMAIL', 'GIT_COMMITTER_NAME', 'GIT_COMMITTER_EMAIL',
]);

const SETTINGS: readonly (readonly [string, string])[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.untrackedCache', 'false'],
  ['core.splitIndex', 'false'],
  ['core.pager', 'cat'],
  ['core.safecrlf', 'false'],
  ['core.quotePath', 'false'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['commit.gpgSign', 'false'],
  ['i18n.commitEncoding', 'UTF-8'],
  ['index.version', '2'],
  ['add.ignoreErrors', 'false'],
  ['submodule.recurse', 'false'],
  ['advice.addEmbeddedRepo', 'false'],
  // Hooks from configuration (git 2.54 and later) run in spite of core.hooksPath; older versions ignore these keys.
  ...[
    'reference-transaction', 'post-checkout', 'post-merge', 'pre-merge-commit', 'pre-commit', 'commit-msg', 'prepare-commit-msg',
    'post-commit', 'post-index-change', 'post-rewrite',
  ].map((event) => [`hook.${event}.enabled`, 'false'] as const),
];

/** The git program: the absolute path in `ORCH_GIT`, or that of `git` on PATH; just `git` when there is none. */
export function gitProgram(): string {
  const { ORCH_GIT, PATH = '' } = process.env;
  if (ORCH_GIT !== undefined) return ORCH_GIT;
  // Each process would look through PATH again, while this one waits for it.
  if (found.PATH !== PATH) found = { PATH, program: findProgram('git') ?? 'git' };
  return found.program;
}

/** The absolute path of a program on PATH; null = there is none. */
export function findProgram(name: string): string | null {
  const folders = (process.env.PATH ?? '').split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  return folders.map((folder) => path.join(folder, name)).find(isProgram) ?? null;
}

let found = { PATH: '', program: 'git' };

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** A complete environment for git; `settings` are further `key, value` pairs that override every configuration file. */
export function gitEnvironment(settings: readonly (readonly [string, string])[] = []): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && (!name.startsWith('GIT_') || KEPT.has(name))) env[name] = value;
  }
  for (const name of ['EDITOR', 'VISUAL', 'PAGER', 'SSH_ASKPASS', 'PREFIX']) delete env[name];
  const all = [...SETTINGS, ...settings];
  Object.assign(env, { LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0', GIT_OPTIONAL_LOCKS: '0', GIT_CONFIG_COUNT: String(all.length) });
  all.forEach(([key, value], index) => {
    env[`GIT_CONFIG_KEY_${index}`] = key;
    env[`GIT_CONFIG_VALUE_${index}`] = value;
  });
  return env;
}

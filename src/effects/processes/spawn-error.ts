// Why a program could not be started, in words that name what and where. Looks at files; starts nothing.
import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import path from 'node:path';
import type { ProcessSpec } from '../effects.ts';

const EXHAUSTED: Readonly<Record<string, string>> = {
  EMFILE: 'too many open files in this process',
  ENFILE: 'too many open files on this machine',
  EAGAIN: 'too many processes',
  ENOMEM: 'not enough memory',
};

/** The working directory's problem, or null: the operating system would blame the program for it. */
export function cwdProblem(cwd: string): string | null {
  try {
    return statSync(cwd).isDirectory() ? null : `working directory is not a directory: ${cwd}`;
  } catch (error) {
    return `working directory ${codeOf(error) === 'ENOENT' ? 'does not exist' : `cannot be entered (${codeOf(error)})`}: ${cwd}`;
  }
}

// Three pipes of two ends, and two that tell about the exec; some more for whoever opens files meanwhile.
const DESCRIPTORS_FOR_A_SPAWN = 12;

/** Why there are not enough file descriptors to start a process, or null: execa does not survive that. */
export function descriptorProblem(command: string): string | null {
  const opened: number[] = [];
  try {
    while (opened.length < DESCRIPTORS_FOR_A_SPAWN) opened.push(openSync('/dev/null', 'r'));
    return null;
  } catch (error) {
    return explainSpawnError({ command, cwd: '/', env: {} }, codeOf(error), 'no file descriptors');
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

/** One line for `Exit.message`: what could not be started and why, with the system's code in parentheses at the end. */
export function explainSpawnError(spec: Pick<ProcessSpec, 'command' | 'cwd' | 'env'>, code: string, fallback: string): string {
  const { command } = spec;
  if (EXHAUSTED[code] !== undefined) return `cannot start ${command}: ${EXHAUSTED[code]} (${code})`;
  if (code === 'E2BIG') return `cannot start ${command}: its arguments and environment are too long (${code})`;
  const found = locate(spec);
  if (code === 'ENOENT' && found === null) {
    return command.includes('/') ? `program not found: ${path.resolve(spec.cwd, command)} (${code})` : `program not found on PATH: ${command} (${code})`;
  }
  if (code === 'ENOENT' && found !== null) return `cannot start ${found}: its interpreter ${interpreterOf(found) ?? ''} does not exist (${code})`;
  if (code === 'EACCES') return `program is not executable: ${found ?? command} (${code})`;
  return `cannot start ${found ?? command}: ${fallback} (${code})`;
}

/** Where the program is, executable or not, by the rules of execvp(3). */
function locate({ command, cwd, env }: Pick<ProcessSpec, 'command' | 'cwd' | 'env'>): string | null {
  const places = command.includes('/') ? [path.resolve(cwd, command)] : (env['PATH'] ?? '').split(':').map((folder) => path.resolve(cwd, folder, command));
  let unusable: string | null = null;
  for (const place of places) {
    try {
      if (!statSync(place).isFile()) {
        unusable ??= place;
        continue;
      }
      accessSync(place, constants.X_OK);
      return place;
    } catch (error) {
      if (codeOf(error) === 'EACCES') unusable ??= place;
    }
  }
  return unusable;
}

function interpreterOf(file: string): string | null {
  try {
    const bytes = Buffer.alloc(256);
    const fd = openSync(file, 'r');
    const length = readSync(fd, bytes, 0, bytes.length, 0);
    closeSync(fd);
    return /^#!\s*(\S+)/.exec(bytes.toString('utf8', 0, length))?.[1] ?? null;
  } catch {
    return null;
  }
}

/** The system's name of an error, such as `ENOENT`. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown error';
}

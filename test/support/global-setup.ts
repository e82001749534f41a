// Once per suite: the bundle that end-to-end tests start must be the present source, and there is one folder for all that
// tests make, in memory where there is room: worktrees by the hundred are a third cheaper there.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const MEMORY = '/dev/shm';
/** Several times what the tests hold at one time. */
const ENOUGH_BYTES = 4 * 1024 ** 3;

export function setup(): () => void {
  execFileSync(process.execPath, ['.ci/ensure.mjs'], { stdio: ['ignore', 2, 2] });
  const folder = inMemory() ?? mkdtempSync(path.join(os.tmpdir(), 'orch-'));
  mkdirSync(path.join(folder, 'templates'));
  // Workers inherit it; test/support/setup.ts gives each test file a folder of its own in it.
  process.env['VITEST_SCRATCH'] = realpathSync(folder);
  return () => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
}

/** A folder in memory, from which programs can be started; null where there is none, or too little room. */
function inMemory(): string | null {
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    if (process.platform !== 'linux' || Math.min(bavail * bsize, process.availableMemory()) < ENOUGH_BYTES) return null;
    const folder = mkdtempSync(path.join(MEMORY, 'orch-'));
    try {
      writeFileSync(path.join(folder, 'try'), '#!/bin/sh\n', { mode: 0o700 });
      execFileSync(path.join(folder, 'try'));
      return folder;
    } catch {
      rmSync(folder, { recursive: true });
    }
  } catch {
    // There is no such folder, or it is not ours to write.
  }
  return null;
}

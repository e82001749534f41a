import os from 'node:os';
import { defineConfig } from 'vitest/config';

const setupFiles = ['test/support/setup.ts'];
const timeouts = { testTimeout: 120_000 * Number(process.env['SOAK_FACTOR'] ?? 1), hookTimeout: 120_000 };
// Real processes on a shared machine: CI gives a test a second try, and its report says which needed one. Locally there is
// none, and never for a pure test: what random input has found once is a bug.
const retry = process.env['CI'] ? 1 : 0;

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    // Tests of real processes wait much of their time: one worker more than there are cores.
    maxWorkers: os.availableParallelism() + 1,
    reporters: ['default'],
    projects: [
      // Pure ones share a process, for starting one costs more than most of their files.
      { test: { name: 'unit', include: ['test/*.test.ts', 'test/unit/**/*.test.ts'], isolate: false, setupFiles, ...timeouts } },
      { test: { name: 'real', include: ['test/{phases,e2e}/**/*.test.ts'], setupFiles, retry, ...timeouts } },
    ],
  },
});

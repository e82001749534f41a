import os from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    include: ['test/*.test.ts', 'test/{unit,phases,e2e}/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/setup.ts'],
    pool: 'forks',
    // Most tests wait for processes: a worker for each core, not one fewer.
    maxWorkers: Math.max(2, os.availableParallelism()),
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Real processes on a shared machine: CI gives a test a second try, and its report says which needed one. Locally there is none.
    retry: process.env['CI'] ? 1 : 0,
    reporters: ['default'],
  },
});

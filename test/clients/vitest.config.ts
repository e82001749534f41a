import { defineConfig } from 'vitest/config';

// Real agent programs against fake providers: `npm run test:clients`. One file at a time, for a client takes 200 MB.
export default defineConfig({
  root: new URL('../..', import.meta.url).pathname,
  test: {
    include: ['test/clients/**/*.test.ts'],
    globalSetup: ['test/clients/global-setup.ts'],
    setupFiles: ['test/support/setup.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Real processes on a shared machine: CI gives a test a second try, and its report says which needed one. Locally there is none.
    retry: process.env['CI'] ? 1 : 0,
    reporters: ['default'],
  },
});

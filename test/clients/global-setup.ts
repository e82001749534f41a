// Installs the real clients before the first test, outside of the cleared environment of the tests, and tells them where.
import type { TestProject } from 'vitest/node';
import { CLAUDE, installClient } from './install.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Path of the real claude program; null where there is none for this machine. */
    readonly claude: string | null;
  }
}

export async function setup(project: TestProject): Promise<void> {
  project.provide('claude', await installClient(CLAUDE));
}

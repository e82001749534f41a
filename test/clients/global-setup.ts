// Installs the real clients before the first test, outside of the cleared environment of the tests, and tells them where.
import type { TestProject } from 'vitest/node';
import { CLIENTS, installClient } from './install.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Paths of the real programs by the name of the client; null where there is none for this machine. */
    readonly programs: Readonly<Record<string, string | null>>;
  }
}

export async function setup(project: TestProject): Promise<void> {
  const programs: Record<string, string | null> = {};
  for (const client of CLIENTS) programs[client.name] = await installClient(client);
  project.provide('programs', programs);
}

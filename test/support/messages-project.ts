// A project whose `claude` is the scripted client of messages-client.mjs, which asks a fake provider on loopback.
import path from 'node:path';
import type { FakeProvider, Reply, Script, Turn } from './fake-provider.ts';
import { startFakeProvider, tool } from './fake-provider.ts';
import type { Ended } from './orch.ts';
import { makeProject, type Project, type ProjectOptions } from './project.ts';

export const CLIENT = path.join(import.meta.dirname, 'messages-client.mjs');

export interface MessagesProject extends Project {
  readonly provider: FakeProvider;
  /** Runs orch with this scenario as its provider. */
  ask(scenario: string, args: readonly string[]): Promise<Ended>;
  close(): Promise<void>;
}

/** `scripts`: what the model says, by scenario. */
export async function makeMessagesProject(scripts: Readonly<Record<string, Script>>, options: ProjectOptions = {}): Promise<MessagesProject> {
  const provider = await startFakeProvider(scripts);
  const { config, ...rest } = options;
  const project = makeProject({ ...rest, config: { agent: 'claude', agents: { claude: { command: [process.execPath, CLIENT] } }, ...config } });
  return {
    ...project,
    provider,
    ask: async (scenario, args) => await project.run(args, { env: { ANTHROPIC_BASE_URL: provider.url(scenario), CLAUDE_CONFIG_DIR: path.join(project.home, 'claude') } }),
    close: async () => { await provider.close(); },
  };
}

/** Writes a file in each turn and ends after so many requests. */
export function writes({ cwd, results }: Turn, requests = 2): Reply {
  return results < requests - 1 ? tool('Write', { file_path: `${cwd}/turn-${results}.txt`, content: `${results}\n` }) : { kind: 'text', text: 'All done.' };
}

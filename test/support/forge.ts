// A remote on a host that is not there: a local bare repository behind a GitHub or GitLab address, and stand-ins for gh
// and glab that write down what they are asked and keep requests in a file.
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Project } from './project.ts';
import { runGit } from './repo.ts';

export interface ForgeCall {
  readonly tool: string;
  readonly args: readonly string[];
  readonly stdin: string;
}
export interface StoredRequest {
  readonly number: number;
  readonly title: string;
  readonly body: string;
  readonly head: string;
  readonly base: string;
  readonly state: 'open' | 'merged' | 'closed';
  readonly sha: string;
}

export interface TestForge {
  /** The bare repository. */
  readonly bare: string;
  /** With the stand-ins in front of PATH. */
  readonly env: Record<string, string>;
  calls(): ForgeCall[];
  requests(): StoredRequest[];
  setState(number: number, state: StoredRequest['state']): void;
  /** From now on: logged out, every new request refused with this message (null: no more), or no answer at all. */
  refuse(what: { readonly loggedOut?: boolean; readonly open?: string | null; readonly hang?: boolean }): void;
  /** Appears when somebody waits for an answer that does not come. */
  readonly hangs: string;
  git(...args: string[]): string;
}

/** Gives a project a remote `origin` that has its branch `main`, and a program for it. */
export function makeForge(project: Project, { tool = 'gh', url = 'https://u:s3cret-in-url@github.com/acme/demo.git' }: { tool?: 'gh' | 'glab'; url?: string } = {}): TestForge {
  const folder = path.join(project.home, 'forge');
  const bare = path.join(folder, 'remote.git');
  const bin = path.join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  runGit(folder, ['init', '-q', '--bare', '-b', 'main', bare]);
  project.git('remote', 'add', 'origin', url);
  project.git('config', `url.${bare}.insteadOf`, url);
  project.git('push', '-q', 'origin', 'main');
  const program = path.join(bin, tool);
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${path.join(import.meta.dirname, 'forge-tool.mjs')}' '${tool}' '${folder}' "$@"\n`);
  chmodSync(program, 0o755);
  const read = <T>(name: string, none: T): T => (existsSync(path.join(folder, name)) ? (JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as T) : none);
  const write = (name: string, value: unknown): void => writeFileSync(path.join(folder, name), JSON.stringify(value));
  return {
    bare, env: { PATH: `${bin}:${process.env['PATH'] ?? ''}` },
    calls: () => (existsSync(path.join(folder, 'calls')) ? readFileSync(path.join(folder, 'calls'), 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as ForgeCall) : []),
    requests: () => read('requests.json', []),
    setState(number, state) {
      write('requests.json', read<StoredRequest[]>('requests.json', []).map((each) => (each.number === number ? Object.assign(each, { state }) : each)));
    },
    hangs: path.join(folder, 'hangs'),
    refuse({ loggedOut, open, hang }) {
      if (hang === true) write('hang', true);
      else rmSync(path.join(folder, 'hang'), { force: true });
      if (loggedOut === true) write('logged-out', true);
      if (open === null) rmSync(path.join(folder, 'refusal'), { force: true });
      else if (open !== undefined) write('refusal', open);
    },
    git: (...args) => runGit(bare, args),
  };
}

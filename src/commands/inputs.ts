// Reads what a plan is made of besides its manifest: files of the base commit, and what commands of the manifest print.
// Nothing is created, and a command is stopped when it takes too long or says too much.
import pLimit from 'p-limit';
import { createClock } from '../effects/clock.ts';
import type { Processes, Repository, StopRequest } from '../effects/effects.ts';
import { agentEnvironment } from '../effects/env.ts';
import { repositoryFolder } from '../effects/git/repository.ts';
import { loadBlobs, loadTree, type BaseTree } from '../effects/git/tree.ts';
import { createProcesses } from '../effects/processes.ts';
import { nearest } from '../lib/nearest.ts';
import { plural } from '../lib/text.ts';
import { inputKey, type InputRequest, type InputText } from '../plan/inputs.ts';
import type { Sha } from '../plan/plan.ts';
import { interruptible } from './interruptible.ts';

const COMMAND_TIMEOUT_MS = 60_000;
const COMMANDS_AT_ONCE = 4;
const MOST_COMPARED = 20_000;

/** Files of one commit and commands of a manifest, read as they are asked for. */
export interface InputReader {
  tree(): Promise<BaseTree>;
  /** All of them, by `inputKey`; what cannot be read says why. */
  read(requests: readonly InputRequest[]): Promise<Map<string, InputText>>;
}

/** Reads from `base`, and runs commands in the top level of the user's checkout with the environment that agents get. */
export function createInputReader(repo: Repository, base: Sha, passEnv: readonly string[]): InputReader {
  let loading: Promise<BaseTree> | null = null;
  const tree = (): Promise<BaseTree> => (loading ??= loadTree(repo, base));
  const env = agentEnvironment({ parent: process.env, pass: passEnv, set: { ORCH_BASE: base } });
  return {
    tree,
    async read(requests) {
      const files = requests.filter(({ kind }) => kind === 'file');
      const commands = requests.filter(({ kind }) => kind === 'run');
      const texts = new Map<string, InputText>(files.length === 0 ? [] : await readFiles(repo, await tree(), files));
      if (commands.length === 0) return texts;
      const processes = createProcesses({ clock: createClock() });
      const limit = pLimit(COMMANDS_AT_ONCE);
      await interruptible(async (signal) => {
        await limit.map(commands, async (request) => {
          texts.set(inputKey(request), await runCommand(request, { processes, cwd: repositoryFolder(repo), env, signal }));
        });
      });
      return texts;
    },
  };
}

async function readFiles(repo: Repository, tree: BaseTree, requests: readonly InputRequest[]): Promise<[string, InputText][]> {
  const found = requests.flatMap((request) => {
    const sha = tree.get(request.name);
    return sha === undefined ? [] : [{ request, sha, maxBytes: request.maxBytes }];
  });
  const contents = await loadBlobs(repo, found);
  const missing = requests.filter(({ name }) => !tree.has(name)).map((request): [string, InputText] => {
    const meant = tree.size > MOST_COMPARED ? undefined : nearest(request.name, tree.keys());
    return [inputKey(request), { ok: false, message: `is not a file of the base commit${meant === undefined ? '' : ` (did you mean \`${meant}\`?)`}` }];
  });
  return [...missing, ...found.map(({ request }, index): [string, InputText] => [inputKey(request), textOf(contents[index] ?? 0, request.maxBytes)])];
}

function textOf(content: Buffer | number, maxBytes: number): InputText {
  if (typeof content === 'number') return { ok: false, message: `has ${content} bytes, and at most ${maxBytes} are read` };
  const text = content.toString('utf8');
  return text.includes('\0') ? { ok: false, message: 'is not a text' } : { ok: true, text: text.replace(/^\ufeff/, '') };
}

interface Running {
  readonly processes: Processes;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

async function runCommand({ name, maxBytes }: InputRequest, { processes, cwd, env, signal }: Running): Promise<InputText> {
  const lines: string[] = [];
  let bytes = 0;
  const tooMuch = new AbortController();
  const end = await processes.run(
    {
      command: '/bin/sh', args: ['-c', name], cwd, env: { ...env }, stdin: null,
      timeoutMs: COMMAND_TIMEOUT_MS, idleTimeoutMs: null, graceMs: 2000, logFile: null,
      onLine: (line, stream) => {
        if (stream === 'stderr') return;
        bytes += Buffer.byteLength(line) + 1;
        if (bytes <= maxBytes) lines.push(line);
        else tooMuch.abort({ reason: 'interrupted', forced: true } satisfies StopRequest);
      },
    },
    AbortSignal.any([signal, tooMuch.signal]),
  );
  if (bytes > maxBytes) return { ok: false, message: `prints more than ${maxBytes} bytes` };
  const { exit } = end;
  if (exit.kind === 'code' && exit.code === 0) return textOf(Buffer.from(lines.map((line) => `${line}\n`).join('')), maxBytes);
  const said = end.stderrTail.trim().split('\n').at(-1)?.slice(0, 200) ?? '';
  const why = exit.kind === 'code' ? `exited with ${exit.code}` : exit.kind === 'timeout' ? `was not done after ${plural(COMMAND_TIMEOUT_MS / 1000, 'second')}` : exit.kind === 'spawn-error' ? exit.message : 'was stopped';
  return { ok: false, message: `${why}${said === '' ? '' : `: ${said}`}` };
}

// One spawned child, contained: its streams, how the program in it ended, and the end of its wrapper. The only importer of
// execa, whose own waiting, buffering, killing and clean-up are all switched off: they end with the streams, and streams
// outlive processes.
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import type { Exit } from '../../run/events.ts';
import { isSettledWithin } from '../clock.ts';
import type { ProcessSpec } from '../effects.ts';
import type { Contained, Containment } from './containment.ts';
import { codeOf, explainSpawnError } from './spawn-error.ts';
import { exitOfStatus, Supervision } from './supervisor.ts';
import { send, type Tree } from './tree.ts';

// A supervisor ends by itself as soon as its tree is gone.
const DISMISS_MS = 1000;
// What a wrapper says when it cannot do its work fits easily.
const MAX_COMPLAINT_CHARS = 4000;
const COMPLAINT_WAIT_MS = 200;

export interface Child {
  readonly pid: number;
  readonly tree: Tree;
  readonly stdin: Writable | null;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** How the program ended, without what it may have left behind. Never rejects. */
  readonly exited: Promise<Exit>;
  /** After the end of the tree: sees that the wrapper is gone too and lets go of everything. */
  dismiss(): Promise<void>;
}

/** Takes a moment, and a merge that verifies nothing starts none: whoever is going to start programs asks for it while something else is waited for. */
export function loadExeca(): Promise<typeof import('execa')> {
  return import('execa');
}

/** Starts a contained program; an `Exit` if even its wrapper could not be started. */
export async function startChild(containment: Containment, contained: Contained, { nonce, hasStdin }: { readonly nonce: string; readonly hasStdin: boolean }): Promise<Child | Exit> {
  const { execa } = await loadExeca();
  const target = containment.wrap(contained, nonce);
  const child = execa(target.command, target.args, {
    cwd: contained.cwd, env: target.env, extendEnv: false, preferLocal: false, detached: true, cleanup: false, forceKillAfterDelay: false,
    reject: false, buffer: false, encoding: 'buffer', stripFinalNewline: false, verbose: 'none',
    stdio: [hasStdin ? 'pipe' : 'ignore', 'pipe', 'pipe', containment.isSupervised ? 'pipe' : 'ignore'],
  });
  if (child.pid === undefined) {
    const failed = await child;
    const code = codeOf(failed.cause);
    // Too much is what the caller passes, missing is what we start.
    const blamed = code === 'E2BIG' ? contained : { ...target, cwd: contained.cwd };
    return { kind: 'spawn-error', message: explainSpawnError(blamed, code, failed.originalMessage ?? 'unknown reason') };
  }
  const { pid } = child;
  const { stderr } = child;
  const ended = new Promise<Exit>((resolve) => {
    child.once('exit', (code: number | null, signal: NodeJS.Signals | null) => {
      resolve(signal === null ? { kind: 'code', code: code ?? 0 } : { kind: 'signal', signal });
    });
  });
  const supervision = containment.isSupervised ? new Supervision(child.stdio[3] as Socket) : null;
  return {
    pid,
    tree: containment.adopt({ pid, supervision }, nonce),
    stdin: child.stdin,
    stdout: child.stdout,
    stderr,
    exited: supervision === null ? ended : exitOf(supervision, { contained, ended, stderr }),
    async dismiss() {
      supervision?.close();
      if (supervision !== null && !(await isSettledWithin(ended, DISMISS_MS))) {
        send(pid, 'SIGKILL');
        await isSettledWithin(ended, DISMISS_MS);
      }
      child.stdin?.destroy();
      child.unref();
    },
  };
}

interface Wrapper {
  readonly contained: Pick<ProcessSpec, 'command' | 'cwd' | 'env'>;
  /** The wrapper's own end. */
  readonly ended: Promise<Exit>;
  readonly stderr: Readable;
}

async function exitOf(supervision: Supervision, { contained, ended, stderr }: Wrapper): Promise<Exit> {
  let complaint = '';
  const listen = (chunk: Buffer): void => {
    if (supervision.stage === 'starting' && complaint.length < MAX_COMPLAINT_CHARS) complaint += chunk.toString('utf8');
  };
  stderr.on('data', listen);
  const closed = new Promise((resolve) => stderr.once('close', resolve));
  const report = await supervision.report;
  stderr.off('data', listen);
  if (report.kind === 'exit') return report.exit;
  if (report.kind === 'not-started') return { kind: 'spawn-error', message: explainSpawnError(contained, report.code, 'unknown reason') };
  const end = await ended;
  // The supervisor was killed, by the program or from outside. A wrapper says 128+n where its child died by signal n.
  if (report.started) return end.kind === 'code' ? exitOfStatus(end.code) : end;
  await isSettledWithin(closed, COMPLAINT_WAIT_MS);
  const reason = complaint.trim().split('\n').at(-1) ?? '';
  return { kind: 'spawn-error', message: `cannot start ${contained.command} contained: ${reason === '' ? `the wrapper ended (${describe(end)})` : reason}` };
}

function describe(exit: Exit): string {
  return exit.kind === 'code' ? `exit code ${exit.code}` : exit.kind === 'signal' ? exit.signal : exit.kind;
}

// `orch logs TASK`: an agent's progress as people read it, or its bytes; with `-f` until the task has ended.
import { open, stat } from 'node:fs/promises';
import path from 'node:path';
import { pause } from '../effects/clock.ts';
import { openRepository } from '../effects/git/repository.ts';
import { EXIT, OrchError } from '../errors.ts';
import { resolveRun } from '../journal/run-list.ts';
import { runPaths } from '../journal/run-paths.ts';
import { safeText } from '../lib/terminal.ts';
import type { Plan, PlannedTask } from '../plan/plan.ts';
import { progressLines } from './agent-log.ts';
import { loadRecords, loadStatus, requireTask } from './records.ts';
import { note } from './terminal.ts';

export interface LogsArgs {
  readonly task: string;
  readonly run?: string | undefined;
  readonly attempt?: number | undefined;
  readonly follow?: boolean | undefined;
  readonly raw?: boolean | undefined;
}

const CHUNK = 256 * 1024;
/** A log grows by other processes' writes, which no portable signal announces across file systems. */
const POLL_MS = 200;

export async function logsCommand(args: LogsArgs): Promise<number> {
  const { commonDir } = await openRepository(process.cwd());
  const run = await resolveRun(commonDir, args.run);
  const isOpen = async (): Promise<boolean> => {
    const document = await loadStatus(commonDir, run);
    return document.state === 'running' && requireTask(document, args.task).state !== 'settled';
  };
  const { plan, document } = await loadRecords(commonDir, run);
  const task = requireTask(document, args.task);
  const attempt = args.attempt ?? Math.max(1, task.attempts);
  const file = runPaths(commonDir, run).attempt(args.task, attempt).output;
  const show = args.raw === true ? (bytes: Buffer) => void process.stdout.write(bytes) : readable(plan, plan.tasks.find(({ id }) => id === args.task));
  const verifyLog = path.join(path.dirname(file), 'verify.log');
  const showVerify = titled('verify', args.raw === true);
  let offset = 0;
  let verified = 0;
  for (;;) {
    // Asked before reading, so that what was written before the end is not missed.
    const goesOn = args.follow === true && (await isOpen());
    offset = await copyFrom(file, offset, show);
    verified = await copyFrom(verifyLog, verified, showVerify);
    if (!goesOn) break;
    await pause(POLL_MS);
  }
  if (offset + verified === 0) return emptyLog(task.state, { task: args.task, attempt, attempts: task.attempts, message: task.message });
  return EXIT.ok;
}

/** Prints bytes under a title that comes before the first of them. */
function titled(title: string, isRaw: boolean): (bytes: Buffer) => void {
  let isFirst = true;
  return (bytes) => {
    if (isFirst) process.stdout.write(`── ${title} ──\n`);
    isFirst = false;
    process.stdout.write(isRaw ? bytes : bytes.toString('utf8').split('\n').map(safeText).join('\n'));
  };
}

function emptyLog(state: string, { task, attempt, attempts, message }: { task: string; attempt: number; attempts: number; message: string | null }): number {
  if (attempt > Math.max(1, attempts)) {
    throw new OrchError({ code: 'no-attempt', message: `${task} has had ${attempts} attempts`, hint: `--attempt 1 … ${Math.max(1, attempts)}`, exitCode: EXIT.usage });
  }
  note(state === 'queued' || state === 'blocked' ? `${task} has not started yet` : `${task} has printed nothing${message === null ? '' : `: ${message}`}`);
  return EXIT.ok;
}

async function copyFrom(file: string, from: number, show: (bytes: Buffer) => void): Promise<number> {
  const size = await stat(file).then((s) => s.size, () => 0);
  if (size <= from) return from;
  const handle = await open(file, 'r');
  try {
    let offset = from;
    while (offset < size) {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(Math.min(CHUNK, size - offset)), 0, Math.min(CHUNK, size - offset), offset);
      if (bytesRead === 0) break;
      show(buffer.subarray(0, bytesRead));
      offset += bytesRead;
    }
    return offset;
  } finally {
    await handle.close();
  }
}

/** As people read it. */
function readable(plan: Plan, task: PlannedTask | undefined): (bytes: Buffer) => void {
  const lines = progressLines(plan, task);
  return (bytes) => {
    for (const text of lines(bytes)) process.stdout.write(`${safeText(text)}\n`);
  };
}

// What has ended in runs that went on in the background: told once, on the terminal at the next command, or to a program
// with `orch notifications`.
import { stat } from 'node:fs/promises';
import { pause } from '../effects/clock.ts';
import { openRepository } from '../effects/git/repository.ts';
import { EXIT } from '../errors.ts';
import { loadRunNames } from '../journal/run-list.ts';
import { runPaths } from '../journal/run-paths.ts';
import { loadEpochs, segmentFile } from '../journal/segment.ts';
import { loadRun } from '../journal/store.ts';
import { claimQueue, queueAfter, type Claim } from '../journal/told.ts';
import type { Plan, RunId } from '../plan/plan.ts';
import { notificationLines, notificationsOf, type Notification } from '../reporters/notification.ts';
import { statusDocument, type StatusDocument } from '../reporters/status.ts';
import type { RunState } from '../run/state.ts';
import { stateOf } from './records.ts';
import { note } from './terminal.ts';

const POLL_MS = 500;

/** Prints what has not been told; `--follow`: goes on until it is stopped. */
export async function notificationsCommand({ follow, json }: { readonly follow?: boolean | undefined; readonly json?: boolean | undefined }): Promise<number> {
  const { commonDir } = await openRepository(process.cwd());
  const tell = (told: readonly Notification[], documents: ReadonlyMap<RunId, StatusDocument>): void => {
    const lines = json === true ? told.map((one) => JSON.stringify(one)) : notificationLines(told, documents);
    if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`);
  };
  const seen = new Map<RunId, string>();
  for (;;) {
    await deliver(commonDir, tell, seen);
    if (follow !== true) return EXIT.ok;
    await pause(POLL_MS);
  }
}

/** The same on stderr after another command; nothing that goes wrong here is that command's business. */
export async function tellOnTerminal(): Promise<void> {
  try {
    const { commonDir } = await openRepository(process.cwd());
    await deliver(commonDir, (told, documents) => { for (const line of notificationLines(told, documents)) note(line); }, new Map());
  } catch {
    // Said at the next command, or wherever the same thing is in the way of what was asked for.
  }
}

/** From now on people are to be told of what this run does: after event `seq`, or after what it has done so far. */
export async function tellLater(commonDir: string, run: RunId, seq?: number): Promise<void> {
  const after = seq ?? (await loadRun(commonDir, run)).events.at(-1)?.seq ?? 0;
  await queueAfter(runPaths(commonDir, run).dir, after);
}

/** People have seen what became of it. */
export async function markTold(commonDir: string, { plan, state }: { readonly plan: Plan; readonly state: RunState }): Promise<void> {
  const claim = await claimQueue(runPaths(commonDir, plan.run).dir);
  if (claim !== null) await release(claim, state);
}

async function release(claim: Claim, { seq, finishedAt }: RunState): Promise<void> {
  await (finishedAt === null ? claim.advance(Math.max(seq, claim.seq)) : claim.end());
}

/** Another one whenever the journal has another event. */
async function journalLength(dir: string): Promise<string> {
  const newest = (await loadEpochs(dir).catch(() => [])).at(-1);
  if (newest === undefined) return '';
  return `${newest}:${await stat(segmentFile(dir, newest)).then(({ size }) => size, () => 0)}`;
}

type Tell = (notifications: readonly Notification[], documents: ReadonlyMap<RunId, StatusDocument>) => void;

/** What was told is recorded afterwards: who dies in between tells it again, rather than never. `seen`: how long the journals were the last time. */
async function deliver(commonDir: string, tell: Tell, seen: Map<RunId, string>): Promise<void> {
  const notifications: Notification[] = [];
  const documents = new Map<RunId, StatusDocument>();
  const told: (() => Promise<void>)[] = [];
  for (const run of await loadRunNames(commonDir)) {
    const { dir } = runPaths(commonDir, run);
    const length = await journalLength(dir);
    if (seen.get(run) === length) continue;
    const claim = await claimQueue(dir);
    if (claim === null) continue;
    seen.set(run, length);
    const loaded = await loadRun(commonDir, run).catch(() => null);
    if (loaded === null) {
      await claim.advance(claim.seq);
      continue;
    }
    const state = stateOf(loaded);
    const document = statusDocument(loaded.plan, state, { run, now: Date.now(), live: state.finishedAt === null });
    documents.set(run, document);
    notifications.push(...notificationsOf(loaded.events, claim.seq, document));
    told.push(async () => await release(claim, state));
  }
  tell(notifications, documents);
  for (const each of told) await each();
}

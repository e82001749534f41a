// Watches over what no attempt may change in a repository: configuration, hooks, info, other branches. Looks when attempts
// begin and end, puts back what was changed, and says whose doing it was if that can be said; never blames a guess.
//
// Nobody can tell an agent from the user by a changed file alone, so the rules are: orch's own references and everything
// that decides what git runs are always put back (the changed file is kept aside); a branch that was moved under a
// person's checkout, too; other branches and tags may be the user's work and are only named. An attempt is blamed when it
// was the only one at work, or when the trace of its git commands shows it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { RunId } from '../../plan/plan.ts';
import type { Integrity, Repository, Tampering, Watched } from '../effects.ts';
import { fileChanges, lookAtFiles, restoreFiles, type FileChange, type FileStates } from './integrity-files.ts';
import { createRefLook, refChanges, type RefChange, type RefStates } from './integrity-refs.ts';
import { gitRaw } from './plumbing.ts';
import { createRefs } from './refs.ts';
import { evidence, loadTrace } from './trace.ts';

interface Present {
  readonly watched: Watched;
  readonly links: ReadonlyMap<string, string | null>;
  readonly done: string[];
  readonly notes: string[];
}
/** Something that was changed, and what may show by whom. */
interface Deed {
  readonly what: string;
  readonly at: number | null;
  /** What a command that did it would name. */
  readonly names: readonly string[];
}

/** Keys that git itself writes for ordinary commands, and that make it run nothing. */
const ORDINARY = /^branch\./;
/** What an agent without an identity sets: it must not become the user's, and is no attack. */
const IDENTITY = /^user\.(name|email)$/;

/** The watch over one run in one repository; `isOnlyRun` = no other run of it is under way now. */
export function createIntegrity(init: { repo: Repository; run: RunId; linksOf: (watched: Watched) => Promise<ReadonlyMap<string, string | null>>; isOnlyRun: () => Promise<boolean> }): Integrity {
  const { repo, run } = init;
  const refs = createRefs(repo, { message: 'orch: put back' });
  const lookAtRefs = createRefLook(repo);
  const present = new Map<string, Present>();
  let files: FileStates = new Map();
  let known: RefStates = new Map();
  const ours = new Set<string>();
  let knownAt = 0;
  let turn: Promise<unknown> = Promise.resolve();
  let count = 0;

  const inTurn = async <T>(work: () => Promise<T>): Promise<T> => {
    const mine = turn.then(work, work);
    turn = mine.catch(() => undefined);
    return await mine;
  };
  const accuse = async (deed: Deed): Promise<void> => {
    const agents = [...present.values()].filter(({ watched }) => watched.kind === 'agent');
    const isAlone = agents.length === 1 && present.size === 1 && (await init.isOnlyRun());
    const traced = isAlone ? [] : await Promise.all(agents.map(async ({ watched }) => (watched.trace === null ? 0 : evidence(await loadTrace(watched.trace), deed))));
    const most = Math.max(0, ...traced);
    const shown = agents.filter((_, i) => most > 0 && traced[i] === most);
    const guilty = shown.length > 0 ? shown : isAlone ? agents : [];
    for (const { done } of guilty) done.push(deed.what);
    if (guilty.length > 0) return;
    const names = agents.map(({ watched }) => watched.task).join(', ');
    for (const { notes } of agents) notes.push(`${deed.what} while ${names} ran; whose doing it was is not known`);
  };
  const checkFiles = async (): Promise<void> => {
    const now = lookAtFiles(repo.commonDir, files);
    const changes = fileChanges(files, now);
    const isAnyAgent = [...present.values()].some(({ watched }) => watched.kind === 'agent');
    const wanted = isAnyAgent ? await withoutOrdinary(changes) : [];
    files = now;
    if (wanted.length === 0) return;
    count += 1;
    const aside = path.join(repo.commonDir, 'orch', 'tampered', run, String(count));
    const failed = new Set(await restoreFiles(repo.commonDir, wanted.map(({ change }) => change), aside));
    files = lookAtFiles(repo.commonDir, now);
    for (const { change, keys, isHarmless } of wanted) {
      const rest = failed.has(change.file) ? 'could NOT be put back' : `put back${change.after === null ? '' : `; the changed file is ${path.join(aside, change.file)}`}`;
      const what = `${verb(change)} .git/${change.file}${keys.length > 0 ? ` (${keys.slice(0, 3).join(', ')})` : ''}: ${rest}`;
      if (!isHarmless) await accuse({ what, at: change.after?.changedAt ?? null, names: keys });
      else for (const { notes, watched } of present.values()) if (watched.kind === 'agent') notes.push(what);
    }
  };
  const checkRefs = async (settled: RefStates): Promise<void> => {
    const now = Date.now();
    const after = await lookAtRefs();
    const changes = (await refChanges(repo, known, { after, settled, since: knownAt })).filter((change) => !ours.has(`${change.ref} ${change.after ?? ''}`));
    knownAt = now;
    const next = new Map(after);
    for (const change of changes) {
      const isRestored = change.owner === 'theirs' ? false : await putBack(change);
      if (isRestored && change.before !== null) next.set(change.ref, change.before);
      await tell(change, isRestored);
    }
    known = next;
  };
  const tell = async ({ ref, before, after, owner, changedAt }: RefChange, isRestored: boolean): Promise<void> => {
    const did = before === null ? 'made' : after === null ? 'deleted' : 'moved';
    const name = ref.replace(/^refs\/(heads|tags)\//, '');
    if (owner !== 'theirs') return await accuse({ what: `${did} ${ref}: ${isRestored ? 'put back' : 'could NOT be put back'}`, at: changedAt, names: [name] });
    const agents = [...present.values()].filter(({ watched }) => watched.kind === 'agent');
    const names = agents.map(({ watched }) => watched.task).join(', ');
    for (const { notes } of agents) notes.push(`somebody ${did} ${ref} while ${names} ran; it was left as it is`);
  };
  const putBack = async ({ ref, before, after }: RefChange): Promise<boolean> => {
    // What it was moved to is kept as well: nothing that anybody made is lost.
    const keep = after === null || before === null ? [] : [{ ref: `refs/orch/tampered/${run}/${after}`, from: null, to: after }];
    await refs.move(keep);
    return (await refs.move([{ ref, from: after, to: before }])) === null;
  };

  return {
    enter: async (watched) => await inTurn(async () => {
      // What changed while nobody was at work is the user's.
      if (present.size === 0) {
        knownAt = Date.now();
        [files, known] = [lookAtFiles(repo.commonDir, files), await lookAtRefs()];
      } else await checkFiles();
      present.set(keyOf(watched), { watched, links: await init.linksOf(watched), done: [], notes: [] });
    }),
    leave: async (watched, settled) => await inTurn(async (): Promise<Tampering> => {
      const mine = present.get(keyOf(watched));
      if (mine === undefined) return { done: [], notes: [] };
      await checkFiles();
      if (watched.kind === 'agent') await checkRefs(settled);
      const now = await init.linksOf(watched);
      const broken = [...mine.links].filter(([file, text]) => now.size > 0 && now.get(file) !== text).map(([file]) => `changed ${file}: put back`);
      present.delete(keyOf(watched));
      return { done: [...mine.done, ...broken], notes: mine.notes };
    }),
    moving: (ref, to) => { ours.add(`${ref} ${to}`); },
    moved: (ref, to) => { known = new Map([...known, [ref, to] as const]); },
  };
}

function keyOf({ task, kind }: Watched): string {
  return `${kind} ${task}`;
}

function verb({ before, after }: FileChange): string {
  return before === null ? 'added' : after === null ? 'deleted' : 'changed';
}

interface Judged {
  readonly change: FileChange;
  /** Configuration keys that differ. */
  readonly keys: readonly string[];
  readonly isHarmless: boolean;
}

async function withoutOrdinary(changes: readonly FileChange[]): Promise<Judged[]> {
  const judged = await Promise.all(changes.map(async (change): Promise<Judged | null> => {
    if (change.file !== 'config' || change.before?.content == null || change.after?.content == null) return { change, keys: [], isHarmless: false };
    const keys = await changedKeys(change.before.content, change.after.content);
    if (keys.every((key) => ORDINARY.test(key))) return null;
    const rest = keys.filter((key) => !ORDINARY.test(key));
    return { change, keys: rest, isHarmless: rest.every((key) => IDENTITY.test(key)) };
  }));
  return judged.filter((each) => each !== null);
}

/** The keys whose values differ between two configurations; a file that git cannot read differs in a key of that name. */
async function changedKeys(before: Buffer, after: Buffer): Promise<string[]> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'orch-config-'));
  try {
    const [a, b] = await Promise.all([before, after].map(async (content, i) => {
      const file = path.join(folder, String(i));
      await writeFile(file, content);
      const { code, stdout } = await gitRaw(['config', '--file', file, '--no-includes', '--list', '-z'], { cwd: folder });
      return code === 0 ? stdout.toString().split('\0').filter((entry) => entry !== '') : null;
    }));
    if (a == null || b == null) return ['unreadable'];
    const [old, now] = [new Set(a), new Set(b)];
    const different = [...old].filter((entry) => !now.has(entry)).concat([...now].filter((entry) => !old.has(entry)));
    return [...new Set(different.map((entry) => entry.split('\n')[0] ?? ''))].sort();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

// Reads and moves references. Moves are compare-and-swap, never follow a symbolic reference, and those that are asked
// for at the same time go to git together.
import type { Sha } from '../../plan/plan.ts';
import type { Repository } from '../effects.ts';
import { gitEnvironment } from './environment.ts';
import { pause } from '../clock.ts';
import { createConversation } from './conversation.ts';
import { createNames } from './names.ts';
import { gitRaw, GitFailure, type GitCall } from './plumbing.ts';

/** `from: null` = must not exist yet, undefined = whatever it is now; `to: null` = delete. References in full. */
export interface RefMove {
  readonly ref: string;
  readonly from: Sha | null | undefined;
  readonly to: Sha | null;
}
/** null = done; otherwise why not. */
export type RefRefusal = string | null;

export interface Refs {
  /** Makes all of these moves or none. */
  move(moves: readonly RefMove[]): Promise<RefRefusal>;
  /**
   * The commits that these expressions name (`refs/heads/x`, `HEAD^{commit}`, `sha^{tree}`), null for what does not exist.
   * A bare sha that somebody prunes meanwhile may still be found.
   */
  resolve(names: readonly string[]): Promise<(Sha | null)[]>;
  /** Existing references under these prefixes or with these exact names. */
  list(patterns: readonly string[]): Promise<RefEntry[]>;
  /** Ends the processes that answer and that make moves, and waits for their end. */
  rest(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
export interface RefEntry {
  readonly ref: string;
  readonly sha: Sha;
  readonly tree: Sha | null;
  readonly parents: readonly Sha[];
  /** Where it is checked out, or null. */
  readonly worktree: string | null;
}

interface Pending {
  readonly moves: readonly RefMove[];
  readonly settle: (refusal: RefRefusal) => void;
}

/** References of one repository. `message` is written to reflogs; `env` is added to that of git. */
export function createRefs(repo: Repository, { message = 'orch', env = {} }: { message?: string; env?: Readonly<Record<string, string>> } = {}): Refs {
  // What an agent planted must not make git fetch a missing object by a command of its own.
  const call = { cwd: repo.commonDir, env: { ...gitEnvironment(), GIT_DIR: repo.commonDir, GIT_NO_LAZY_FETCH: '1', ...env } };
  const transactions = createConversation({ ...call, args: ['update-ref', '-m', message, '--no-deref', '--stdin'] });
  const names = createNames(call);
  let pending: Pending[] = [];
  let running = false;

  const rest = async (): Promise<void> => { await Promise.all([transactions.rest(), names.rest()]); };
  const update = async (moves: readonly RefMove[]): Promise<RefRefusal> => {
    const zero = '0'.repeat(repo.objectFormat === 'sha256' ? 64 : 40);
    const input = moves
      .map(({ ref, from, to }) => `${to === null ? `delete ${ref}` : `update ${ref} ${to}`}${from === undefined ? '' : ` ${from ?? zero}`}\n`)
      .join('');
    // A transaction that is refused ends the process.
    const answer = await transactions.ask(`start\n${input}commit\n`, (said) => said.endsWith('commit: ok\n'));
    return 'said' in answer ? null : answer.ended.replace(/^fatal: (?:commit: )?/, '');
  };
  const drain = async (): Promise<void> => {
    running = true;
    while (pending.length > 0) {
      const batch = pending;
      pending = [];
      const refusal = await update(batch.flatMap((each) => each.moves));
      for (const each of batch) {
        // One bad move refuses the whole batch: find out whose it was.
        each.settle(refusal === null || batch.length === 1 ? refusal : await update(each.moves));
      }
    }
    running = false;
  };
  return {
    move: (moves) =>
      moves.length === 0
        ? Promise.resolve(null)
        : new Promise((settle) => {
            pending.push({ moves, settle });
            if (!running) {
              running = true;
              setImmediate(() => void drain());
            }
          }),
    resolve: (wanted) => names.look(wanted),
    async list(patterns) {
      const format = '--format=%(refname)%00%(objectname)%00%(tree)%00%(parent)%00%(worktreepath)';
      const out = await askPatiently(['for-each-ref', format, ...patterns], call);
      return out.toString().split('\n').filter((line) => line !== '').map((line) => {
        const [ref = '', sha = '', tree = '', parents = '', worktree = ''] = line.split('\0');
        return { ref, sha, tree: tree || null, parents: parents === '' ? [] : parents.split(' '), worktree: worktree || null };
      });
    },
    rest,
    [Symbol.asyncDispose]: rest,
  };
}

const ROUNDS = 10;
const PAUSE_MS = 10;

/** A worktree that is removed while git looks through all of them makes git give up: it is asked again. */
async function askPatiently(args: readonly string[], call: GitCall): Promise<Buffer> {
  for (let round = 1; ; round += 1) {
    const output = await gitRaw(args, call);
    if (output.code === 0) return output.stdout;
    if (round === ROUNDS || !/worktrees\/.*\/commondir/.test(output.stderr)) throw new GitFailure(args, call.cwd, output);
    await pause(PAUSE_MS);
  }
}

// Moves the target to exactly one commit, by compare-and-swap, or not at all. A target that somebody has checked out is
// moved only by git's own fast-forward there, which refuses to touch what is theirs; the result waits on a branch of its
// own otherwise. Never checks out, resets, stashes, or overwrites anything.
import { crashPoint } from '../../lib/crash-point.ts';
import type { RunId, Sha } from '../../plan/plan.ts';
import type { Repository } from '../effects.ts';
import { gitEnvironment } from './environment.ts';
import { checkoutsOf, fastForward, type Checkout } from './land-checkout.ts';
import { gitRaw, type GitCall } from './plumbing.ts';
import type { Refs } from './refs.ts';
import { isAncestor } from './repository.ts';

export type Landing =
  /** The target is at the new commit. */
  | { readonly kind: 'landed'; readonly in: 'branch' | 'checkout' }
  /** The target could not be touched; the commit is on `branch` and `command` would bring it in. */
  | { readonly kind: 'aside'; readonly branch: string; readonly because: string; readonly command: string }
  /** Somebody else has moved the target (or what waits for it) meanwhile. */
  | { readonly kind: 'moved'; readonly to: Sha }
  | { readonly kind: 'failed'; readonly message: string };

export interface Lander {
  /** What merges are to be stacked on: the target, or what already waits for it. null = there is no such branch. */
  tip(): Promise<Sha | null>;
  land(from: Sha, to: Sha): Promise<Landing>;
  /** Whether the target, or what waits for it, contains a commit. */
  contains(commit: Sha): Promise<boolean>;
}

/** Lands on `refs/heads/<target>`; what cannot, waits on `refs/heads/orch/<run>/merged`. */
export function createLander(repo: Repository, options: { run: RunId; target: string; /** nothing lands: all of it waits */ keepsTarget?: boolean; /** the caller's to end */ refs: Refs }): Lander {
  const target = `refs/heads/${options.target}`;
  const waiting = `orch/${options.run}/merged`;
  const { refs } = options;
  const call: GitCall = { cwd: repo.commonDir, env: { ...gitEnvironment(), GIT_DIR: repo.commonDir } };

  /** What waits is behind as soon as the target has it. */
  const look = async (): Promise<{ at: Sha | null; aside: Sha | null; tip: Sha | null }> => {
    const [at = null, aside = null] = await refs.resolve([target, `refs/heads/${waiting}`]);
    const isBehind = aside === null || at === null || (await isAncestor(repo, aside, at));
    return { at, aside, tip: isBehind ? at : aside };
  };

  const putAside = async (aside: Sha | null, to: Sha, because: string, command = `git merge --ff-only ${waiting}`): Promise<Landing> => {
    const refusal = await refs.move([{ ref: `refs/heads/${waiting}`, from: aside, to }]);
    if (refusal !== null) {
      const now = await look();
      return now.aside === aside || now.tip === null ? { kind: 'failed', message: refusal } : { kind: 'moved', to: now.tip };
    }
    return { kind: 'aside', branch: waiting, because, command };
  };

  const place = async (at: Sha, to: Sha, checkouts: readonly Checkout[]): Promise<{ isDone: boolean; because: string }> => {
    const [checkout] = checkouts;
    if (checkout === undefined) {
      const refusal = await refs.move([{ ref: target, from: at, to }]);
      return { isDone: refusal === null, because: refusal ?? '' };
    }
    if (!checkout.isReachable) return { isDone: false, because: `${options.target} is checked out in ${checkout.path}, which cannot be reached` };
    if (checkout.busy !== null) return { isDone: false, because: `a ${checkout.busy} of ${options.target} is under way in ${checkout.path}` };
    if (checkouts.length > 1) return { isDone: false, because: `${options.target} is checked out in ${checkouts.map(({ path }) => path).join(' and ')}` };
    const because = await fastForward(checkout, { ref: target, from: at, to });
    return { isDone: because === null, because: because ?? '' };
  };

  return {
    tip: async () => (await look()).tip,
    contains: async (commit) => {
      const { tip } = await look();
      return tip !== null && (await isAncestor(repo, commit, tip));
    },
    async land(from, to) {
      const { at, aside, tip } = await look();
      if (at === null || tip === null) return { kind: 'failed', message: `branch ${options.target} does not exist` };
      if (tip !== from) return { kind: 'moved', to: tip };
      if (options.keepsTarget === true) return putAside(aside, to, 'it is to be merged by pull request');
      const [symbolic, isForward, checkouts] = await Promise.all([gitRaw(['symbolic-ref', '-q', target], call), isAncestor(repo, at, to), checkoutsOf(repo, target)]);
      if (symbolic.code === 0) return putAside(aside, to, `${options.target} is another name for ${symbolic.stdout.toString().trim()}`);
      // With results that wait and a target that has gone its own way, there is nothing to fast-forward.
      if (!isForward) return putAside(aside, to, `${options.target} has moved on`, `git merge ${waiting}`);
      const placed = await place(at, to, checkouts);
      crashPoint('target-moved');
      const [now] = await refs.resolve([target]);
      if (now === to && aside !== null) await refs.move([{ ref: `refs/heads/${waiting}`, from: aside, to: null }]);
      if (now === to) return { kind: 'landed', in: checkouts.length === 0 ? 'branch' : 'checkout' };
      if (now !== at) return now === null || now === undefined ? { kind: 'failed', message: `branch ${options.target} was deleted` } : { kind: 'moved', to: (await look()).tip ?? now };
      if (placed.isDone) return { kind: 'failed', message: `${options.target} is not where it was just put` };
      return putAside(aside, to, placed.because);
    },
  };
}

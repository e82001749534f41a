// A program that tries everything not to be found, and the question who of its kind still lives. All of them carry a tag in
// their command line, which no detaching and no clearing of the environment takes away.
import { readdirSync, readFileSync } from 'node:fs';
import { isAlive } from './process-rig.ts';

const SLEEP = `perl -e 'my $end = time + 120; sleep 1 while time < $end'`;
const DEAF = `perl -e '$SIG{$_} = "IGNORE" for qw(TERM INT HUP); my $end = time + 120; sleep 1 while time < $end'`;
// Ends by itself: one that escapes a failing test must not fill the process table of the machine (it did).
const HOPPER = `perl -e 'my $end = time + 8; while (time < $end) { fork and exit; select undef, undef, undef, 0.004 }'`;
const QUIET = '</dev/null >/dev/null 2>&1';

export interface HostileOptions {
  readonly tag: string;
  /** Written when all have been started. */
  readonly ready: string;
  /** Also those that only a namespace or a subreaper finds: no environment, no session, no parent; and one that forks without end. */
  readonly worst: boolean;
}

/** A shell script that starts one of each kind and then ignores TERM. */
export function hostileScript({ tag, ready, worst }: HostileOptions): string {
  const bare = (program: string): string => `(env -i PATH="$PATH" setsid ${program} ${tag} ${QUIET} &)`;
  return [
    `${SLEEP} ${tag} &`,
    `(${SLEEP} ${tag} &)`,
    `setsid ${SLEEP} ${tag} ${QUIET} &`,
    `(setsid ${DEAF} ${tag} ${QUIET} &)`,
    `(cd / && setsid ${SLEEP} ${tag} ${QUIET} &)`,
    `${DEAF} ${tag} &`,
    ...(worst ? [bare(SLEEP), bare(DEAF), bare(HOPPER)] : []),
    `trap '' TERM; sleep 0.1; echo on > ${ready}.tmp; mv ${ready}.tmp ${ready}; while :; do sleep 1; done`,
  ].join('\n');
}

/** Pids of living processes that have the tag in their command line, wrappers included. */
export function taggedSurvivors(tag: string): readonly number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      return pid !== process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(tag) && isAlive(pid);
    } catch {
      return false;
    }
  });
}

/** Looks until nobody with the tag is left, or the time is over; tells who is left. */
export async function tagGone(tag: string, withinMs: number): Promise<readonly number[]> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const left = taggedSurvivors(tag);
    // One look can miss a process that hops; three in a row do not.
    if (left.length === 0 && taggedSurvivors(tag).length === 0 && taggedSurvivors(tag).length === 0) return [];
    if (performance.now() > deadline) return left;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** For clean-up after a failure. */
export function killTagged(tag: string): void {
  for (let round = 0; round < 200; round += 1) {
    const left = taggedSurvivors(tag);
    if (left.length === 0) return;
    for (const pid of left) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Gone.
      }
    }
  }
}

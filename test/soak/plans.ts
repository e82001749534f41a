// Random manifests of well-meaning and hostile tasks whose final branches do not depend on how often they were begun.
export type Random = () => number;

/** Numbers in [0, 1) that a seed decides. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;

interface Task {
  readonly id: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** One task; `dir` is where daemons may leave their marks. */
function taskOf(random: Random, { index, dir }: { index: number; dir: string }): Task {
  const id = `t${index}`;
  const mark = (name: string): string => `${dir}/${id}-${name}`;
  const pause = `sleep ${Math.floor(random() * 300)}`;
  // What is the same in each run is not seen to be lost once.
  const edits = [`edit ${id}/a.txt ${id} a`, `unique ${id}/draft.txt`, pause, `remove ${id}/draft.txt`, ...(random() < 0.5 ? ['commit Mine'] : []), `edit ${id}/b.txt ${id} b`];
  const prompt = (...lines: string[]): { prompt: string } => ({ prompt: lines.join('\n') });
  const kinds: readonly (() => Record<string, unknown>)[] = [
    () => prompt(...edits),
    () => ({ ...prompt(...edits), setup: 'mkdir -p build && echo made > build/made.txt', verify: `test -f build/made.txt && test -f ${id}/b.txt` }),
    () => ({ ...prompt(...edits), verify: `echo junk > ${id}-junk.txt; sleep 0.1; test -f ${id}/a.txt` }),
    () => prompt(`daemon ${mark('daemon')}`, `deaf-daemon ${mark('deaf-daemon')}`, ...edits),
    () => prompt(`bare-daemon ${mark('bare')}`, `child ${mark('child')}`, ...edits),
    () => prompt('deaf', ...edits),
    () => ({ ...prompt(...edits, 'fail 3'), retries: Math.floor(random() * 2) }),
    // A shell: it has begun and written long before its time is up, also on a busy machine.
    () => ({ run: `trap '' TERM INT HUP; mkdir -p ${id}; echo a > ${id}/a.txt; echo b > ${id}/b.txt; while :; do sleep 1; done`, timeout: '3s' }),
    () => ({ retries: 99, verify: `grep -q fixed ${id}.txt`, run: `sleep 0.1; if [ -f ${id}.txt ]; then echo fixed > ${id}.txt; else echo broken > ${id}.txt; fi` }),
    () => ({ run: `(setsid sh -c 'trap "" TERM HUP; sleep 300' >/dev/null 2>&1 &); mkdir -p ${id}; echo ${id} > ${id}/run.txt` }),
    () => ({ expect: 'none', prompt: 'say nothing to do' }),
    () => prompt('git checkout -q --detach', ...edits),
  ];
  return { id, fields: pick(random, kinds)() };
}

/** A manifest in JSON, which is YAML. */
export function manifestOf(random: Random, { tasks: count, dir }: { tasks: number; dir: string }): string {
  const tasks: Record<string, unknown> = {};
  for (let index = 0; index < count; index += 1) {
    const { id, fields } = taskOf(random, { index, dir });
    const needs = Array.from({ length: index }, (_, i) => `t${i}`).filter(() => random() < 0.7 / Math.max(1, index));
    tasks[id] = needs.length === 0 ? fields : { ...fields, needs };
  }
  return JSON.stringify({ 'max-parallel': 2 + Math.floor(random() * 4), tasks }, null, 1);
}

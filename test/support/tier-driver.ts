// An orch of its own, for tests that kill it: runs specs in a tier and prints a line of JSON for each spawn, and at the end.
import { createClock } from '../../src/effects/clock.ts';
import type { ProcessSpec, Spawned, Tier } from '../../src/effects/effects.ts';
import { createProcesses } from '../../src/effects/processes.ts';
import { probeTiers } from '../../src/effects/processes/tiers.ts';

let text = '';
for await (const chunk of process.stdin) text += String(chunk);
const { tier, specs } = JSON.parse(text) as { readonly tier: Tier; readonly specs: readonly ProcessSpec[] };
const clock = createClock();
const found = (await probeTiers(clock)).find((report) => report.tier === tier);
if (found?.containment == null) throw new Error(`tier ${tier} does not work here: ${found?.reason ?? 'unknown'}`);
const processes = createProcesses({ clock, containment: found.containment });
const say = (line: unknown): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`);
};
const onSpawned = async (spawned: Spawned): Promise<void> => say(spawned);
const ends = await Promise.all(specs.map((spec) => processes.run({ ...spec, onSpawned })));
say(ends.map((end) => end.exit));

// A program of its own around the processes effect, for tests that must stop it or weigh it. Takes a ProcessSpec as JSON
// on standard input; prints the end, its own peak memory in MB and the number of lines as JSON.
import { openSync } from 'node:fs';
import { createClock } from '../../src/effects/clock.ts';
import type { ProcessSpec } from '../../src/effects/effects.ts';
import { createProcesses } from '../../src/effects/processes.ts';

let text = '';
for await (const chunk of process.stdin) text += String(chunk);
/** Takes all file descriptors that there are. */
function exhaust(): void {
  try {
    for (;;) openSync('/dev/null', 'r');
  } catch {
    // None is left.
  }
}

const exhaustAt = process.env['DRIVER_EXHAUST'];
let lines = 0;
let longest = 0;
const spec = JSON.parse(text) as ProcessSpec;
if (exhaustAt === 'start') exhaust();
const end = await createProcesses({ clock: createClock() }).run({
  ...spec,
  onLine(line) {
    if (exhaustAt === 'first-line' && lines === 0) exhaust();
    lines += 1;
    longest = Math.max(longest, line.length);
  },
});
process.stdout.write(JSON.stringify({ end, lines, longest, peakMb: process.resourceUsage().maxRSS / 1024 }));

// What watching costs: 1,000 tasks, 16 at a time, a line each every 100 ms, on the terminal that this runs in. Prints one
// line of JSON on standard output: CPU, memory, the longest stall of the event loop, the over-run of the ideal time.
//   npx esbuild test/bench/tty-load.ts --bundle --platform=node --format=esm --outfile=/tmp/tty-load.mjs
//     --banner:js="import{createRequire}from'node:module';const require=createRequire(import.meta.url);"
//   tmux new-session -d -x 80 -y 24 'node /tmp/tty-load.mjs > /tmp/tty-load.json'
// Options: --tasks=1000 --parallel=16 --work-ms=1000 --line-ms=100 --fail=2 (percent) --hostile --reporter=tty|plain|none
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import type { Plan, PlannedTask } from '../../src/plan/plan.ts';
import { createHub } from '../../src/reporters/hub.ts';
import { createPlainReporter } from '../../src/reporters/plain.ts';
import type { Output, Reporter } from '../../src/reporters/reporter.ts';
import { createTtyReporter } from '../../src/reporters/tty.ts';
import { summaryLines } from '../../src/reporters/summary.ts';
import { createPalette } from '../../src/lib/color.ts';
import { plan, task } from '../support/plan.ts';
import { Story } from '../support/story.ts';

const { values } = parseArgs({
  options: {
    tasks: { type: 'string', default: '1000' }, parallel: { type: 'string', default: '16' }, 'work-ms': { type: 'string', default: '1000' },
    'line-ms': { type: 'string', default: '100' }, fail: { type: 'string', default: '2' }, hostile: { type: 'boolean', default: false },
    reporter: { type: 'string', default: 'tty' },
  },
});
const count = Number(values.tasks);
const parallel = Number(values.parallel);
const workMs = Number(values['work-ms']);
const lineMs = Number(values['line-ms']);

const load: Plan = plan(
  Array.from({ length: count }, (_, i) => task(`task-${String(i).padStart(4, '0')}`, { name: `migrate src/module_${i}.ts` })),
  { run: 'load-20261120-073100', name: 'load', maxParallel: parallel },
);
const output: Output = {
  get isTTY() { return process.stderr.isTTY; },
  get columns() { return process.stderr.columns ?? 80; },
  get rows() { return process.stderr.rows ?? 24; },
  color: process.stderr.isTTY,
  write: (text) => { process.stderr.write(text); },
};
const reporters: Reporter[] = values.reporter === 'none' ? [] : [values.reporter === 'plain' ? createPlainReporter(load, output) : createTtyReporter(load, output)];
const hub = createHub(reporters, { onReporterFailure: (_reporter, error) => { throw error; } });
const story = new Story(load, [hub]);
const tell = (what: () => void): void => {
  story.now = Date.now();
  what();
};

// A finer probe costs more than what it measures. Its delays include one period of its own.
const probeMs = 20;
const delay = monitorEventLoopDelay({ resolution: probeMs });
let peak = 0;
const sampler = setInterval(() => { peak = Math.max(peak, process.memoryUsage.rss()); }, 100);
const ticker = setInterval(() => { hub.onTick(Date.now()); }, 200);
const sleep = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms); });
const said = values.hostile ? ['\u001B[2J\u001B]0;owned\u0007\u001B[H\r\rall green', '漢字'.repeat(60), `\u202E${'x'.repeat(4000)}`] : ['Edit src/a.ts', 'Read package.json', 'npm test -- --run unit and more words than fit into the row of a terminal'];

async function agent({ id }: PlannedTask, index: number): Promise<void> {
  tell(() => story.start(id));
  const lines = Math.max(1, Math.round(workMs / lineMs));
  for (let line = 0; line < lines && !stopped; line += 1) {
    await sleep(lineMs);
    hub.onOutput({ task: id, attempt: 1, text: said[line % said.length] ?? '' });
  }
  tell(() => {
    if (stopped) story.fail(id, { reason: 'interrupted', message: 'stopped' });
    else if (index % 100 < Number(values.fail)) story.fail(id, { message: 'exit 1' });
    else story.complete(id);
  });
}

let stopped = false;
let next = 0;
async function slot(): Promise<void> {
  while (next < count && !stopped) {
    const index = next;
    next += 1;
    const planned = load.tasks[index];
    if (planned !== undefined) await agent(planned, index);
  }
}

tell(() => story.begin());
// Ctrl-C stops as a run does: nothing new, and what runs ends a little later.
process.once('SIGINT', () => {
  tell(() => story.tell({ type: 'run-cancelling', reason: 'interrupted', message: null }));
  next = count;
  setTimeout(() => { stopped = true; }, 500);
});
// The cost of being started is not the cost of watching.
await sleep(300);
delay.enable();
const cpu = process.cpuUsage();
const since = performance.now();
const watchingSince = Date.now();
await Promise.all(Array.from({ length: parallel }, slot));
const wallMs = performance.now() - since;
const used = process.cpuUsage(cpu);
delay.disable();
clearInterval(ticker);
clearInterval(sampler);
tell(() => { if (!stopped) story.tell({ type: 'run-finished', exitCode: 1 }); });
await hub.close();
for (const line of summaryLines(load, story.state, { palette: createPalette(output.color), now: Date.now(), since: watchingSince })) output.write(`${line}\n`);
const idealMs = Math.ceil(count / parallel) * Math.max(1, Math.round(workMs / lineMs)) * lineMs;
const cpuSeconds = (used.user + used.system) / 1e6;
process.stdout.write(`${JSON.stringify({
  reporter: values.reporter, tasks: count, wallSeconds: round(wallMs / 1000), idealSeconds: idealMs / 1000, overrun: round(wallMs / idealMs - 1),
  cpuSeconds: round(cpuSeconds), cpuShare: round(cpuSeconds / (wallMs / 1000)), peakRssMb: round(peak / 1e6), longestStallMs: round(delay.max / 1e6 - probeMs), stallP99Ms: round(delay.percentile(99) / 1e6 - probeMs),
})}\n`);

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

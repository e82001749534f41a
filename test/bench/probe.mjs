// Preloaded into orch itself: how long its event loop stood still, what CPU and memory it took, written as JSON to
// $ORCH_BENCH_PROBE at its end. Start-up (modules, plan, first frame) is told apart from the run.
import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

// A finer probe costs more than what it measures. Its delays include one period of its own.
const PERIOD_MS = 20;
const START_UP_MS = 3000;

const delay = monitorEventLoopDelay({ resolution: PERIOD_MS });
delay.enable();
let startUpMs = 0;
let atStart = process.cpuUsage();
let since = performance.now();
setTimeout(() => {
  startUpMs = delay.max / 1e6 - PERIOD_MS;
  delay.reset();
  atStart = process.cpuUsage();
  since = performance.now();
}, START_UP_MS).unref();

process.on('exit', () => {
  const used = process.cpuUsage(atStart);
  const all = process.cpuUsage();
  const wall = (performance.now() - since) / 1000;
  const cpu = (used.user + used.system) / 1e6;
  writeFileSync(process.env.ORCH_BENCH_PROBE, JSON.stringify({
    seconds: performance.now() / 1000, cpuSeconds: (all.user + all.system) / 1e6, cpuShare: cpu / wall, peakMb: process.resourceUsage().maxRSS / 1000,
    startUpStallMs: startUpMs, longestStallMs: delay.max / 1e6 - PERIOD_MS, stallP99Ms: delay.percentile(99) / 1e6 - PERIOD_MS,
  }));
});

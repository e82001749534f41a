// (c) What watching costs: 16 agents that print a line each 100 ms, on a terminal of 80×24. Once with events alone (the
// reporters, 1,000 tasks), once through the real `orch run` with real processes.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { env, makeRepository, probed, round, scratch, writeManifest } from './measure.mjs';

const PARALLEL = 16;
const LINES = 10;

/** Runs a shell command line on a terminal of its own and waits for its end. */
function inTerminal(command, options) {
  const socket = `orch-bench-${process.pid}`;
  const tmux = (...args) => execFileSync('tmux', ['-L', socket, '-f', '/dev/null', ...args], { ...options, stdio: ['ignore', 'pipe', 'inherit'] });
  tmux('new-session', '-d', '-x', '80', '-y', '24', `${command}; tmux -L ${socket} wait-for -S ended`);
  tmux('wait-for', 'ended');
}

const quoted = (words) => words.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(' ');

async function events(tasks) {
  const [program, result] = [scratch('tty-load.mjs'), scratch('tty-load.json')];
  await build({
    entryPoints: [path.join(import.meta.dirname, 'tty-load.ts')], outfile: program, bundle: true, platform: 'node', format: 'esm', logLevel: 'error',
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
  });
  inTerminal(`${quoted([process.execPath, program, `--tasks=${tasks}`, `--parallel=${PARALLEL}`])} > ${quoted([result])}`, { env });
  return JSON.parse(readFileSync(result, 'utf8'));
}

function processes(tasks) {
  const folder = makeRepository();
  // Perl comes with git; a shell would need a process for each wait.
  const agent = `perl -e '$| = 1; for (1 .. ${LINES}) { select undef, undef, undef, 0.1; print "Edit src/file-$_.js, and more words than fit into a row of a terminal\\n" }'`;
  const manifest = writeManifest(folder, tasks, () => ({ run: agent }), `max-parallel: ${PARALLEL}`);
  const probe = probed('chatty');
  inTerminal(quoted([process.execPath, ...probe.args, 'run', manifest]), { cwd: path.join(folder, 'project'), env: probe.env });
  return { ...probe.measured(), idealSeconds: Math.ceil(tasks / PARALLEL) * LINES * 0.1 };
}

export async function chatty({ isQuick, isFull }) {
  const shown = isQuick ? 160 : 1000;
  const run = isFull ? 1000 : isQuick ? 64 : 320;
  const load = await events(shown);
  const real = processes(run);
  return [
    { what: `(c) watching ${shown} tasks, 16 at a time, a line each 100 ms, 80×24: share of a core`, aim: 2, measured: round(load.cpuShare * 100), unit: '%', note: `${load.cpuSeconds} s CPU in ${load.wallSeconds} s, over-run of the ideal ${round(load.overrun * 100)} %` },
    { what: '(c) longest stall of the event loop', aim: 30, measured: round(load.longestStallMs, 1), unit: 'ms', note: `p99 ${round(load.stallP99Ms, 1)} ms`, reason: STALL },
    { what: '(c) peak memory', aim: 130, measured: round(load.peakRssMb, 0), unit: 'MB' },
    { what: `(c) ${run} tasks through the real \`orch run\`: peak memory`, aim: 130, measured: round(real.peakMb, 0), unit: 'MB' },
    { what: '(c) longest stall of its event loop', aim: 30, measured: round(real.longestStallMs, 1), unit: 'ms', note: `p99 ${round(real.stallP99Ms, 1)} ms; while it starts ${round(real.startUpStallMs, 1)} ms`, reason: STALL },
    { what: '(c) share of a core, worktrees and processes included', measured: round(real.cpuShare * 100), unit: '%', note: `${round(real.seconds)} s for ${real.idealSeconds} s of agents` },
  ];
}

const STALL = 'on a machine whose cores are taken by others, the loop also waits for its turn; see the 99th percentile';

// (b) How soon orch answers, and how soon the first agent runs, against a bare node.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { CLI, env, makeRepository, median, round, scratch, writeManifest } from './measure.mjs';

function milliseconds(args, options = {}) {
  const since = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'], ...options });
  if (status !== 0) throw new Error(`node ${args.join(' ')}: exit ${status}\n${stderr}`);
  return performance.now() - since;
}

export function startUp({ isQuick }) {
  const folder = makeRepository();
  const first = scratch('first');
  const manifest = writeManifest(folder, 1, () => ({ run: `date +%s%N > '${first}'` }));
  const [bare, version, agent] = [[], [], []];
  for (let i = 0; i < (isQuick ? 5 : 21); i += 1) {
    bare.push(milliseconds(['-e', '0']));
    version.push(milliseconds([CLI, '--version']));
    rmSync(first, { force: true });
    const since = Date.now();
    milliseconds([CLI, 'run', manifest, '--run-id', `start-${i}`], { cwd: path.join(folder, 'project') });
    agent.push(Number(readFileSync(first, 'utf8')) / 1e6 - since);
  }
  const note = `node -e 0 takes ${round(median(bare), 0)} ms`;
  return [
    { what: '(b) `orch --version` over `node -e 0`', aim: 1.7, measured: round(median(version) / median(bare)), unit: '×', note },
    {
      what: '(b) first agent of `orch run` over `node -e 0`', aim: 6, measured: round(median(agent) / median(bare)), unit: '×', note: `${round(median(agent), 0)} ms`,
      reason: 'before the first agent come: the manifest, eight questions to git, a trial of containment, the run on disk (synced), a branch and a worktree',
    },
  ];
}

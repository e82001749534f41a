// (d) Planning 10,000 tasks; (e) resuming a run of 1,000, over resuming a run of one.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { makeRepository, medianOf, probed, round, writeManifest } from './measure.mjs';

function orch(folder, args) {
  const probe = probed('plan');
  const { status, stderr } = spawnSync(process.execPath, [...probe.args, ...args], { cwd: path.join(folder, 'project'), env: probe.env, encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'], maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`orch ${args.join(' ')}: exit ${status}\n${stderr.slice(-2000)}`);
  return probe.measured();
}

export function plans({ isQuick }) {
  const folder = makeRepository();
  const count = isQuick ? 1000 : 10_000;
  const kinds = { independent: () => ({ run: 'true' }), 'in a chain of needs': (i) => (i === 0 ? { run: 'true' } : { run: 'true', needs: `t${i - 1}` }) };
  return Object.entries(kinds).flatMap(([kind, command]) => {
    const manifest = writeManifest(folder, count, command);
    const runs = Array.from({ length: isQuick ? 1 : 3 }, () => orch(folder, ['plan', manifest, '--json']));
    return [{ what: `(d) plan of ${count} tasks, ${kind}`, aim: 3, measured: round(medianOf(runs, 'seconds')), unit: 's', note: `${round(medianOf(runs, 'peakMb'), 0)} MB` }];
  });
}

/** Runs `count` tasks to their end, then takes the last event away, as if the power had gone just before it. */
function almostDone(count) {
  const folder = makeRepository();
  orch(folder, ['run', writeManifest(folder, count, () => ({ run: 'true' })), '--run-id', 'bench', '--reporter', 'plain']);
  const dir = path.join(folder, 'project', '.git', 'orch', 'runs', 'bench');
  const last = () => path.join(dir, readdirSync(dir).filter((name) => /^journal\.\d+\.ndjson$/.test(name)).sort((a, b) => Number(a.split('.')[1]) - Number(b.split('.')[1])).at(-1));
  return {
    folder,
    resume() {
      const lines = readFileSync(last(), 'utf8').trimEnd().split('\n');
      writeFileSync(last(), `${lines.slice(0, -1).join('\n')}\n`);
      return orch(folder, ['resume', 'bench', '--reporter', 'plain']);
    },
  };
}

export function resumes({ isQuick }) {
  const count = isQuick ? 100 : 1000;
  const [one, many] = [almostDone(1), almostDone(count)];
  const runs = { one: [], many: [] };
  for (let i = 0; i < 5; i += 1) {
    runs.one.push(one.resume());
    runs.many.push(many.resume());
  }
  const [few, lots] = [medianOf(runs.one, 'seconds'), medianOf(runs.many, 'seconds')];
  return [{ what: `(e) resume of a journal of ${count} tasks, more than of one`, aim: 300, measured: round((lots - few) * 1000, 0), unit: 'ms', note: `${round(few * 1000, 0)} ms for one, ${round(medianOf(runs.many, 'peakMb'), 0)} MB for ${count}` }];
}

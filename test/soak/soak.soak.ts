// `npm run soak`: SOAK_MINUTES (5), SOAK_SEED (the time), SOAK_TASKS and SOAK_KILLS of each round (random), SOAK_SANDBOX=1.
import process from 'node:process';
import { test } from 'vitest';
import { soak } from './soak.ts';

const number = (name: string): number | undefined => (process.env[name] === undefined ? undefined : Number(process.env[name]));
const [minutes = 5, seed = Date.now() % 1_000_000_000, tasks, kills] = ['SOAK_MINUTES', 'SOAK_SEED', 'SOAK_TASKS', 'SOAK_KILLS'].map(number);

test(`soak for ${minutes} minutes from seed ${seed}`, async () => {
  const say = (line: string): void => { process.stderr.write(`${line}\n`); };
  const report = await soak({ seed, forMs: minutes * 60_000, say, isSandboxed: process.env['SOAK_SANDBOX'] === '1', ...(tasks === undefined ? {} : { tasks }), ...(kills === undefined ? {} : { kills }) });
  say(`${report.rounds} rounds, ${report.kills} kills, ${report.stops} stops: everything held`);
}, 24 * 3_600_000);

// (g) What holding an agent's processes together costs when it starts, over a bare spawn.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { build } from 'esbuild';
import { env, makeRepository, round, scratch } from './measure.mjs';

export async function starts({ isQuick }) {
  const program = scratch('starts.mjs');
  await build({
    entryPoints: [path.join(import.meta.dirname, 'starts.ts')], outfile: program, bundle: true, platform: 'node', format: 'esm', logLevel: 'error',
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
  });
  const told = execFileSync(process.execPath, [program, path.join(makeRepository(), 'project'), isQuick ? '5' : '41'], { env, encoding: 'utf8' });
  const { tier, plainMs, heldMs, sandboxMs } = JSON.parse(told);
  const note = `a bare spawn takes ${round(plainMs, 1)} ms`;
  return [
    { what: `(g) start of a program in tier ${tier}, more than a bare spawn`, aim: 25, measured: round(heldMs - plainMs, 1), unit: 'ms', note },
    ...(sandboxMs === null ? [] : [{ what: '(g) the same in a sandbox, its repository made', aim: 60, measured: round(sandboxMs - plainMs, 1), unit: 'ms' }]),
  ];
}

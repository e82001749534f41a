// The versions of agents' programs: asked for before anything is created, refused when too old, kept in the journal.
import path from 'node:path';
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { leavesNothing, makeProject, type Project } from '../support/project.ts';
import type { Ended } from '../support/orch.ts';

const RESULT = '{"type":"result","subtype":"success","is_error":false,"result":"done","session_id":"s"}';
/** Says its version, and otherwise writes where it is. */
const PROGRAM = `#!/bin/sh
case "$*" in *--version*) echo "$VERSION"; test -z "$(ls -A)" && exit 0; exit 1;; esac
cat > /dev/null
echo done > out.txt
echo '${RESULT}'
`;

let project: Project;
let bin: string;
beforeAll(() => {
  project = makeProject({ config: { agent: 'claude', agents: {} } });
  bin = path.join(project.home, 'bin');
  mkdirSync(bin);
  writeFileSync(path.join(bin, 'claude'), PROGRAM, { mode: 0o755 });
});
afterAll(() => project.dispose());
const env = (): Record<string, string> => ({ PATH: `${bin}:${process.env['PATH'] ?? ''}` });
const run = async (version: string): Promise<Ended> =>
  await project.run(['run', '--json', project.manifest(JSON.stringify({ agents: { claude: { env: { VERSION: version } } }, tasks: ['do it'] }))], { env: env() });

it('too old is found before anything is created', async () => {
  const ended = await leavesNothing(project, async () => await run('2.1.99 (Claude Code)'));
  expect(ended.code).toBe(3);
  expect(ended.stderr).toMatch(/agent claude: \/.*\/bin\/claude is version 2\.1\.99; orch needs 2\.1\.197 or newer/);
  expect(ended.stderr).toContain('update it');
});

it.each([['2.1.328 (Claude Code)', { claude: '2.1.328' }], ['a wrapper', undefined]])('%s runs, and the journal says what it was', async (version, versions) => {
  const ended = await run(version);
  expect(ended.code, ended.stderr).toBe(0);
  const [first] = ended.stdout.split('\n').map((line) => JSON.parse(line || 'null') as { type: string; versions?: unknown } | null);
  expect(first?.type).toBe('run-started');
  expect(first?.versions).toEqual(versions);
});

it('doctor shows them', async () => {
  const { checks } = JSON.parse((await project.run(['doctor', '--json'], { env: { ...env(), VERSION: '' } })).stdout) as { checks: { name: string; result: string; detail: string }[] };
  expect(checks.find(({ name }) => name === 'agent claude')).toMatchObject({ result: 'ok', detail: `${bin}/claude  (does not say its version)` });
  expect(checks.filter(({ name }) => name === 'agent codex' || name === 'agent copilot').map(({ result }) => result)).toEqual(['missing', 'missing']);
});

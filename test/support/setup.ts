// Before each test file: nothing ambient. No credential, no git configuration of the person who runs the tests, and no
// variable that a git hook or a CI job left behind. HOME is an empty folder of our own, and so is the folder for temporary
// files, which is removed with all that is left in it.
import { mkdirSync, mkdtempSync, realpathSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll } from 'vitest';
import { removeTree } from './repo.ts';

const keep = new Set(['PATH', 'LANG', 'TMPDIR', 'SHELL', 'USER', 'LOGNAME', 'VITEST', 'NODE_ENV', 'TEST', 'PROD', 'DEV', 'MODE', 'BASE_URL', 'SSR']);
for (const name of Object.keys(process.env)) {
  if (!keep.has(name) && !name.startsWith('VITEST_') && !name.startsWith('TINYPOOL') && !name.startsWith('SOAK_')) delete process.env[name];
}
// Short: a run's socket is below it, and the address of a socket has a hundred bytes.
const scratch = realpathSync(mkdtempSync(path.join(process.env['VITEST_SCRATCH'] ?? os.tmpdir(), 't')));
const home = path.join(scratch, 'home');
mkdirSync(home);
writeFileSync(path.join(home, '.gitconfig'), '');
Object.assign(process.env, {
  TMPDIR: scratch, HOME: home, XDG_CONFIG_HOME: path.join(home, '.config'), GIT_CONFIG_GLOBAL: path.join(home, '.gitconfig'), GIT_CONFIG_NOSYSTEM: '1',
  LC_ALL: 'C', TERM: 'dumb', ANTHROPIC_BASE_URL: 'http://127.0.0.1:9', OPENAI_BASE_URL: 'http://127.0.0.1:9',
});
afterAll(() => {
  removeTree(scratch);
});

// Makes a bare clone ready: installs dependencies when the lock file is newer than what is installed, and builds when a
// source file is newer than the bundle. Says nothing when there is nothing to do.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const at = (...parts) => path.join(root, ...parts);

function newest(dir) {
  let time = 0;
  for (const entry of readdirSync(dir, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) time = Math.max(time, statSync(path.join(entry.parentPath, entry.name)).mtimeMs);
  }
  return time;
}

function isInstalled() {
  try {
    const wanted = JSON.parse(readFileSync(at('package-lock.json'), 'utf8')).packages;
    const have = JSON.parse(readFileSync(at('node_modules/.package-lock.json'), 'utf8')).packages;
    return Object.entries(wanted).every(([name, entry]) => name === '' || entry.optional || have[name]?.version === entry.version);
  } catch {
    return false;
  }
}

if (!isInstalled()) {
  const npm = process.env.npm_execpath;
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  console.error('installing dependencies …');
  if (npm) execFileSync(process.execPath, [npm, ...args], { cwd: root, stdio: ['ignore', 2, 2] });
  else execFileSync('npm', args, { cwd: root, stdio: ['ignore', 2, 2] });
}

const isBuilt = existsSync(at('dist/cli.js')) && statSync(at('dist/cli.js')).mtimeMs >= Math.max(newest(at('src')), statSync(at('package-lock.json')).mtimeMs, statSync(at('.ci/build.mjs')).mtimeMs);
if (!isBuilt) {
  console.error('building …');
  const { buildAll } = await import('./build.mjs');
  await buildAll();
}

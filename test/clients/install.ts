// Real agent programs, pinned, installed once for each user and machine, before the tests and with the environment of
// whoever runs them (proxies, registry). Owns the cache; never touches the project's node_modules, never runs an install script.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

export interface Client {
  readonly name: string;
  readonly version: string;
  /** npm package with the program for this machine; null = there is none. */
  readonly packageName: string | null;
  /** The program inside the package. */
  readonly program: string;
}

const PLATFORMS = new Set(['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64']);
const platform = `${process.platform}-${process.arch}`;

export const CLAUDE: Client = {
  name: 'claude',
  version: '2.1.328',
  packageName: PLATFORMS.has(platform) ? `@anthropic-ai/claude-code-${platform}` : null,
  program: 'claude',
};

const cacheRoot = path.join(process.env['XDG_CACHE_HOME'] ?? path.join(os.userInfo().homedir, '.cache'), 'orch-test-clients');

/** Path of the program, installing it if need be; null where the client does not exist for this machine. */
export async function installClient(client: Client): Promise<string | null> {
  if (client.packageName === null) return null;
  const home = path.join(cacheRoot, `${client.name}-${client.version}-${platform}`);
  const program = path.join(home, 'node_modules', ...client.packageName.split('/'), client.program);
  if (existsSync(program)) return program;
  mkdirSync(path.dirname(home), { recursive: true });
  const fresh = mkdtempSync(`${home}.tmp-`);
  try {
    await install(client, fresh);
    renameSync(fresh, home);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    // Another process was faster: its installation is as good.
    if (!existsSync(program)) throw error;
  }
  return program;
}

async function install({ packageName, version }: Client, prefix: string): Promise<void> {
  const args = ['install', '--ignore-scripts', '--no-save', '--no-audit', '--no-fund', '--loglevel=error', '--prefix', prefix, `${packageName}@${version}`];
  // Through the npm that runs this test, if there is one: a machine may have node without npm on its PATH.
  const npm = process.env['npm_execpath'];
  const [file, leading] = npm === undefined ? ['npm', []] : [process.execPath, [npm]];
  await promisify(execFile)(file, [...leading, ...args], { cwd: prefix, maxBuffer: 16 * 1024 * 1024 });
}

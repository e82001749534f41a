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
  /** npm package with the program for this machine. */
  readonly packageName: string;
  /** Its version, where it is not the client's. */
  readonly packageVersion?: string;
  /** The program inside the package. */
  readonly program: string;
}

const platform = `${process.platform}-${process.arch}`;
const TRIPLES: Readonly<Record<string, string>> = {
  'linux-x64': 'x86_64-unknown-linux-musl', 'linux-arm64': 'aarch64-unknown-linux-musl', 'darwin-x64': 'x86_64-apple-darwin', 'darwin-arm64': 'aarch64-apple-darwin',
};

export const CLAUDE: Client = { name: 'claude', version: '2.1.328', packageName: `@anthropic-ai/claude-code-${platform}`, program: 'claude' };
export const CODEX: Client = { name: 'codex', version: '0.169.0', packageName: '@openai/codex', packageVersion: `0.169.0-${platform}`, program: `vendor/${TRIPLES[platform] ?? ''}/bin/codex` };
export const COPILOT: Client = { name: 'copilot', version: '1.0.102', packageName: `@github/copilot-${platform}`, program: 'copilot' };
export const GEMINI: Client = { name: 'gemini', version: '0.61.0', packageName: '@google/gemini-cli', program: 'bundle/gemini.js' };
export const OPENCODE: Client = { name: 'opencode', version: '1.18.33', packageName: `opencode-${platform}`, program: 'bin/opencode' };

/** All that are installed before the first test. */
export const CLIENTS: readonly Client[] = [CLAUDE, CODEX, COPILOT, GEMINI, OPENCODE];

const cacheRoot = path.join(process.env['XDG_CACHE_HOME'] ?? path.join(os.userInfo().homedir, '.cache'), 'orch-test-clients');

/** Path of the program, installing it if need be; null where the client does not exist for this machine. */
export async function installClient(client: Client): Promise<string | null> {
  if (TRIPLES[platform] === undefined) return null;
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

async function install({ packageName, version, packageVersion = version }: Client, prefix: string): Promise<void> {
  const args = ['install', '--ignore-scripts', '--no-save', '--no-audit', '--no-fund', '--loglevel=error', '--prefix', prefix, `${packageName}@${packageVersion}`];
  // Through the npm that runs this test, if there is one: a machine may have node without npm on its PATH.
  const npm = process.env['npm_execpath'];
  const [file, leading] = npm === undefined ? ['npm', []] : [process.execPath, [npm]];
  await promisify(execFile)(file, [...leading, ...args], { cwd: prefix, maxBuffer: 16 * 1024 * 1024 });
}

// `orch doctor`: what works here, found out by trying it. Changes nothing.
import { access, constants, statfs } from 'node:fs/promises';
import path from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { createClock } from '../effects/clock.ts';
import { probeSandbox } from '../effects/sandbox.ts';
import { probeTiers } from '../effects/processes/tiers.ts';
import { loadConfig } from '../config/load.ts';
import { resolveSettings } from '../config/resolve.ts';
import { defaultWorktreesRoot, openRepository, repositoryFolder } from '../effects/git/repository.ts';
import { EXIT, OrchError } from '../errors.ts';
import { createPalette } from '../lib/color.ts';
import { version } from '../lib/version.ts';
import type { AgentSpec } from '../plan/plan.ts';
import { adapterFor } from '../agents/adapters.ts';
import { requireVersion } from './agent-versions.ts';
import { requireAgent } from './preflight.ts';
import { outputOf, print, printJson } from './terminal.ts';

interface Check {
  readonly name: string;
  /** `missing` is only a fact: not every agent has to be installed. */
  readonly result: 'ok' | 'missing' | 'problem';
  readonly detail: string;
  readonly hint?: string | undefined;
}

const run = promisify(execFile);
const LOW_SPACE = 2 * 1024 ** 3;

export async function doctorCommand(args: { json?: boolean | undefined; color?: boolean | undefined }): Promise<number> {
  const checks = [nodeCheck(), ...(await repositoryChecks())];
  if (args.json === true) printJson({ v: 1, orch: version, checks });
  else printChecks(checks, args.color);
  return checks.some(({ result }) => result === 'problem') ? EXIT.preflight : EXIT.ok;
}

function printChecks(checks: readonly Check[], color: boolean | undefined): void {
  const palette = createPalette(outputOf(process.stdout, color).color);
  const signs = { ok: palette.green('✓'), missing: palette.dim('–'), problem: palette.red('✖') };
  print([`orch ${version}`, ...checks.flatMap(({ name, result, detail, hint }) => [
    `${signs[result]} ${name.padEnd(18)} ${detail}`, ...(hint === undefined ? [] : [`  ${' '.repeat(18)} hint: ${hint}`]),
  ])]);
}

function nodeCheck(): Check {
  return { name: 'node', result: 'ok', detail: `${process.version} ${process.platform}-${process.arch}` };
}

async function repositoryChecks(): Promise<Check[]> {
  const cwd = process.cwd();
  try {
    const repo = await openRepository(cwd);
    const root = defaultWorktreesRoot(repo);
    return [
      { name: 'git', result: 'ok', detail: repo.gitVersion.join('.') },
      { name: 'repository', result: 'ok', detail: `${repo.topLevel ?? repo.commonDir}${repo.bare ? ' (bare)' : ''}` },
      await writableCheck('records', repo.commonDir), await writableCheck('worktrees', path.dirname(root)), await spaceCheck(path.dirname(root)),
      ...(await limitChecks()), ...(await tierChecks()), ...(await agentChecks(repo.topLevel, repositoryFolder(repo))),
    ];
  } catch (error) {
    if (!(error instanceof OrchError)) throw error;
    return [{ name: error.code, result: 'problem', detail: error.message, hint: error.hint }];
  }
}

async function writableCheck(name: string, dir: string): Promise<Check> {
  return await access(dir, constants.W_OK).then(
    () => ({ name, result: 'ok', detail: `${dir} can be written` }),
    (): Check => ({ name, result: 'problem', detail: `${dir} cannot be written`, hint: name === 'worktrees' ? 'set worktrees.root in .orchestrator.yml' : undefined }),
  );
}

async function spaceCheck(dir: string): Promise<Check> {
  const { bavail, bsize, ffree, files } = await statfs(dir);
  const free = bavail * bsize;
  const gigabytes = (free / 1024 ** 3).toFixed(1);
  const isLow = free < LOW_SPACE || (files > 0 && ffree < 100_000);
  return { name: 'disk', result: isLow ? 'problem' : 'ok', detail: `${gigabytes} GB and ${ffree} inodes free for worktrees`, hint: isLow ? 'every task has a checkout of its own: make room, or set worktrees.root' : undefined };
}

/** Two or three descriptors for each agent, and a thousand tasks are not rare. */
async function limitChecks(): Promise<Check[]> {
  const files = await run('/bin/sh', ['-c', 'ulimit -n']).then(({ stdout }) => stdout.trim(), () => null);
  if (files === null) return [];
  const isLow = files !== 'unlimited' && Number(files) < 1024;
  return [{ name: 'open files', result: isLow ? 'problem' : 'ok', detail: `${files} allowed`, hint: isLow ? 'ulimit -n 4096' : undefined }];
}

/** The firmest that works is used; the others are facts. */
async function tierChecks(): Promise<Check[]> {
  const [reports, sandbox] = await Promise.all([probeTiers(createClock()), probeSandbox(createClock())]);
  const used = reports.find(({ containment }) => containment !== null)?.tier;
  return [...reports.map(({ tier, name, containment, reason }): Check => ({
    name: `tier ${tier}`, result: containment === null ? 'missing' : 'ok',
    detail: [name, tier === used ? 'used: no process of an agent outlives its task' : '', reason ?? ''].filter((part) => part !== '').join('; '),
  })), { name: 'sandbox', result: sandbox.containment === null ? 'missing' : 'ok', detail: sandbox.reason ?? 'isolation: sandbox works here: a repository, home and /tmp of its own, and network: none' } satisfies Check];
}

async function agentChecks(topLevel: string | null, root: string): Promise<Check[]> {
  const config = await loadConfig({ cwd: process.cwd(), topLevel, flags: {}, env: process.env });
  const resolved = resolveSettings(config, null);
  if (!resolved.ok) return [];
  const checks: Check[] = [];
  for (const agent of resolved.settings.agents.values()) {
    const name = `agent ${agent.name}`;
    try {
      const program = await requireAgent(agent, root);
      checks.push({ name, result: 'ok', detail: `${program}${versionText(agent, await requireVersion(agent, program))}` });
    } catch (error) {
      if (!(error instanceof OrchError)) throw error;
      checks.push({ name, result: error.code === 'agent-too-old' ? 'problem' : 'missing', detail: error.message, hint: error.code === 'agent-too-old' ? error.hint : undefined });
    }
  }
  return checks;
}

function versionText({ adapter }: AgentSpec, version: string | null): string {
  const { versions } = adapterFor(adapter);
  if (versions === null) return '';
  if (version === null) return '  (does not say its version)';
  return `  ${version}${version === versions.measured ? '' : `  (orch was measured with ${versions.measured})`}`;
}

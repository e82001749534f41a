// Which tiers work here, found by trying; the firmest is used, and less than before is never used silently.
import { readlinkSync } from 'node:fs';
import type { Clock, ProcessEnd, Tier } from '../effects.ts';
import { createProcesses } from '../processes.ts';
import { sessionContainment, type Containment } from './containment.ts';
import { bubblewrapContainment, subreaperContainment, unshareContainment, type Made } from './namespaces.ts';
import { createTable } from './table.ts';
import { findTools, type Tools } from './tools.ts';

export interface TierReport {
  readonly tier: Tier;
  /** A few words for people. */
  readonly name: string;
  /** Null = it does not work here. */
  readonly containment: Containment | null;
  /** Why it does not work, or what is limited, in one line; null = nothing to say. */
  readonly reason: string | null;
}

export const TIER_NAMES: Readonly<Record<Tier, string>> = {
  1: 'pid namespace (bubblewrap)',
  2: 'pid namespace (unshare)',
  3: 'subreaper',
  4: 'session and environment',
};

const PROBE_TIMEOUT_MS = 5000;
// Not 0: a wrapper that fails, or runs nothing, must not look like success.
const PROBE_CODE = 77;
const PROBE = `readlink /proc/self/ns/pid 2>/dev/null; exit ${PROBE_CODE}`;

/** Tries every tier with a real program and tells which work, the firmest first. */
export async function probeTiers(clock: Clock, tools: Tools = findTools()): Promise<readonly TierReport[]> {
  const table = createTable();
  const isRoot = process.getuid?.() === 0;
  const [first, asRoot, asUser, third] = await Promise.all([
    tried(1, bubblewrapContainment(table, tools), clock),
    isRoot ? tried(2, unshareContainment(table, tools, true), clock) : null,
    tried(2, unshareContainment(table, tools, false), clock),
    tried(3, subreaperContainment(table, tools), clock),
  ]);
  const second = asRoot?.containment === null || asRoot === null ? asUser : asRoot;
  const fourth: TierReport = { tier: 4, name: TIER_NAMES[4], containment: sessionContainment(table), reason: 'a daemon that leaves its session and clears its environment escapes' };
  return [first, second, third, fourth].map((report) => withNote(report, tools));
}

function withNote(report: TierReport, tools: Tools): TierReport {
  if (report.containment === null || report.tier > 2 || tools.perl !== null) return report;
  return { ...report, reason: 'without perl, death by signal n and exit code 128+n look the same' };
}

async function tried(tier: Tier, made: Made, clock: Clock): Promise<TierReport> {
  const name = TIER_NAMES[tier];
  if (!made.ok) return { tier, name, containment: null, reason: made.reason };
  const end = await createProcesses({ clock, containment: made.containment }).run({
    command: '/bin/sh', args: ['-c', PROBE], cwd: '/', env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    stdin: null, timeoutMs: PROBE_TIMEOUT_MS, idleTimeoutMs: null, graceMs: 0, logFile: null,
  });
  const reason = problemOf(tier, end);
  return { tier, name, containment: reason === null ? made.containment : null, reason };
}

function problemOf(tier: Tier, end: ProcessEnd): string | null {
  if (end.exit.kind === 'spawn-error') return end.exit.message;
  if (end.exit.kind !== 'code' || end.exit.code !== PROBE_CODE) return `a trial run ended otherwise than it should: ${JSON.stringify(end.exit)}`;
  if (tier <= 2 && end.stdoutTail.trim() === readlinkSync('/proc/self/ns/pid')) return 'it ran, but not in a pid namespace of its own';
  return null;
}

/** The firmest way that works here, found by trying no more than it takes to know: that delays the first agent. */
export async function firmestContainment(clock: Clock, tools: Tools = findTools()): Promise<Containment> {
  const table = createTable();
  const tries: readonly (readonly [Tier, () => Made])[] = [
    [1, () => bubblewrapContainment(table, tools)],
    ...(process.getuid?.() === 0 ? [[2, () => unshareContainment(table, tools, true)] as const] : []),
    [2, () => unshareContainment(table, tools, false)],
    [3, () => subreaperContainment(table, tools)],
  ];
  for (const [tier, make] of tries) {
    const { containment } = await tried(tier, make(), clock);
    if (containment !== null) return containment;
  }
  return sessionContainment(table);
}

/** What to tell of the tier that was found: when agents are held less firmly than before in this run, or than orch promises. */
export function firmnessNote(found: Tier, before: Tier | null): string | null {
  const name = (tier: Tier): string => `tier ${tier}, ${TIER_NAMES[tier]}`;
  if (before !== null && found > before) return `note: agents are held together less firmly than before in this run (${name(found)}; it was ${name(before)}): orch doctor shows why`;
  return found === 4 ? `note: agents are held together by ${TIER_NAMES[4]} alone: one that hides may outlive its task; orch doctor shows why` : null;
}

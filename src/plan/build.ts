// MANIFEST + SETTINGS + base → PLAN: everything a run will do, decided and frozen before anything is created. Pure:
// the same request gives the same plan.
import path from 'node:path';
import { problem, tidy } from '../manifest/diagnostic.ts';
import type { Diagnostic, Place } from '../manifest/diagnostic.ts';
import type { Manifest } from '../manifest/parse.ts';
import type { AdapterCapabilities } from './agents.ts';
import { expand } from './expand.ts';
import { placeOf } from './layers.ts';
import type { Plan, PlannedTask, RunId, Sha } from './plan.ts';
import { selectTasks } from './select.ts';
import type { Selection } from './select.ts';
import type { Settings } from './settings.ts';
import { planTask, promptFileOf } from './task.ts';
import type { PlanContext } from './task.ts';

export interface PlanRequest {
  readonly manifest: Manifest;
  readonly settings: Settings;
  readonly run: RunId;
  /** What `settings.base` names. `branch`: without `refs/heads/`, null if it names no branch. */
  readonly base: { readonly ref: string; readonly sha: Sha; readonly branch: string | null };
  /** Contents of the files that `promptFilesOf` lists, by their `name`; one that is missing could not be read. */
  readonly files: ReadonlyMap<string, string>;
  readonly select: Selection;
  /** `root`: absolute. */
  readonly repo: { readonly root: string; readonly name: string };
  /** What an adapter can pass on to its program. */
  readonly capabilities: (adapter: string) => AdapterCapabilities;
}

export type BuildResult =
  | { readonly ok: true; readonly plan: Plan; readonly warnings: readonly string[] }
  /** `nothing`: all is well, but no task is selected (exit 4); `warnings` say why. */
  | { readonly ok: false; readonly nothing: boolean; readonly diagnostics: readonly Diagnostic[]; readonly warnings: readonly string[] };

/** A file that a plan reads a prompt from. */
export interface PromptFile {
  /** As written, names filled in: relative to the manifest (for prompts of the command line, to the current directory). */
  readonly name: string;
  /** Who asks for it first. */
  readonly place: Place;
}

/** The files to read before `buildPlan`, each once. Those whose names cannot be filled in are left to `buildPlan`. */
export function promptFilesOf(request: Omit<PlanRequest, 'files'>): readonly PromptFile[] {
  const files = new Map<string, PromptFile>();
  const context = contextOf({ ...request, files: new Map() });
  for (const member of context.expansion.members) {
    const picked = promptFileOf(member, context);
    if (picked !== null && picked.value !== '' && !files.has(picked.value)) files.set(picked.value, { name: picked.value, place: placeOf(picked) });
  }
  return [...files.values()];
}

/** Builds the plan, or says everything that is in its way. */
export function buildPlan(request: PlanRequest): BuildResult {
  const context = contextOf(request);
  const { diagnostics } = context;
  const planned = context.expansion.members.map((member) => planTask(member, context));
  const root = worktreesRoot(request, diagnostics);
  if (diagnostics.length > 0) return { ok: false, nothing: false, diagnostics: tidy(diagnostics), warnings: [] };
  const { tasks, warnings } = selectTasks(planned, request.select);
  if (tasks.length === 0) return { ok: false, nothing: true, diagnostics: [], warnings };
  return { ok: true, plan: planOf({ request, root, tasks }), warnings };
}

function contextOf({ manifest, settings, run, base, files, capabilities }: PlanRequest): PlanContext {
  return { settings, source: manifest.source, expansion: expand(manifest.tasks), run, base: base.sha, files, capabilities, diagnostics: [] };
}

function planOf({ request, root, tasks }: { request: PlanRequest; root: string; tasks: readonly PlannedTask[] }): Plan {
  const { manifest, settings, run, base } = request;
  const used = new Set(tasks.flatMap(({ work }) => (work.kind === 'agent' ? [work.agent] : [])));
  return {
    format: 1,
    run,
    name: settings.name,
    manifest: manifest.file,
    base: { ref: base.ref, sha: base.sha },
    target: base.branch,
    maxParallel: settings.maxParallel,
    maxFail: settings.maxFail,
    maxWaitMs: settings.maxWaitMs,
    graceMs: settings.graceMs,
    agents: Object.fromEntries([...settings.agents].filter(([name]) => used.has(name))),
    worktrees: { root, copy: settings.worktrees.copy, link: settings.worktrees.link, keep: settings.worktrees.keep },
    passEnv: settings.passEnv,
    tasks,
  };
}

/** Absolute. A worktree inside the repository would be found by every tool that walks it. */
function worktreesRoot({ settings, repo }: PlanRequest, diagnostics: Diagnostic[]): string {
  const { root: written, rootPlace } = settings.worktrees;
  const unknown = [...written.matchAll(/\{([^{}]*)\}/g)].find(([, name]) => name !== 'repo');
  if (unknown !== undefined) diagnostics.push(problem(rootPlace, `unknown name \`${unknown[0]}\``, 'only `{repo}` is known'));
  const root = path.resolve(repo.root, written.replaceAll('{repo}', () => repo.name));
  const fromRepo = path.relative(repo.root, root);
  if (fromRepo === '' || !(fromRepo === '..' || fromRepo.startsWith(`..${path.sep}`) || path.isAbsolute(fromRepo))) {
    diagnostics.push(problem(rootPlace, 'worktrees cannot be inside the repository', 'write for example `../{repo}.orch`'));
  }
  return root;
}

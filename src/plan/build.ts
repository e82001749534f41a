// MANIFEST + SETTINGS + base → PLAN: everything a run will do, decided and frozen before anything is created. Pure:
// the same request gives the same plan.
import path from 'node:path';
import { problem, tidy } from '../manifest/diagnostic.ts';
import type { Diagnostic, Place } from '../manifest/diagnostic.ts';
import type { KnownTasks, Manifest } from '../manifest/parse.ts';
import type { AdapterCapabilities } from './agents.ts';
import { MAX_PROMPTS } from '../manifest/limits.ts';
import { plannedTasks } from './best-of.ts';
import { contextRequests } from './context.ts';
import { expectedCosts } from './estimate.ts';
import type { Sample } from './estimate.ts';
import { expand } from './expand.ts';
import type { Member } from './expand.ts';
import { NO_INPUTS, inputKey } from './inputs.ts';
import type { InputRequest, PlanInputs } from './inputs.ts';
import { pick, placeOf } from './layers.ts';
import { fanOutOf } from './needs.ts';
import type { FanOut, Plan, PlannedTask, RunId, Sha } from './plan.ts';
import { selectTasks } from './select.ts';
import type { Selection } from './select.ts';
import type { Settings } from './settings.ts';
import { draftOf, pickWork, promptFileOf } from './task.ts';
import type { PlanContext } from './task.ts';

export interface PlanRequest {
  readonly manifest: Manifest;
  readonly settings: Settings;
  readonly run: RunId;
  /** What `settings.base` names. `branch`: without `refs/heads/`, null if it names no branch. */
  readonly base: { readonly ref: string; readonly sha: Sha; readonly branch: string | null };
  /** Contents of the files that `promptFilesOf` lists, by their `name`; one that is missing could not be read. */
  readonly files: ReadonlyMap<string, string>;
  /** What `listInputsOf` and `contextInputsOf` ask for; default nothing. */
  readonly inputs?: PlanInputs;
  /** What tasks took before; only used with a budget. */
  readonly history?: readonly Sample[];
  readonly select: Selection;
  /** Tasks that the run has already; default none. */
  readonly known?: KnownTasks;
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

/** What the `context` of all tasks needs to have read, each once. Needs the inputs of `listInputsOf`. */
export function contextInputsOf(request: Omit<PlanRequest, 'files'>): readonly InputRequest[] {
  const requests = new Map<string, InputRequest>();
  const context = contextOf({ ...request, files: new Map() });
  for (const member of context.expansion.members) {
    const draft = draftOf(member, context);
    if (pick(draft.layers, 'context') === undefined || pickWork(draft.layers)?.key === 'run') continue;
    for (const one of contextRequests(draft)) if (!requests.has(inputKey(one))) requests.set(inputKey(one), one);
  }
  return [...requests.values()];
}

/** Builds the plan, or says everything that is in its way. */
export function buildPlan(request: PlanRequest): BuildResult {
  const context = contextOf(request);
  const { diagnostics } = context;
  const { tasks: planned, fanOuts } = planMembers(context);
  checkSize(planned, request, diagnostics);
  const root = worktreesRoot(request, diagnostics);
  checkTarget(request, [...planned, ...fanOuts.map(({ template }) => template)], diagnostics);
  if (diagnostics.length > 0) return { ok: false, nothing: false, diagnostics: tidy(diagnostics), warnings: [] };
  const templates = fanOuts.map(({ template }) => template);
  const selected = selectTasks([...planned, ...templates], request.select);
  const { warnings } = selected;
  const kept = new Set(selected.tasks);
  const tasks = planned.filter((task) => kept.has(task));
  if (tasks.length === 0) return { ok: false, nothing: true, diagnostics: [], warnings };
  return { ok: true, plan: planOf({ request, root, tasks, fanOuts: fanOuts.filter(({ template }) => kept.has(template)) }), warnings };
}

/** What is wrong with one member is wrong with all of its kin: the first one is told. */
function planMembers(context: PlanContext): { readonly tasks: readonly PlannedTask[]; readonly fanOuts: readonly FanOut[] } {
  const tasks: PlannedTask[] = [];
  const fanOuts: FanOut[] = [];
  const wrong = new Set<Member['definition']>();
  for (const member of context.expansion.members) {
    if (wrong.has(member.definition)) continue;
    const before = context.diagnostics.length;
    const planned = plannedTasks(member, context);
    const [task] = planned;
    if (member.kind !== 'template') tasks.push(...planned);
    else if (task !== undefined) {
      const { layers } = draftOf(member, context);
      const from = pick(layers, 'foreach');
      const fanOut = from?.value.from === undefined ? null : fanOutOf(member, { needs: pick(layers, 'needs'), expansion: context.expansion, from: { ...from, value: from.value.from, path: [...from.path, 'from'] } }, context.diagnostics);
      if (fanOut !== null) fanOuts.push({ ...fanOut, template: task });
    }
    if (context.diagnostics.length > before) wrong.add(member.definition);
  }
  return { tasks, fanOuts };
}

function checkSize(tasks: readonly PlannedTask[], { manifest }: PlanRequest, diagnostics: Diagnostic[]): void {
  const size = tasks.reduce((sum, { work }) => sum + (work.kind === 'agent' ? work.prompt.length : work.command.length), 0);
  if (size <= MAX_PROMPTS) return;
  const message = `the prompts of all tasks have ${Math.round(size / 1024 / 1024)} MB together, and a plan holds at most ${MAX_PROMPTS / 1024 / 1024}`;
  diagnostics.push(problem(manifest.source.at(['tasks']), message, 'let the agents read files themselves instead of `context`'));
}

/** The branch that results are merged into; null when nothing names one. */
function targetOf({ settings, base }: PlanRequest): string | null {
  return settings.merge?.into ?? base.branch;
}

function checkTarget(request: PlanRequest, tasks: readonly PlannedTask[], diagnostics: Diagnostic[]): void {
  const { merge, isolation } = request.settings;
  if (merge?.onConflict === 'resolve' && isolation.kind !== 'process') diagnostics.push(problem(merge.place, 'on-conflict: resolve needs `isolation: process`: a sandboxed agent has no merge in progress', 'use `on-conflict: retry`'));
  if (targetOf(request) !== null) return;
  const fromTarget = tasks.find(({ base }) => base === 'target');
  if (fromTarget !== undefined) diagnostics.push(problem(request.manifest.source.at(['tasks']), `${fromTarget.id} is to start from the target, and base ${request.base.ref} names no branch to be that`, 'say which: `into: main` under `merge:`, or --into main'));
  if (merge === null || merge.when === 'never') return;
  diagnostics.push(problem(merge.place, `has no branch to merge into: base ${request.base.ref} names none`, 'say which: `into: main` under `merge:`, or --into main'));
}

function contextOf({ manifest, settings, run, base, files, capabilities, inputs = NO_INPUTS, known }: PlanRequest): PlanContext {
  const diagnostics: Diagnostic[] = [];
  const expansion = expand(manifest.tasks, { source: manifest.source, inputs, diagnostics, ...(known === undefined ? {} : { known }) });
  return { settings, source: manifest.source, expansion, run, base: base.sha, files, inputs, capabilities, diagnostics };
}

interface Built {
  readonly request: PlanRequest;
  readonly root: string;
  readonly tasks: readonly PlannedTask[];
  readonly fanOuts: readonly FanOut[];
}

function planOf({ request, root, tasks, fanOuts }: Built): Plan {
  const { manifest, settings, run, base } = request;
  const all = [...tasks, ...fanOuts.map(({ template }) => template)];
  const used = new Set(all.flatMap(({ work }) => (work.kind === 'agent' ? [work.agent] : [])));
  return {
    format: 1,
    run,
    name: settings.name,
    manifest: manifest.file,
    base: { ref: base.ref, sha: base.sha },
    target: targetOf(request),
    maxParallel: settings.maxParallel,
    maxFail: settings.maxFail,
    maxWaitMs: settings.maxWaitMs,
    graceMs: settings.graceMs,
    agents: Object.fromEntries([...settings.agents].filter(([name]) => used.has(name))),
    worktrees: { root, copy: settings.worktrees.copy, link: settings.worktrees.link, ...(settings.worktrees.setup.length === 0 ? {} : { setup: settings.worktrees.setup }), keep: settings.worktrees.keep },
    passEnv: settings.passEnv,
    isolation: settings.isolation,
    ...(settings.notify === null ? {} : { notify: settings.notify }),
    ...(settings.budget === null ? {} : { budget: { usd: settings.budget.usd, usdPerTask: settings.budget.usdPerTask, expected: expectedCosts(all, request.history ?? []) } }),
    ...(Object.keys(settings.prices).length === 0 ? {} : { prices: settings.prices }),
    ...(settings.merge === null ? {} : { merge: mergePlan(settings.merge) }),
    tasks,
    ...(fanOuts.length === 0 ? {} : { fanOuts }),
  };
}

function mergePlan(said: NonNullable<Settings['merge']>): NonNullable<Plan['merge']> {
  const { place: _place, into: _into, ...merge } = said;
  return merge;
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

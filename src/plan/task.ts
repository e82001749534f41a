// One member of the expansion → one task of the plan: defaults applied, templates filled in, wishes checked. Pure.
import { staysInside } from '../lib/glob.ts';
import { problem, quoted } from '../manifest/diagnostic.ts';
import type { Diagnostic, Source } from '../manifest/diagnostic.ts';
import type { Scope } from '../manifest/template.ts';
import type { TaskFields } from '../manifest/schema.ts';
import { checkWishes, requiredAgent } from './agents.ts';
import type { AdapterCapabilities } from './agents.ts';
import type { Expansion, Member } from './expand.ts';
import { pick, pickForAgent, placeOf } from './layers.ts';
import type { Picked } from './layers.ts';
import type { PlannedTask, RunId, Sha, TaskId, Work } from './plan.ts';
import { renderEnv, renderField, renderFile, renderList } from './render.ts';
import type { Layer, Settings } from './settings.ts';

/** What all tasks of a plan share. */
export interface PlanContext {
  readonly settings: Settings;
  readonly source: Source;
  readonly expansion: Expansion;
  readonly run: RunId;
  readonly base: Sha;
  /** Contents of prompt files by the name that `promptFilesOf` gave them. */
  readonly files: ReadonlyMap<string, string>;
  readonly capabilities: (adapter: string) => AdapterCapabilities;
  readonly diagnostics: Diagnostic[];
}

/** One task while it is being planned. */
interface Draft {
  readonly context: PlanContext;
  /** Most important first. */
  readonly layers: readonly Layer[];
  readonly scope: Scope;
}

const WORK = ['prompt', 'prompt-file', 'run'] as const;

/** Plans one task. What is wrong with it goes to `context.diagnostics`, and then the task is not to be used. */
export function planTask(member: Member, context: PlanContext): PlannedTask {
  const draft = draftOf(member, context);
  const { layers, scope } = draft;
  const { diagnostics } = context;
  const name = pick(layers, 'name');
  const paths = pick(layers, 'paths');
  const concurrency = pick(layers, 'concurrency');
  const work = planWork(draft);
  return {
    id: member.id,
    name: name === undefined ? member.id : renderField(name, scope, diagnostics).trim() || member.id,
    work,
    needs: needsOf(member, draft),
    env: scope['env'] as Readonly<Record<string, string>>,
    setup: renderList(pick(layers, 'setup'), scope, diagnostics),
    verify: renderList(pick(layers, 'verify'), scope, diagnostics),
    expect: pick(layers, 'expect')?.value ?? (work.kind === 'run' ? 'any' : 'changes'),
    paths: paths === undefined ? null : renderPaths(paths, draft),
    timeoutMs: requiredValue(layers, 'timeout'),
    idleTimeoutMs: requiredValue(layers, 'idle-timeout'),
    retries: requiredValue(layers, 'retries'),
    retryOn: [...new Set(requiredValue(layers, 'retry-on'))],
    continueOnError: requiredValue(layers, 'continue-on-error'),
    concurrency: concurrency === undefined ? null : renderField(concurrency, scope, diagnostics),
    branch: `orch/${context.run}/${member.id}`,
  };
}

/** The prompt file of a task as the user would call it, or null if it has none. */
export function promptFileOf(member: Member, context: PlanContext): Picked<string> | null {
  const { layers, scope } = draftOf(member, context);
  const work = pickWork(layers);
  if (work?.key !== 'prompt-file') return null;
  return { ...work.picked, value: renderField(work.picked, scope, context.diagnostics) };
}

function draftOf({ id, definition, scope }: Member, context: PlanContext): Draft {
  const { settings, source, run, base, diagnostics } = context;
  const own: Layer = { kind: 'manifest', source, path: definition.path, fields: definition.fields };
  const layers = [...settings.over, own, ...settings.under];
  const names: Scope = { ...scope, task: { id }, run: { id: run }, base };
  return { context, layers, scope: { ...names, env: renderEnv(layers, names, diagnostics) } };
}

/** Fields that settings always have, because defaults are their last layer. */
function requiredValue<Key extends keyof TaskFields>(layers: readonly Layer[], key: Key): Exclude<TaskFields[Key], undefined> {
  const found = pick(layers, key);
  if (found === undefined) throw new Error(`no default for ${key}`);
  return found.value;
}

/** A prompt or command of a less important layer does not count once a task has one of its own, of whatever kind. */
function pickWork(layers: readonly Layer[]): { key: (typeof WORK)[number]; picked: Picked<string> } | null {
  for (const layer of layers) {
    for (const key of WORK) {
      const picked = pick([layer], key);
      if (picked !== undefined) return { key, picked };
    }
  }
  return null;
}

function planWork(draft: Draft): Work {
  const { layers, scope, context } = draft;
  const work = pickWork(layers);
  // The parser has seen to it that every task has one.
  if (work === null) throw new Error('a task without work');
  if (work.key === 'run') return { kind: 'run', command: filledText(work.picked, draft) };
  const agent = pick(layers, 'agent') as Picked<string>;
  const spec = requiredAgent(agent, context.settings.agents, context.diagnostics);
  const wishes = {
    model: pickForAgent(layers, 'model', agent.value),
    'max-turns': pick(layers, 'max-turns'),
    'permission-mode': pickForAgent(layers, 'permission-mode', agent.value),
    'allowed-tools': pick(layers, 'allowed-tools'),
  };
  if (spec !== null) checkWishes(wishes, { spec, can: context.capabilities(spec.adapter) }, context.diagnostics);
  for (const plain of [agent, ...Object.values(wishes)]) checkPlain(plain, context);
  return {
    kind: 'agent',
    agent: agent.value,
    prompt: promptText(work, draft),
    model: wishes.model?.value ?? null,
    args: renderList(pick(layers, 'args'), scope, context.diagnostics),
    maxTurns: wishes['max-turns']?.value ?? null,
    permissionMode: wishes['permission-mode']?.value ?? null,
    allowedTools: wishes['allowed-tools']?.value ?? [],
  };
}

function promptText({ key, picked }: { key: (typeof WORK)[number]; picked: Picked<string> }, draft: Draft): string {
  const given = filledText(picked, draft);
  if (key === 'prompt' || given === '') return given;
  const { scope, context: { diagnostics, files } } = draft;
  const text = files.get(given);
  if (text === undefined) {
    diagnostics.push(problem(placeOf(picked), `cannot read ${quoted(given)}`, 'a prompt file is relative to the manifest'));
    return '';
  }
  if (text.includes('\0')) diagnostics.push(problem(placeOf(picked), `${quoted(given)} contains a NUL character`, 'a prompt must be text'));
  if (text.trim() === '') diagnostics.push(problem(placeOf(picked), `${quoted(given)} is empty`, 'write the prompt into it'));
  return renderFile({ name: given, text: text.replace(/^\ufeff/, '') }, scope, diagnostics);
}

/** A text that must not be empty; '' after a diagnostic. It was not empty as written, but names may stand for nothing. */
function filledText(picked: Picked<string>, { scope, context: { diagnostics } }: Draft): string {
  const before = diagnostics.length;
  const text = renderField(picked, scope, diagnostics);
  if (text.trim() !== '') return text;
  if (diagnostics.length === before) diagnostics.push(problem(placeOf(picked), 'is empty once its names are filled in'));
  return '';
}

function checkPlain(picked: Picked<unknown> | undefined, { diagnostics }: PlanContext): void {
  if (picked === undefined || picked.value === null) return;
  const texts = Array.isArray(picked.value) ? picked.value : [picked.value];
  if (texts.some((text) => typeof text === 'string' && text.includes('${{'))) {
    diagnostics.push(problem(placeOf(picked), `\`\${{ }}\` is not read in \`${String(picked.path.findLast((part) => typeof part === 'string'))}\``, 'write the value itself'));
  }
}

function needsOf(member: Member, { layers, context }: Draft): readonly TaskId[] {
  const needs = pick(layers, 'needs')?.value ?? [];
  const ids = needs.flatMap((need) => context.expansion.idsOf.get(need) ?? []);
  return [...new Set(ids)].filter((id) => id !== member.id);
}

function renderPaths(paths: Picked<readonly string[]>, { scope, context }: Draft): readonly string[] {
  const rendered = renderList(paths, scope, context.diagnostics).map((glob) => glob.replace(/^(!?)(?:\.\/)+/, '$1'));
  rendered.forEach((glob, index) => {
    if (paths.value[index]?.includes('${{') === true && glob !== '' && !staysInside(glob)) {
      context.diagnostics.push(problem(placeOf({ ...paths, path: [...paths.path, index] }), `${quoted(glob)} leads out of the repository`, 'paths are relative to its root'));
    }
  });
  return rendered;
}

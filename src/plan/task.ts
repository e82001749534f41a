// One member of the expansion → one task of the plan: defaults applied, templates filled in, wishes checked. Pure.
import { escapeGlob, staysInside, unescapeGlob } from '../lib/glob.ts';
import { problem, quoted } from '../manifest/diagnostic.ts';
import type { Diagnostic, Source } from '../manifest/diagnostic.ts';
import type { TaskFields } from '../manifest/schema.ts';
import type { Scope } from '../manifest/template.ts';
import { checkWishes, requiredAgent } from './agents.ts';
import type { AdapterCapabilities } from './agents.ts';
import { contextText } from './context.ts';
import type { Expansion, Member } from './expand.ts';
import type { PlanInputs } from './inputs.ts';
import { pick, pickForAgent, placeOf } from './layers.ts';
import type { Picked } from './layers.ts';
import { modelsOf } from './models.ts';
import { needsGroup, neededIds } from './needs.ts';
import type { PlannedTask, RunId, Sha, Work } from './plan.ts';
import { renderEnv, renderField, renderFile, renderList } from './render.ts';
import type { Filling, TextKind } from './render.ts';
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
  readonly inputs: PlanInputs;
  readonly capabilities: (adapter: string) => AdapterCapabilities;
  readonly diagnostics: Diagnostic[];
}

/** One task while it is being planned. */
export interface Draft {
  readonly context: PlanContext;
  readonly member: Member;
  /** Most important first. */
  readonly layers: readonly Layer[];
  /** For what must be known now: names, paths, what is read. */
  readonly now: Filling;
  /** For what is used when the task runs: `needs` and the run's id may be filled in later. */
  readonly later: Filling;
  readonly env: Readonly<Record<string, string>>;
}

const WORK = ['prompt', 'prompt-file', 'run'] as const;

/** Plans one task. What is wrong with it goes to `context.diagnostics`, and then the task is not to be used. */
export function planTask(member: Member, context: PlanContext): PlannedTask {
  const draft = draftOf(member, context);
  const task = taskOf(draft);
  if (!draft.later.isLate || draft.later.template) return task;
  // Something is filled in later, so that everything must be written as a template; problems were found the first time.
  return { ...taskOf(draftOf(member, { ...context, diagnostics: [] }, true)), late: true };
}

function taskOf(draft: Draft): PlannedTask {
  const { layers, now, later, member, context } = draft;
  const name = pick(layers, 'name');
  const paths = pick(layers, 'paths');
  const concurrency = pick(layers, 'concurrency');
  const work = planWork(draft);
  return {
    id: member.id,
    name: name === undefined ? member.id : renderField(name, now).trim() || member.id,
    work,
    needs: neededIds(member, pick(layers, 'needs'), context.expansion),
    env: draft.env,
    setup: renderList(pick(layers, 'setup'), later, { reader: 'shell' }),
    verify: renderList(pick(layers, 'verify'), later, { reader: 'shell' }),
    expect: pick(layers, 'expect')?.value ?? (work.kind === 'run' ? 'any' : 'changes'),
    paths: paths === undefined ? null : renderPaths(paths, draft),
    timeoutMs: requiredValue(layers, 'timeout'),
    idleTimeoutMs: requiredValue(layers, 'idle-timeout'),
    retries: requiredValue(layers, 'retries'),
    retryOn: [...new Set(requiredValue(layers, 'retry-on'))],
    continueOnError: requiredValue(layers, 'continue-on-error'),
    concurrency: concurrency === undefined ? null : renderField(concurrency, now),
    branch: `orch/${context.run}/${member.id}`,
    ...(pick(layers, 'base')?.value === 'target' ? { base: 'target' as const } : {}),
    ...(member.kind === 'one' ? {} : { of: member.definition.id }),
  };
}

/** The prompt file of a task as the user would call it, or null if it has none. */
export function promptFileOf(member: Member, context: PlanContext): Picked<string> | null {
  const work = pickWork(layersOf(member, context));
  if (work?.key !== 'prompt-file') return null;
  return { ...work.picked, value: renderField(work.picked, draftOf(member, context).now) };
}

/** Everything that says something about a member's fields, most important first. */
export function layersOf({ definition, layer }: Member, { settings, source }: PlanContext): readonly Layer[] {
  const own: Layer = { kind: 'manifest', source, path: definition.path, fields: definition.fields };
  return [...settings.over, ...(layer === undefined ? [] : [layer]), own, ...settings.under];
}

/** `isTemplate`: texts that are used when the task runs are written as templates. */
export function draftOf(member: Member, context: PlanContext, isTemplate = member.kind === 'template'): Draft {
  const { run, base, diagnostics } = context;
  const layers = layersOf(member, context);
  const needs = needsGroup(pick(layers, 'needs'));
  // The id of a task that is yet to be made is known as little as its item.
  const id = member.kind === 'template' ? { late: '${{ task.id }}' } : member.id;
  const shared: Scope = { ...member.scope, task: { names: { id } } };
  const lateNames: Scope = { ...shared, run: { names: { id: { late: '${{ run.id }}' } } }, base, ...(needs === null ? {} : { needs }) };
  const filling: Filling = { scope: lateNames, diagnostics, template: isTemplate, isLate: false };
  const { values, texts } = renderEnv(layers, filling);
  const env = { names: values };
  const isStrict = member.kind !== 'template';
  const now: Filling = { scope: { ...shared, run: { names: { id: run } }, base, env }, diagnostics, template: !isStrict, isStrict, isLate: false };
  return { context, member, layers, now, later: Object.assign(filling, { scope: { ...lateNames, env } }), env: texts };
}

/** Fields that settings always have, because defaults are their last layer. */
function requiredValue<Key extends keyof TaskFields>(layers: readonly Layer[], key: Key): Exclude<TaskFields[Key], undefined> {
  const found = pick(layers, key);
  if (found === undefined) throw new Error(`no default for ${key}`);
  return found.value;
}

/** A prompt or command of a less important layer does not count once a task has one of its own, of whatever kind. */
export function pickWork(layers: readonly Layer[]): { key: (typeof WORK)[number]; picked: Picked<string> } | null {
  for (const layer of layers) {
    for (const key of WORK) {
      const picked = pick([layer], key);
      if (picked !== undefined) return { key, picked };
    }
  }
  return null;
}

function planWork(draft: Draft): Work {
  const { layers, later, context } = draft;
  const work = pickWork(layers);
  // The parser has seen to it that every task has one.
  if (work === null) throw new Error('a task without work');
  if (work.key === 'run') return { kind: 'run', command: filledText(work.picked, later, { reader: 'shell' }) };
  const agent = pick(layers, 'agent') as Picked<string>;
  const spec = requiredAgent(agent, context.settings.agents, context.diagnostics);
  const { model, escalate, effort } = modelsOf(layers, agent.value, context.diagnostics);
  const wishes = {
    model,
    escalate,
    effort,
    'max-turns': pick(layers, 'max-turns'),
    'permission-mode': pickForAgent(layers, 'permission-mode', agent.value),
    'allowed-tools': pick(layers, 'allowed-tools'),
  };
  if (spec !== null) checkWishes(wishes, { spec, can: context.capabilities(spec.adapter) }, context.diagnostics);
  for (const plain of [agent, ...Object.values(wishes)]) checkPlain(plain, context);
  return {
    kind: 'agent',
    agent: agent.value,
    prompt: promptText(work, draft) + contextText(draft),
    model: wishes.model?.value ?? null,
    ...(escalate === undefined ? {} : { escalate: escalate.value }),
    ...(effort === undefined ? {} : { effort: effort.value }),
    args: renderList(pick(layers, 'args'), later),
    maxTurns: wishes['max-turns']?.value ?? null,
    permissionMode: wishes['permission-mode']?.value ?? null,
    allowedTools: wishes['allowed-tools']?.value ?? [],
  };
}

function promptText({ key, picked }: { key: (typeof WORK)[number]; picked: Picked<string> }, { now, later, context: { diagnostics, files } }: Draft): string {
  if (key === 'prompt') return filledText(picked, later);
  const given = filledText(picked, now);
  if (given === '') return given;
  const text = files.get(given);
  if (text === undefined) {
    diagnostics.push(problem(placeOf(picked), now.isLate ? 'is read when the plan is made, and `item` is not known by then' : `cannot read ${quoted(given)}`, now.isLate ? 'write the prompt here' : 'a prompt file is relative to the manifest'));
    return '';
  }
  if (text.includes('\0')) diagnostics.push(problem(placeOf(picked), `${quoted(given)} contains a NUL character`, 'a prompt must be text'));
  if (text.trim() === '') diagnostics.push(problem(placeOf(picked), `${quoted(given)} is empty`, 'write the prompt into it'));
  return renderFile({ name: given, text: text.replace(/^\ufeff/, '') }, later);
}

/** A text that must not be empty; '' after a diagnostic. It was not empty as written, but names may stand for nothing. */
function filledText(picked: Picked<string>, filling: Filling, kind: TextKind = {}): string {
  const before = filling.diagnostics.length;
  const text = renderField(picked, filling, kind);
  if (text.trim() !== '' || filling.isLate) return text;
  if (filling.diagnostics.length === before) filling.diagnostics.push(problem(placeOf(picked), 'is empty once its names are filled in'));
  return '';
}

function checkPlain(picked: Picked<unknown> | undefined, { diagnostics }: PlanContext): void {
  if (picked === undefined || picked.value === null) return;
  const texts = Array.isArray(picked.value) ? picked.value : [picked.value];
  if (texts.some((text) => typeof text === 'string' && text.includes('${{'))) {
    diagnostics.push(problem(placeOf(picked), `\`\${{ }}\` is not read in \`${String(picked.path.findLast((part) => typeof part === 'string'))}\``, 'write the value itself'));
  }
}

function renderPaths(paths: Picked<readonly string[]>, { now, context }: Draft): readonly string[] {
  return paths.value.flatMap((value, index) => {
    const picked = { ...paths, value, path: [...paths.path, index] };
    const files = filesOf(value, now.scope);
    if (files !== null) return files.map(escapeGlob);
    const glob = plainGlob(renderField(picked, now, { reader: 'glob' }));
    if (value.includes('${{') && glob !== '' && !now.isLate && !staysInside(unescapeGlob(glob))) {
      context.diagnostics.push(problem(placeOf(picked), `${quoted(glob)} leads out of the repository`, 'paths are relative to its root'));
    }
    return [glob];
  });
}

/** The files that a path is nothing but a name for: each is a path of its own. */
function filesOf(value: string, { item }: Scope): readonly string[] | null {
  if (!/^\$\{\{\s*item(?:\.files)?\s*\}\}$/.test(value) || typeof item !== 'object' || !('names' in item)) return null;
  const { files } = item.names;
  return typeof files === 'object' && 'words' in files ? files.words : null;
}

/** Without a leading `./`. */
export function plainGlob(glob: string): string {
  return glob.replace(/^(!?)(?:\.\/)+/, '$1');
}

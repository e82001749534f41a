// Which models a task is given: by its effort where a map names several, and a ladder where failed verifications climb. Pure.
import { nearest } from '../lib/nearest.ts';
import { problem, quoted } from '../manifest/diagnostic.ts';
import type { Diagnostic } from '../manifest/diagnostic.ts';
import { pick, pickForAgent, placeOf } from './layers.ts';
import type { Picked } from './layers.ts';
import type { Layer } from './settings.ts';

export interface Models {
  /** What the first attempt is given; absent = the program's own choice. */
  readonly model: Picked<string> | undefined;
  /** From the first model up; absent = no ladder. */
  readonly escalate: Picked<readonly string[]> | undefined;
  /** What the agent itself is told; absent where it has chosen the model. */
  readonly effort: Picked<string> | undefined;
}

/** The models of a task of this agent; what is wrong goes to `diagnostics`. */
export function modelsOf(layers: readonly Layer[], agent: string, diagnostics: Diagnostic[]): Models {
  const model = modelByEffort(layers, agent, diagnostics);
  // Where anybody names models by effort, it is a word of theirs, even if the command line has the last one.
  const isMapped = layers.some(({ fields, agentFields }) => [fields.model, agentFields?.get(agent)?.model].some((one) => typeof one === 'object'));
  const effort = isMapped ? undefined : pick(layers, 'effort');
  const ladder = pick(layers, 'escalate');
  // A model of the command line is meant for this run, and a ladder of a file for any.
  if (ladder === undefined || model?.kind === 'flag' || model?.kind === 'variable') return { model, escalate: undefined, effort };
  if ((pick(layers, 'verify')?.value ?? []).length === 0) diagnostics.push(problem(placeOf(ladder), 'climbs when a `verify` fails, and the task has none', 'add `verify: command`, or remove it'));
  const at = model === undefined ? 0 : ladder.value.indexOf(model.value);
  if (at === -1 && model !== undefined && model.kind === ladder.kind) {
    diagnostics.push(problem(placeOf(ladder), `does not have the model ${quoted(model.value)} that the task begins with`, 'add it to the list, or leave out `model`'));
  }
  const steps = ladder.value.slice(Math.max(0, at));
  const first = { ...ladder, value: steps[0] ?? '' };
  return { model: at > 0 ? model : first, escalate: { ...ladder, value: steps }, effort };
}

function modelByEffort(layers: readonly Layer[], agent: string, diagnostics: Diagnostic[]): Picked<string> | undefined {
  const picked = pickForAgent(layers, 'model', agent);
  const effort = pick(layers, 'effort');
  if (picked === undefined) return undefined;
  if (typeof picked.value === 'string') return { ...picked, value: picked.value };
  const { value: map } = picked;
  const names = Object.keys(map);
  const meant = effort === undefined || Object.hasOwn(map, effort.value) ? undefined : nearest(effort.value, names);
  const value = Object.hasOwn(map, effort?.value ?? 'default') ? map[effort?.value ?? 'default'] : map['default'];
  if (effort !== undefined && meant !== undefined) diagnostics.push(problem(placeOf(effort), `\`model\` has no ${quoted(effort.value)}`, `did you mean \`${meant}\`?`));
  else if (value === undefined) {
    diagnostics.push(effort === undefined
      ? problem(placeOf(picked), 'has no `default`, and the task has no `effort`', 'add `default: …`, or give the task an effort')
      : problem(placeOf(effort), `\`model\` has neither ${quoted(effort.value)} nor a \`default\``, `known: ${names.join(', ')}`));
  }
  return { ...picked, value: value ?? '' };
}

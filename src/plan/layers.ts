// One field of one task: the most important layer that says something about it wins. Pure.
import type { Path, Place, Source } from '../manifest/diagnostic.ts';
import type { ModelField, TaskFields } from '../manifest/schema.ts';
import type { Layer, LayerKind } from './settings.ts';

/** A value and who said it. */
export interface Picked<T> {
  readonly value: T;
  readonly kind: LayerKind;
  readonly source: Source;
  readonly path: Path;
}

type Value<Key extends keyof TaskFields> = Exclude<TaskFields[Key], undefined>;

/** The value of a field, or undefined if no layer has it. `layers`: most important first. */
export function pick<Key extends keyof TaskFields>(layers: readonly Layer[], key: Key): Picked<Value<Key>> | undefined {
  for (const { fields, source, kind, path } of layers) {
    const value = fields[key];
    if (value !== undefined) return { value: value as Value<Key>, kind, source, path: [...path, key] };
  }
  return undefined;
}

/** The same for what may also be said of an agent: in each layer, what is said of the agent comes first. */
export function pickForAgent(layers: readonly Layer[], key: 'model', agent: string): Picked<ModelField> | undefined;
export function pickForAgent(layers: readonly Layer[], key: 'permission-mode', agent: string): Picked<string> | undefined;
export function pickForAgent(layers: readonly Layer[], key: 'model' | 'permission-mode', agent: string): Picked<ModelField> | undefined {
  for (const { fields, agentFields, source, kind, path } of layers) {
    const ofAgent = agentFields?.get(agent)?.[key];
    if (ofAgent !== undefined) return { value: ofAgent, kind, source, path: ['agents', agent, key] };
    const value = fields[key];
    if (value !== undefined) return { value, kind, source, path: [...path, key] };
  }
  return undefined;
}

/** Where it was said. Looked up only when something is wrong: ten thousand tasks have a hundred thousand fields. */
export function placeOf({ source, path }: Picked<unknown>): Place {
  return source.at(path);
}

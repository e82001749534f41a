// What a plan is made of besides manifest and settings: files of the base commit and the output of commands. Types, and
// which of them a manifest asks for; src/commands reads them.
import type { Place, Source } from '../manifest/diagnostic.ts';
import type { TaskDefinition } from '../manifest/tasks.ts';

/** A text that was read, or why it could not be (`cannot be read`, `exited with 1: …`). */
export type InputText = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly message: string };

/** What was read; keys are those of the requests. */
export interface PlanInputs {
  /** Paths of the base commit's regular files, in git's order; null = nobody asked. */
  readonly tree: readonly string[] | null;
  readonly texts: ReadonlyMap<string, InputText>;
}
export const NO_INPUTS: PlanInputs = { tree: null, texts: new Map() };

/** A text to read. */
export interface InputRequest {
  /** `file`: of the base commit, from its root. `run`: a shell command, in the repository's top level. */
  readonly kind: 'file' | 'run';
  readonly name: string;
  readonly maxBytes: number;
  /** Who asks for it first. */
  readonly place: Place;
}

/** Under which a text is found in `PlanInputs.texts`. */
export function inputKey({ kind, name }: Pick<InputRequest, 'kind' | 'name'>): string {
  return `${kind}:${name}`;
}

/** What the `foreach` of a manifest are made of: needed before its tasks can be counted. */
export function listInputsOf(tasks: readonly TaskDefinition[], source: Source, maxBytes: number): { readonly needsTree: boolean; readonly requests: readonly InputRequest[] } {
  const requests = new Map<string, InputRequest>();
  for (const { fields, path } of tasks) {
    for (const [key, kind] of [['lines', 'run'], ['json', 'file']] as const) {
      const name = fields.foreach?.[key];
      if (name === undefined || requests.has(inputKey({ kind, name }))) continue;
      requests.set(inputKey({ kind, name }), { kind, name, maxBytes, place: source.at([...path, 'foreach', key]) });
    }
  }
  return { needsTree: tasks.some(({ fields }) => fields.foreach?.files !== undefined), requests: [...requests.values()] };
}

// What a run goes by, once flags, variables, manifest, configuration and defaults have been put in order. Types only:
// src/config resolves them, build.ts reads them.
import type { AgentFields, TaskFields } from '../manifest/schema.ts';
import type { Path, Place, Source } from '../manifest/diagnostic.ts';
import type { AgentSpec, Budget, Isolation, KeepPolicy, MaxFail, MergeSettings, Notify, Price } from './plan.ts';

/** Who said a thing, most important first. */
export type LayerKind = 'flag' | 'variable' | 'manifest' | 'config' | 'default';

/** Task fields that apply to every task, from one place. */
export interface Layer {
  readonly kind: LayerKind;
  readonly source: Source;
  /** Where the fields stand in the source. */
  readonly path: Path;
  readonly fields: Partial<TaskFields>;
  /** Settings of agents by name that are as important as `fields`, and more so for their agent. */
  readonly agentFields?: ReadonlyMap<string, Pick<AgentFields, 'model' | 'permission-mode'>>;
}

export interface Settings {
  /** For people and run ids; not yet a slug. */
  readonly name: string;
  /** The ref to start from; `HEAD` by default. */
  readonly base: string;
  readonly maxParallel: number;
  readonly maxFail: MaxFail | null;
  readonly maxWaitMs: number;
  readonly graceMs: number;
  /** Layers above a task's own fields: flags and variables. Most important first, as in `under`. */
  readonly over: readonly Layer[];
  /** Layers below a task's own fields. */
  readonly under: readonly Layer[];
  /** Every agent that a task may name. */
  readonly agents: ReadonlyMap<string, AgentSpec>;
  readonly worktrees: {
    /** As written: relative to the repository's root, with `{repo}`. */
    readonly root: string;
    readonly rootPlace: Place;
    readonly copy: readonly string[];
    readonly link: readonly string[];
    /** For merges: what tasks get by default, unless it is a template. */
    readonly setup: readonly string[];
    readonly keep: KeepPolicy;
  };
  readonly passEnv: readonly string[];
  readonly isolation: Isolation;
  /** null = nothing was said of it. */
  readonly notify: Notify | null;
  /** null = nothing was said of merging. */
  readonly merge: (MergeSettings & { readonly when: 'never' | 'each' | 'end'; /** null = the branch that `base` names */ readonly into: string | null; /** of `merge` or what stands for it */ readonly place: Place }) | null;
  /** null = no limit. */
  readonly budget: (Omit<Budget, 'expected'> & { readonly place: Place }) | null;
  readonly prices: Readonly<Record<string, Price>>;
  /** Who decided each setting, for messages: `max-parallel` → its place. Defaults are absent. */
  readonly origins: ReadonlyMap<string, Place>;
}

// The frozen plan: everything that a run will do, decided before anything is created. Plain JSON (no undefined,
// no class), so that plan.json, the journal and `orch plan --json` all hold the same thing. Types only.

/** A task's id, `^[a-z0-9][a-z0-9._-]{0,63}$`, unique when case-folded. */
export type TaskId = string;
/** A run's id, `<name>-<yyyymmdd>-<hhmmss>[-n]` or what `--run-id` said; same alphabet as TaskId. */
export type RunId = string;
/** A full hexadecimal git object name (40 or 64 characters). */
export type Sha = string;

/** When a failed attempt is worth another one that counts against `retries`. */
export type RetryOn = 'timeout' | 'verify' | 'agent';
/** What a task must leave behind to be believed (spec §2, `expect`). */
export type Expectation = 'changes' | 'none' | 'any';
/** What stays of a worktree after its task has settled. Unsaved work is never deleted, whatever this says. */
export type KeepPolicy = 'failed' | 'always' | 'never';

/** How an agent program is started. `adapter` names a file of src/agents; the rest are its settings. */
export interface AgentSpec {
  /** The name that manifests use, e.g. `claude` or `mine`. */
  readonly name: string;
  /** `claude`, or `command` for any other program. */
  readonly adapter: string;
  /** Program and leading arguments. `["claude"]` unless configured. Relative programs are relative to the repository root. */
  readonly command: readonly string[];
  /** How `command` agents get their prompt. */
  readonly prompt: 'stdin' | 'arg' | 'file';
  /** How the output of a `command` agent is read. */
  readonly output: 'text' | 'claude-stream-json';
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** One try's worth of work: a prompt for an agent, or a shell command. */
export type Work =
  | {
      readonly kind: 'agent';
      /** A key of `Plan.agents`. */
      readonly agent: string;
      readonly prompt: string;
      readonly model: string | null;
      /** Models from the cheapest up: each failed verification climbs one step. Absent = `model` throughout. */
      readonly escalate?: readonly string[];
      /** How hard the model should think, in the program's own words. Absent = its own choice. */
      readonly effort?: string;
      readonly args: readonly string[];
      readonly maxTurns: number | null;
      readonly permissionMode: string | null;
      readonly allowedTools: readonly string[];
    }
  | { readonly kind: 'run'; readonly command: string };

/** One unit of work: one worktree, one branch. Every default is already applied, every template already expanded. */
export interface PlannedTask {
  readonly id: TaskId;
  readonly name: string;
  readonly work: Work;
  /** Ids of tasks or fan-outs of this plan, without duplicates, none of them this task. A fan-out means all of its tasks. */
  readonly needs: readonly TaskId[];
  /** Environment of setup, work and verify, over the allow-list. */
  readonly env: Readonly<Record<string, string>>;
  /** Shell commands, run in order in the new worktree. */
  readonly setup: readonly string[];
  /** Shell commands, run in order after the work; all must exit 0. */
  readonly verify: readonly string[];
  readonly expect: Expectation;
  /** The write set as globs from the repository's root; null = anything. */
  readonly paths: readonly string[] | null;
  readonly timeoutMs: number;
  /** null = off. */
  readonly idleTimeoutMs: number | null;
  /** Attempts after the first that count. */
  readonly retries: number;
  readonly retryOn: readonly RetryOn[];
  readonly continueOnError: boolean;
  /** Tasks of one group run one at a time. */
  readonly concurrency: string | null;
  /** Without `refs/heads/`: `orch/<run>/<task>`. */
  readonly branch: string;
  /** A shell command that prints how good the work is, as a number; higher is better. Run after `verify`. */
  readonly score?: string;
  /** It is one attempt among several at this task, which chooses. */
  readonly candidateOf?: TaskId;
  /** It runs nothing: it takes the work of the best of these. */
  readonly choose?: readonly TaskId[];
  /** Each attempt starts from where the target is then, and from the needs' work. Absent: from the run's base, or the needs' work. */
  readonly base?: 'target';
  /** The task of the manifest that this is a member of; absent = it stands there itself. */
  readonly of?: string;
  /** Its prompt, command, arguments, variables, `setup` and `verify` are templates still: `needs.*` is known when it starts. */
  readonly late?: true;
}

/** Tasks that are made when another task has completed, of the items that it names. The plan itself never changes. */
export interface FanOut {
  /** As in the manifest; a `needs` on it means all of its tasks. */
  readonly id: TaskId;
  /** null = the text that its agent ended with. */
  readonly from: { readonly task: TaskId; readonly output: string | null };
  /** Globs of items to leave out. */
  readonly exclude: readonly string[];
  /** Items per task. */
  readonly batch: number;
  /** More tasks than these fail the task that they come from. */
  readonly maxTasks: number;
  /** A task with the fan-out's id, all of whose texts are templates that may read `item`. */
  readonly template: PlannedTask;
}

/** Stop starting tasks after this many failures; a percentage counts once 10 tasks have finished. */
export type MaxFail = { readonly kind: 'count'; readonly count: number } | { readonly kind: 'percent'; readonly percent: number };

/** How agents are kept apart from the machine. */
export interface Isolation {
  /** `auto` = sandbox where it works. */
  readonly kind: 'process' | 'sandbox' | 'auto';
  readonly network: 'on' | 'none';
  /** The one secret that a sandbox lets in: the name of a variable, or a path (it has a `/`). */
  readonly credential: string | null;
  /** Absolute paths that can be read in a sandbox, too. */
  readonly read: readonly string[];
}

/** Who is told that a run has ended, beyond those who watch it. */
export interface Notify {
  /** A shell command; null = none. */
  readonly command: string | null;
  /** null = not said: a sequence that the terminal may show, and nothing else. */
  readonly desktop: boolean | null;
}

/** How results are merged. */
export interface MergeSettings {
  readonly strategy: 'merge' | 'squash' | 'rebase';
  /** Shell commands, run in order on the merged tree; empty = nothing is asked of it. */
  readonly verify: readonly string[];
  /**
   * `fail` = the first conflict ends the merge; `park` = the others go on; `retry` = the task is run again from the target;
   * `resolve` = its agent resolves the conflict in a worktree with the merge in progress.
   */
  readonly onConflict: 'park' | 'fail' | 'retry' | 'resolve';
  /** Branches from one verification to the next. */
  readonly batch: 'auto' | number;
  /** What is done about conflicts in paths that match a glob; the first that matches. */
  readonly conflicts: readonly { readonly paths: string; readonly resolve: 'union' | 'ours' | 'theirs' | { readonly regenerate: string } }[];
  /** Results are asked to be merged by pull requests: one of the merged result, or one for each task's branch. Absent: orch moves the target. */
  readonly pullRequest?: 'run' | 'task';
  /** Agents are named as co-authors: `true`, or the `Name <email>` of all of them. Absent: they are not. */
  readonly coAuthor?: true | string;
}

/** What a run may spend, in US dollars. null = no limit of this kind. */
export interface Budget {
  readonly usd: number | null;
  readonly usdPerTask: number | null;
  /** What one attempt took in earlier runs, by `<agent> <model>`. */
  readonly expected: Readonly<Record<string, number>>;
}

/** US dollars per million tokens. */
export interface Price {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
}

export interface Plan {
  readonly format: 1;
  readonly run: RunId;
  readonly name: string;
  /** Where the manifest came from, for people: a path, `-`, or null for prompts on the command line. */
  readonly manifest: string | null;
  readonly base: { readonly ref: string; readonly sha: Sha };
  /** Branch that results are (or would be) merged into, without `refs/heads/`, if it is known. */
  readonly target: string | null;
  readonly maxParallel: number;
  readonly maxFail: MaxFail | null;
  /** How long a task may wait for a provider before the run checkpoints and exits 75. */
  readonly maxWaitMs: number;
  /** TERM → KILL. */
  readonly graceMs: number;
  readonly agents: Readonly<Record<string, AgentSpec>>;
  readonly worktrees: {
    /** Absolute path; a run's worktrees are at `<root>/<run>/<task>`. */
    readonly root: string;
    /** Globs of ignored files to copy into each worktree. */
    readonly copy: readonly string[];
    /** Paths to symlink into each worktree. */
    readonly link: readonly string[];
    /** Shell commands that prepare the worktrees in which merges are verified; absent = none. Tasks have their own. */
    readonly setup?: readonly string[];
    readonly keep: KeepPolicy;
  };
  /** Names or `PREFIX_*` globs of variables that agents inherit, beyond the built-in allow-list. */
  readonly passEnv: readonly string[];
  /** Absent in plans of an earlier orch: process. */
  readonly isolation?: Isolation;
  /** Absent = nothing was said. */
  readonly notify?: Notify;
  /** Absent = never, in the default way. `end` = once all tasks have settled; `each` = as they complete; `target` is known then. */
  readonly merge?: MergeSettings & { readonly when: 'never' | 'each' | 'end' };
  /** Absent = no limit. */
  readonly budget?: Budget;
  /** Prices that the configuration gives, by model; for clients that tell tokens and no costs. */
  readonly prices?: Readonly<Record<string, Price>>;
  readonly tasks: readonly PlannedTask[];
  /** Absent = none. */
  readonly fanOuts?: readonly FanOut[];
}

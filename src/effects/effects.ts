// The world as the rest of the program sees it. Interfaces only; the implementations beside this file are chosen in
// src/commands and are the only code that touches git, processes, files, clocks and signals.
import type { CancelReason, Delivery, Exit, Instant } from '../run/events.ts';
import type { RunId, Sha, TaskId } from '../plan/plan.ts';

// ---------------------------------------------------------------- clock
export interface Clock {
  /** Wall time, for people and back-off. */
  now(): Instant;
  /** Milliseconds that this machine was awake, from any origin; what timeouts are counted in. */
  awake(): number;
  /** Resolves at a wall instant, or when the signal aborts (it never rejects). */
  until(at: Instant, signal?: AbortSignal): Promise<void>;
}

// ---------------------------------------------------------------- processes
export interface ProcessSpec {
  readonly command: string;
  readonly args: readonly string[];
  /** Must exist; checked first, because the operating system blames the program otherwise. */
  readonly cwd: string;
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Written and closed; null = no standard input. A prompt goes here, never into argv. */
  readonly stdin: string | null;
  /** Awake milliseconds; null = none. */
  readonly timeoutMs: number | null;
  /** Awake milliseconds without a byte of output; null = off. */
  readonly idleTimeoutMs: number | null;
  /** From TERM to KILL. */
  readonly graceMs: number;
  /** Where stdout and stderr go, interleaved as they came, after what the file holds, bounded (head and tail are kept). null = nowhere. */
  readonly logFile: string | null;
  /** Each line of output as it comes, cut at 1 MiB, decoded as UTF-8. Must not throw. */
  readonly onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
}

export interface ProcessEnd {
  readonly exit: Exit;
  /** Awake milliseconds from spawn to exit. */
  readonly durationMs: number;
  /** The last 64 KiB of each. */
  readonly stdoutTail: string;
  readonly stderrTail: string;
  /** Bytes that were printed, all of them. */
  readonly outputBytes: number;
  /** The log or the tail is not the whole output. */
  readonly truncated: boolean;
  /** Processes of the tree that outlived the main one and were stopped. */
  readonly leftovers: number;
}

export interface Processes {
  /**
   * Runs a program in its own process group until every process of its tree is gone. Never rejects (a failed spawn is an
   * `Exit`) unless `onLine` threw. `force` ends the grace of a stop that is under way: KILL now.
   */
  run(spec: ProcessSpec, signal?: AbortSignal, force?: AbortSignal): Promise<ProcessEnd>;
  /**
   * Stops what is left of an earlier orch: processes whose environment carries this run id (and this task's, if given).
   * Returns how many were stopped.
   */
  reap(owner: { readonly run: RunId; readonly task?: TaskId }): Promise<number>;
}

/** Small text files of an attempt: prompts in, results out. */
export interface Files {
  /** Creates the directory and its parents, for this user only. */
  makeDir(dir: string): Promise<void>;
  /** Replaces the file as a whole. */
  writeText(file: string, text: string): Promise<void>;
  /** At most `maxBytes` from the beginning, or null when there is no such file. */
  readText(file: string, maxBytes: number): Promise<string | null>;
}

/** `AbortSignal.reason` of a phase that is being stopped. `forced` = KILL at once, without grace. */
export interface StopRequest {
  readonly reason: CancelReason;
  readonly forced: boolean;
}

// ---------------------------------------------------------------- git and workspaces
/** Where a run lives; resolved once, before anything is created. */
export interface Repository {
  /** `git rev-parse --git-common-dir`, absolute. */
  readonly commonDir: string;
  /** Working tree that the user is in; null in a bare repository. */
  readonly topLevel: string | null;
  readonly bare: boolean;
  readonly objectFormat: 'sha1' | 'sha256';
  /** e.g. [2, 39, 5] */
  readonly gitVersion: readonly [number, number, number];
}

export interface WorkspaceRequest {
  readonly run: RunId;
  readonly task: TaskId;
  readonly attempt: number;
  /** Without `refs/heads/`. */
  readonly branch: string;
  /** Commits to start from: one = that commit; several = their merge, made in memory. */
  readonly starts: readonly Sha[];
  readonly copy: readonly string[];
  readonly link: readonly string[];
}

export interface Workspace {
  readonly run: RunId;
  readonly task: TaskId;
  readonly attempt: number;
  readonly branch: string;
  /** Absolute path of the working tree. */
  readonly path: string;
  /** What it started from; a merge commit of ours if there were several. */
  readonly start: Sha;
}

export type CreateResult =
  | { readonly ok: true; readonly workspace: Workspace; readonly notes: readonly string[] }
  | { readonly ok: false; readonly kind: 'conflict'; readonly files: readonly string[]; readonly between: readonly Sha[] }
  | { readonly ok: false; readonly kind: 'error'; readonly message: string; /** worth another try */ readonly transient: boolean };

/** What an agent left in a workspace, once it is safe on a ref. */
export interface Collected {
  readonly delivery: Delivery;
  /** Repository-relative paths that differ between the start and `delivery.head`. */
  readonly changed: readonly string[];
  /** What the agent did to its workspace beyond editing files. Each is saved, none is believed. */
  readonly findings: readonly Finding[];
}
export type Finding =
  | { readonly kind: 'left-branch'; /** where HEAD was */ readonly head: string }
  | { readonly kind: 'unmerged'; readonly paths: readonly string[]; readonly operation: string }
  | { readonly kind: 'worktree-lost'; readonly message: string }
  | { readonly kind: 'rewrote-history' }
  | { readonly kind: 'nested-repository'; readonly path: string }
  | { readonly kind: 'stashed' };
export type CollectResult =
  | { readonly ok: true; readonly collected: Collected }
  | { readonly ok: false; readonly message: string };

/** One worktree and one branch per task, whatever they are made of (a `git worktree` today). */
export interface Workspaces {
  /** Idempotent over leftovers: unsaved work found at the place is saved on a rescue ref first. Published atomically. */
  create(request: WorkspaceRequest): Promise<CreateResult>;
  /** Commits everything that is not ignored and puts it on the branch, or on a rescue ref when the agent left its branch. */
  collect(workspace: Workspace, message: string): Promise<CollectResult>;
  /** Collects, then removes (renamed into a trash that `flush` empties). Returns why it was kept, or null when it is gone. */
  remove(workspace: Workspace): Promise<string | null>;
  /** Variables that processes in this workspace need, so that their git sees it as orch does. */
  variables(workspace: Workspace): Promise<Readonly<Record<string, string>>>;
  /** Empties the trash; resolves when the disk is clean. */
  flush(): Promise<void>;
}

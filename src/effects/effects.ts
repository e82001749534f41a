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
/**
 * How firmly a process is held: 1 = a pid namespace made by bubblewrap, 2 = one made by unshare, 3 = a subreaper above it,
 * 4 = its session, lineage and environment alone.
 */
export type Tier = 1 | 2 | 3 | 4;

/** What names one process for ever, although pids are used again. */
export interface Spawned {
  readonly pid: number;
  /** When it started, in the unit of this machine's process table. */
  readonly startTime: number;
  readonly bootId: string;
  readonly tier: Tier;
}

/** What a process may touch when that is not everything its user may. Made by `sandboxFor`. */
export interface Sandbox {
  /** In this order, later ones over earlier ones; paths are the same inside and outside. What is not named does not exist. */
  readonly mounts: readonly Mount[];
  /** `on` = the network of the machine, loopback included; `none` = a loopback of its own. */
  readonly network: 'on' | 'none';
  /** A private folder that is HOME inside. */
  readonly home: string;
  /** A private folder that is /tmp inside. */
  readonly tmp: string;
  /** The one variable named like a secret that is passed; null = none. */
  readonly secretVariable: string | null;
}
export interface Mount {
  readonly kind: 'read' | 'write';
  readonly path: string;
  /** Where it is inside, if not at its own path. */
  readonly at?: string;
}
/** What a sandbox has in the place of a repository; to come before the working tree, and after it. */
export interface GitMounts {
  readonly before: readonly Mount[];
  readonly after: readonly Mount[];
}

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
  /** Refused (an `Exit` of kind `spawn-error`) where it does not work, never left out. */
  readonly sandbox?: Sandbox;
  /** Told once, right after the spawn; the process runs meanwhile, its end waits. A rejection stops the process and is passed on. */
  readonly onSpawned?: (spawned: Spawned) => Promise<void>;
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
  /** How it was held. */
  readonly tier: Tier;
}

export interface Processes {
  /**
   * Runs a program in its own process group until every process of its tree is gone. Never rejects (a failed spawn is an
   * `Exit`) unless `onLine` threw or `onSpawned` rejected. `force` ends the grace of a stop that is under way: KILL now.
   */
  run(spec: ProcessSpec, signal?: AbortSignal, force?: AbortSignal): Promise<ProcessEnd>;
  /**
   * Stops what is left of an earlier orch: processes whose environment carries this run id (and this task's, and the folder of
   * its records, if given: run ids are unique in one repository only), and the trees of `spawned`, as far as they are of this boot and still theirs. Returns how many were stopped.
   */
  reap(owner: { readonly run: RunId; readonly task?: TaskId; readonly dir?: string; readonly spawned?: readonly Spawned[] }): Promise<number>;
}

/** Small text files of an attempt: prompts in, results out. */
export interface Files {
  /** Creates the directory and its parents, for this user only. */
  makeDir(dir: string): Promise<void>;
  /** Replaces the file as a whole: any reader, also after a crash, finds the old text or the new one. */
  writeText(file: string, text: string): Promise<void>;
  /** Nothing there is fine. */
  remove(file: string): Promise<void>;
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
  /** Of a merge that was begun for it: the other side is not in it, or conflict markers are left. */
  | { readonly kind: 'merge-dropped' }
  | { readonly kind: 'markers'; readonly paths: readonly string[] }
  | { readonly kind: 'nested-repository'; readonly path: string }
  | { readonly kind: 'stashed' }
  /** Its branch pointed to a commit that the repository does not have (any more). */
  | { readonly kind: 'objects-lost' };
/** How a workspace is to be found. */
export interface RecoverRequest {
  /** The commit that its branch and its files are to be at. */
  readonly head: Sha;
  /** Files that are there stay as they are, whatever differs: only what is missing is made again. */
  readonly keepChanges: boolean;
  readonly copy: readonly string[];
  readonly link: readonly string[];
}
export type RecoverResult =
  | { readonly ok: true; /** the files are new: setup has not seen them */ readonly made: boolean; readonly notes: readonly string[] }
  | { readonly ok: false; readonly message: string; readonly transient: boolean };
export type BeginMergeResult = { readonly ok: true; /** paths in conflict */ readonly conflicted: readonly string[] } | { readonly ok: false; readonly message: string };
export type CollectResult =
  | { readonly ok: true; readonly collected: Collected }
  | { readonly ok: false; readonly message: string };

/** Who is at work in a repository. */
export interface Watched {
  readonly task: TaskId;
  readonly workspace: Workspace;
  /** An agent can be blamed; a command of the plan's (setup, verify) cannot, but it makes others' guilt uncertain. */
  readonly kind: 'agent' | 'command';
  /** The file in which git writes down the commands of this attempt; null = none. */
  readonly trace: string | null;
}
/** What was changed that is not the attempt's to change; each entry one line that says what, and that it was put back. */
export interface Tampering {
  /** It was this attempt. */
  readonly done: readonly string[];
  /** It may have been this attempt, or somebody else. */
  readonly notes: readonly string[];
}
/** The watch over configuration, hooks, info and references while agents are at work. */
export interface Integrity {
  /** Before the first process of an attempt. */
  enter(watched: Watched): Promise<void>;
  /** After its last one, and before git looks at what it left. `settled`: branches (in full) of ended tasks, and where they must be. */
  leave(watched: Watched, settled: ReadonlyMap<string, Sha>): Promise<Tampering>;
  /** Orch is about to move a reference itself, while agents may be at work. */
  moving(ref: string, to: Sha): void;
  /** It has: whoever moves it back is somebody else. */
  moved(ref: string, to: Sha): void;
}

/** One worktree and one branch per task, whatever they are made of (a `git worktree` today). */
export interface Workspaces {
  /** Idempotent over leftovers: unsaved work found at the place is saved on a rescue ref first. Published atomically. */
  create(request: WorkspaceRequest): Promise<CreateResult>;
  /** Commits everything that is not ignored and puts it on the branch, or on a rescue ref when the agent left its branch. */
  collect(workspace: Workspace, message: string, /** the commit whose merge was begun there: it is concluded, and checked */ merging?: Sha): Promise<CollectResult>;
  /** Merges a commit into a new workspace and leaves the merge in progress, with markers in its files. */
  beginMerge(workspace: Workspace, commit: Sha): Promise<BeginMergeResult>;
  /**
   * Sees that a workspace of an earlier process is there and holds `head`; nothing to do for one that this process has made
   * or collected. What differs is saved on a rescue ref, and then the workspace is made again from its branch.
   */
  recover(workspace: Workspace, request: RecoverRequest): Promise<RecoverResult>;
  /** What ties the files to the repository: path → content, null = not a file. Empty when the folder is gone. */
  links(workspace: Workspace): Promise<ReadonlyMap<string, string | null>>;
  /** Puts a branch (without `refs/heads/`) where it is not, or already is, at this commit. Returns why it could not, or null. */
  publish(branch: string, head: Sha): Promise<string | null>;
  /** Whether the ref of a delivery exists and has its commit. */
  holds(delivery: Delivery): Promise<boolean>;
  /** Collects, then removes (renamed into a trash that `flush` empties). Returns why it was kept, or null when it is gone. */
  remove(workspace: Workspace): Promise<string | null>;
  /**
   * A private repository in the place of the user's, for processes in a sandbox. What is done in it counts from the next
   * `collect`, `recover` or `remove` on, which take it over; until then it is used again.
   */
  seclude(workspace: Workspace): Promise<GitMounts>;
  /** Variables that processes in this workspace need, so that their git sees it as orch does. */
  variables(workspace: Workspace): Promise<Readonly<Record<string, string>>>;
  /** Empties the trash; resolves when the disk is clean and no process of its own is left. */
  flush(): Promise<void>;
}

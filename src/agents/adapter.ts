// What orch needs to know of an agent program: how to start it, how to read its stream, what its end means. Pure; one
// file per client. A new adapter is one file here, one line in adapters.ts and one folder of recordings.
import type { AgentSpec, Work } from '../plan/plan.ts';
import type { AgentReport, Exit, FailureReason, Instant, ProviderSignal, RetryClass, Tokens } from '../run/events.ts';

export type AgentWork = Extract<Work, { kind: 'agent' }>;

/** What a client can honour; a manifest that asks for more is refused before anything is created (plan/agents.ts). */
export interface Capabilities {
  readonly model: boolean;
  readonly maxTurns: boolean;
  readonly allowedTools: boolean;
  /** How hard the model should think. */
  readonly effort: boolean;
  /** It stops by itself at a sum of money. */
  readonly budget: boolean;
  /** It can go on with an earlier session. */
  readonly resume: boolean;
  /** It says what it cost; otherwise tokens at most. */
  readonly cost: boolean;
  /** Names of its permission modes; none = it has no such thing. */
  readonly permissionMode: readonly string[];
  /** The one of them that changes nothing; null = there is none. */
  readonly readOnlyMode: string | null;
}

/** Versions of a client, as `--version` says them: `1.2.3`. */
export interface Versions {
  /** The oldest one whose behaviour was measured; older ones are refused. */
  readonly least: string;
  /** The newest one whose behaviour was measured. */
  readonly measured: string;
  /** Variables that decide which version runs, when it is asked as when it works. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface LaunchRequest {
  readonly spec: AgentSpec;
  readonly work: AgentWork;
  /** The prompt with everything that this attempt should be told. */
  readonly prompt: string;
  /** Absolute path of a file that holds the same prompt. */
  readonly promptFile: string;
  /** Absolute path of a file that is not there; for clients that write what they used to a file. */
  readonly reportFile: string;
  /** A fresh UUID for a new session. */
  readonly newSessionId: string;
  /** Session to go on with; null = start anew. */
  readonly resume: string | null;
  /** US dollars that this attempt may cost; null or absent = no limit. Of use to clients whose capabilities say `budget`. */
  readonly budgetUsd?: number | null;
}

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the environment of the attempt. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string | null;
}

/** What a line of output says to a person; null = nothing worth showing. */
export type Progress = string | null;

/** How an attempt ended, from (events, exit, stderr) and nothing else. `ok` says only that the agent claims success. */
export type Verdict =
  | { readonly ok: true; readonly report: AgentReport; /** refused tools, for the message when nothing was done */ readonly denials: readonly string[] }
  | {
      readonly ok: false;
      readonly reason: FailureReason;
      readonly retry: RetryClass;
      readonly message: string;
      readonly report: AgentReport;
      /** Provider class: not before this instant, if the provider said so. */
      readonly notBefore: Instant | null;
    };

/** How an attempt's process ended. */
export interface End {
  readonly exit: Exit;
  readonly stderrTail: string;
  readonly stdoutTail: string;
  /** What the client wrote to `LaunchRequest.reportFile`; null = nothing. */
  readonly reportFile?: string | null;
  readonly now: Instant;
}

/** The session that an attempt was told to use. */
export interface Session {
  /** null = it is the client's to choose. */
  readonly id: string | null;
  /** What the client had counted for it before; null = it is new, or nothing is known. */
  readonly tokens: Tokens | null;
}
export const NEW_SESSION: Session = { id: null, tokens: null };

/** Reads one attempt's output line by line; owns nothing but what it has read. */
export interface StreamReader {
  /** Called for each line of standard output and standard error. Tolerates anything. */
  line(text: string, stream: 'stdout' | 'stderr'): Progress;
  /** What the provider has said of itself in the lines so far, once; null = nothing new. Absent = the client does not tell. */
  signal?(): ProviderSignal | null;
  /** After a line: the client now only waits for its provider, and is to be stopped. Absent = never. */
  isGivenUp?(): boolean;
  /** Once, at the end. */
  verdict(end: End): Verdict;
}

export interface Adapter {
  readonly name: string;
  /** Whose quota it uses: tasks of one provider share a gate. */
  readonly provider: string;
  readonly capabilities: Capabilities;
  /** null = its program is not asked for its version. */
  readonly versions: Versions | null;
  /** Names or `PREFIX_*` of variables that its program needs, for credentials above all; passed beyond the allow-list. */
  readonly passEnv: readonly string[];
  readonly launch: (request: LaunchRequest) => Launch;
  readonly read: (spec: AgentSpec, session?: Session) => StreamReader;
  /** How a person continues the session by hand, as argv. */
  readonly resumeCommand: (spec: AgentSpec, sessionId: string) => readonly string[] | null;
}

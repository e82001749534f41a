// What orch needs to know of an agent program: how to start it, how to read its stream, what its end means. Pure; one
// file per client. A new adapter is one file here, one line in adapters.ts and one folder of recordings.
import type { AgentSpec, Work } from '../plan/plan.ts';
import type { AgentReport, Exit, FailureReason, Instant, ProviderSignal, RetryClass } from '../run/events.ts';

export type AgentWork = Extract<Work, { kind: 'agent' }>;

/** What an adapter can honour; a manifest that asks for more is refused before anything is created. */
export interface Capabilities {
  readonly model: boolean;
  readonly maxTurns: boolean;
  readonly permissionMode: boolean;
  readonly allowedTools: boolean;
  readonly budget: boolean;
  readonly resume: boolean;
  readonly cost: boolean;
}

export interface LaunchRequest {
  readonly spec: AgentSpec;
  readonly work: AgentWork;
  /** The prompt with everything that this attempt should be told. */
  readonly prompt: string;
  /** Absolute path of a file that holds the same prompt. */
  readonly promptFile: string;
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

/** Reads one attempt's output line by line; owns nothing but what it has read. */
export interface StreamReader {
  /** Called for each line of standard output and standard error. Tolerates anything. */
  line(text: string, stream: 'stdout' | 'stderr'): Progress;
  /** What the provider has said of itself in the lines so far, once; null = nothing new. Absent = the client does not tell. */
  signal?(): ProviderSignal | null;
  /** Once, at the end. */
  verdict(end: { readonly exit: Exit; readonly stderrTail: string; readonly stdoutTail: string; readonly now: Instant }): Verdict;
}

export interface Adapter {
  readonly name: string;
  /** Whose quota it uses: tasks of one provider share a gate. */
  readonly provider: string;
  readonly capabilities: Capabilities;
  /** Names or `PREFIX_*` of variables that its program needs, for credentials above all; passed beyond the allow-list. */
  readonly passEnv: readonly string[];
  launch(request: LaunchRequest): Launch;
  read(spec: AgentSpec): StreamReader;
  /** How a person continues the session by hand, as argv. */
  resumeCommand(spec: AgentSpec, sessionId: string): readonly string[] | null;
}

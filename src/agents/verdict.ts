// What an attempt's end means: one decision from (events, exit, stderr) and nothing else. An agent's own claim makes at
// most `ok`, which says that it claims success; git decides later whether anything was delivered.
import { unreachable } from '../errors.ts';
import type { AgentReport, Exit } from '../run/events.ts';
import { cutBytes, firstLine, lastLine } from '../lib/cut.ts';
import type { End, Verdict } from './adapter.ts';
import type { ResultEvent, StreamFacts } from './facts.ts';
import { resetTimeIn } from './reset-time.ts';

type Failure = Pick<Extract<Verdict, { ok: false }>, 'reason' | 'retry' | 'message'> & { readonly notBefore?: number | null };

const RESULT_BYTES = 64 * 1024;
const AUTH_KINDS = ['authentication_failed', 'authentication_error', 'permission_error', 'oauth_org_not_allowed', 'account_on_hold', 'verification_required', 'cloud_credential_error'];
const AUTH_TEXT = /not logged in|run \/login|invalid api key|invalid authentication|oauth token (has )?(expired|revoked)|missing api key|please log ?in|no authentication information/i;
const USAGE_TEXT = /hit your (\w+ )*limit|usage limit reached|\blimit reached\b.*\bresets\b/i;

/** The verdict on what a client's stream said. */
export function streamVerdict(stream: StreamFacts, end: End): Verdict {
  const report: AgentReport = {
    sessionId: stream.sessionId, model: stream.model, costUsd: stream.costUsd, tokens: stream.tokens, turns: stream.turns,
    result: stream.result === null || stream.result.text === '' ? null : cutBytes(stream.result.text, RESULT_BYTES),
    ...(stream.sessionTokens == null ? {} : { sessionTokens: stream.sessionTokens }),
  };
  const failure = givenUp(stream, end) ?? stoppedBy(end.exit, stream) ?? resultFailure(stream.result, stream, end) ?? exitFailure(end, stream.result !== null);
  if (failure === null) return { ok: true, report, denials: stream.denials };
  return { ok: false, reason: failure.reason, retry: failure.retry, message: failure.message, report, notBefore: failure.notBefore ?? null };
}

/** The verdict on a program that says nothing about itself but its exit code; its last output is the result. */
export function textVerdict(end: End): Verdict {
  const result = end.stdoutTail.trim();
  const report: AgentReport = { sessionId: null, model: null, costUsd: null, tokens: null, turns: null, result: result === '' ? null : result };
  const failure = stoppedBy(end.exit, null) ?? exitFailure(end, true);
  if (failure === null) return { ok: true, report, denials: [] };
  return { ok: false, reason: failure.reason, retry: failure.retry, message: failure.message, report, notBefore: null };
}

/** The client was stopped because it waited for its provider: that is what became of it, and not that it was stopped. */
function givenUp(stream: StreamFacts, end: End): Failure | null {
  const isStopped = end.exit.kind === 'killed' && end.exit.by === 'provider-limit';
  return isStopped ? resultFailure(stream.givenUp ?? null, stream, end) : null;
}

/** What orch or the system did to the process outweighs everything that it said. */
function stoppedBy(exit: Exit, stream: StreamFacts | null): Failure | null {
  const retrying = stream?.retrying ?? null;
  const meanwhile = retrying === null ? '' : `, while the client was repeating a request that failed (${retrying.kind} ${retrying.status ?? ''})`.replace(' )', ')');
  switch (exit.kind) {
    case 'spawn-error':
      return { reason: 'spawn', retry: 'infrastructure', message: exit.message };
    case 'timeout': {
      const seconds = `${Math.round(exit.afterMs / 100) / 10} s`;
      return { reason: exit.idle ? 'idle' : 'timeout', retry: 'timeout', message: `${exit.idle ? `no output for ${seconds}` : `not done after ${seconds}`}${meanwhile}` };
    }
    case 'killed':
      return { reason: 'interrupted', retry: 'infrastructure', message: `stopped (${exit.by})${exit.forced ? ' by force' : ''}` };
    case 'signal':
      // Nobody here sends KILL without saying so: it is the system, short of memory, or a person.
      return exit.signal === 'SIGKILL'
        ? { reason: 'agent-error', retry: 'infrastructure', message: 'killed by SIGKILL from outside (out of memory?)' }
        : { reason: 'agent-error', retry: 'agent', message: `ended by ${exit.signal}` };
    case 'code':
      return null;
    default:
      return unreachable(exit);
  }
}

/** The failure that a result reports, or null if it claims success or there is none. */
function resultFailure(result: ResultEvent | null, stream: StreamFacts, { now }: End): Failure | null {
  if (result === null || !result.isError) return null;
  return { ...classify(result, stream.limit, now), message: firstLine(result.text, 500) || 'failed without saying why' };
}

/** Machine-readable fields first, words only where there is none. Its order is that of what explains more. */
function classify({ status, text, kinds, notBefore = null }: ResultEvent, limit: StreamFacts['limit'], now: number): Omit<Failure, 'message'> {
  const says = (...names: readonly string[]): boolean => names.some((name) => kinds.includes(name));
  if (says('error_max_turns')) return { reason: 'max-turns', retry: 'agent' };
  if (says('tool_refused')) return { reason: 'permission-denied', retry: 'never' };
  if (says('error_max_budget_usd')) return { reason: 'budget', retry: 'never' };
  const isUsageLimit = says('usage_limit_reached') || limit !== null || ((status === 429 || status === null) && USAGE_TEXT.test(text));
  if (isUsageLimit) return { reason: 'usage-limit', retry: 'provider', notBefore: limit?.resetsAt ?? notBefore ?? resetTimeIn(text, now) };
  if (says('billing_error', 'insufficient_quota') || /credit balance is too low/i.test(text)) return { reason: 'billing', retry: 'never' };
  if (status === 401 || status === 403 || says(...AUTH_KINDS) || (status === null && AUTH_TEXT.test(text))) return { reason: 'auth', retry: 'never' };
  if (status === 413 || says('prompt_too_long', 'context_length_exceeded') || /prompt is too long|context (window|length)/i.test(text)) return { reason: 'context', retry: 'never' };
  if (status === 404 || says('model_not_found')) return { reason: 'model-not-found', retry: 'never' };
  if (status === 429 || says('rate_limit', 'rate_limit_error')) return { reason: 'rate-limited', retry: 'provider', notBefore: notBefore ?? resetTimeIn(text, now) };
  const isServer = (status !== null && status >= 500) || says('overloaded', 'overloaded_error', 'server_error', 'api_error');
  const isNetwork = status === null && /connection error|ECONN|ENOTFOUND|EAI_AGAIN|socket|timed out|fetch failed/i.test(text) && !says('completed');
  if (isServer || isNetwork) return { reason: 'overloaded', retry: 'provider' };
  return { reason: 'agent-error', retry: 'agent' };
}

/** What an exit code means when the stream reports no failure. */
function exitFailure(end: End, hasResult: boolean): Failure | null {
  const code = end.exit.kind === 'code' ? end.exit.code : 0;
  const said = lastLine(end.stderrTail.split('\n').filter((line) => /^\s*error\b/i.test(line)).join('\n')) ?? lastLine(end.stderrTail);
  if (code === 0) return hasResult ? null : { reason: 'no-terminal-event', retry: 'agent', message: 'ended without a result' };
  // Clients that catch the signal tell it by their exit code.
  const terminated = code === 143 ? ' (terminated from outside)' : code === 129 ? ' (hung up)' : code === 130 ? ' (interrupted)' : '';
  const message = `exit code ${code}${terminated}${said === null ? '' : `: ${said}`}`;
  if (!hasResult && said !== null && AUTH_TEXT.test(end.stderrTail)) return { reason: 'auth', retry: 'never', message };
  return { reason: 'agent-error', retry: 'agent', message };
}

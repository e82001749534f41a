// The work phase: one agent (or one command) in one worktree, until its whole process tree is gone. What it left is
// settled in settle.ts.
import path from 'node:path';
import { OrchError } from '../errors.ts';
import type { Launch, StreamReader, Verdict } from '../agents/adapter.ts';
import { priced } from '../agents/prices.ts';
import type { ProcessSpec, StopRequest } from '../effects/effects.ts';
import { crashPoint } from '../lib/crash-point.ts';
import type { AgentReport, PhaseResult } from '../run/events.ts';
import { allowanceOf } from '../run/budget.ts';
import { indexOfTask } from '../run/plan-index.ts';
import { modelOf } from '../run/routing.ts';
import { attemptVariables, failed, sandboxed, workspaceOf, type AttemptPaths, type Job, type PhaseContext } from './context.ts';
import { describeExit } from './command.ts';
import { promptFor } from './prompt.ts';
import { forgetEnd, saveEnd, settle, type Ended } from './settle.ts';
import { ensureWorkspace } from './setup.ts';
import { watched } from './tamper.ts';

const MAX_REPORT_BYTES = 1024 * 1024;
const NO_REPORT: AgentReport = { sessionId: null, model: null, costUsd: null, tokens: null, turns: null, result: null };

export async function work(context: PhaseContext, job: Job): Promise<PhaseResult> {
  const { task, action, stop } = job;
  const workspace = workspaceOf(context, job);
  if (workspace === null) return failed('workspace', 'infrastructure', 'the worktree to work in is gone');
  const ready = await ensureWorkspace(context, job, { workspace, head: null });
  if (!ready.ok) return ready;
  const paths = context.attemptPaths(task.id, action.attempt);
  await context.files.makeDir(paths.dir);
  await Promise.all([forgetEnd(context, paths), context.files.remove(paths.report)]);
  const started = await start(context, job, paths);
  if ('refusal' in started) return failed('spawn', 'never', started.refusal);
  const { launch, reader, pass } = started;
  await context.files.writeText(paths.output, '');
  crashPoint('attempt-begun');
  const givingUp = new AbortController();
  const spec: ProcessSpec = {
    command: launch.command, args: launch.args, cwd: workspace.path, stdin: launch.stdin,
    env: context.environment({ ...launch.env, ...(await attemptVariables(context, job, workspace)), ...traced(paths) }, [...context.plan.passEnv, ...pass]),
    timeoutMs: task.timeoutMs, idleTimeoutMs: task.idleTimeoutMs, graceMs: context.plan.graceMs, logFile: paths.log,
    ...(await sandboxed(context, workspace, paths)),
    onLine: (line, stream) => {
      const text = reader.line(line, stream);
      if (reader.isGivenUp?.() === true) givingUp.abort({ reason: 'provider-limit', forced: false } satisfies StopRequest);
      if (text !== null) context.onOutput({ task: task.id, attempt: action.attempt, text });
      const signal = reader.signal?.() ?? null;
      if (signal !== null) context.onSignal({ type: 'provider-signal', task: task.id, attempt: action.attempt, signal });
    },
  };
  // In a sandbox nothing of what is watched is within its reach: whoever changes it is somebody else.
  const who = { task: task.id, workspace, kind: spec.sandbox === undefined ? 'agent' : 'command', trace: paths.trace } as const;
  const stopped = AbortSignal.any([stop.gentle, givingUp.signal]);
  const { value: end, tampering } = await watched(context, who, { run: job.run, work: async () => await context.processes.run(spec, stopped, stop.force) });
  crashPoint('agent-ended');
  const reportFile = await context.files.readText(paths.report, MAX_REPORT_BYTES);
  const said = reader.verdict({ exit: end.exit, stderrTail: end.stderrTail, stdoutTail: end.stdoutTail, reportFile, now: context.clock.now() });
  const verdict: Verdict = { ...said, report: priced(said.report, { asked: modelOf(task, job.state), prices: context.plan.prices }) };
  const { exit, durationMs, leftovers, tier } = end;
  const ended: Ended = { v: 1, start: workspace.start, exit, durationMs, leftovers, tier, verdict, tampered: tampering.done, notes: [...(ready.detail.notes ?? []), ...tampering.notes] };
  await saveEnd(context, paths, ended);
  crashPoint('end-saved');
  return await settle(context, { task, action, workspace, ended, resolving: job.state.resolving });
}

/** git writes down what the agent does with it: the evidence when somebody has changed what is not theirs. */
function traced(paths: AttemptPaths): Record<string, string> {
  return { GIT_TRACE2_EVENT: paths.trace };
}

type Started = { readonly launch: Launch; readonly reader: StreamReader; readonly pass: readonly string[] } | { readonly refusal: string };

async function start(context: PhaseContext, job: Job, paths: AttemptPaths): Promise<Started> {
  const { task, state, run } = job;
  if (task.work.kind === 'run') {
    await context.files.writeText(paths.prompt, `${task.work.command}\n`);
    return { launch: { command: '/bin/sh', args: ['-c', task.work.command], env: {}, stdin: null }, reader: shellReader(), pass: [] };
  }
  const spec = context.plan.agents[task.work.agent];
  if (spec === undefined) throw new Error(`the plan has no agent ${task.work.agent}`);
  const adapter = context.adapterOf(spec.adapter);
  const sessionId = state.report?.sessionId ?? null;
  const resume = state.resumeSession && adapter.capabilities.resume ? sessionId : null;
  const prompt = promptFor(task.work.prompt, { isResolving: state.resolving !== null, isResumed: resume !== null, feedback: state.feedback, lastFailure: state.lastFailure, saved: state.delivery });
  await context.files.writeText(paths.prompt, prompt);
  try {
    const newSessionId = context.newId();
    const launch = adapter.launch({
      spec, work: { ...task.work, model: modelOf(task, state) }, prompt, promptFile: paths.prompt, reportFile: paths.report, newSessionId, resume,
      budgetUsd: allowanceOf(context.plan, run, indexOfTask(context.plan, task.id)),
    });
    const session = { id: resume ?? newSessionId, tokens: resume === null ? null : (state.report?.sessionTokens ?? null) };
    return { launch: { ...launch, command: programPath(context, launch.command), env: { ...spec.env, ...launch.env } }, reader: adapter.read(spec, session), pass: adapter.passEnv };
  } catch (error) {
    // What only this prompt shows, such as its being too long for an argument.
    if (error instanceof OrchError) return { refusal: error.hint === undefined ? error.message : `${error.message}; ${error.hint}` };
    throw error;
  }
}

/** A program of the repository is the one in the user's checkout, not a copy that an agent could edit. */
function programPath({ repo }: PhaseContext, program: string): string {
  return program.includes('/') ? path.resolve(repo.topLevel ?? repo.commonDir, program) : program;
}

/** A `run` task: its output is its progress, its exit code is its verdict. */
function shellReader(): StreamReader {
  return {
    line: (text) => (text.trim() === '' ? null : text),
    verdict: ({ exit }): Verdict => {
      if (exit.kind === 'code' && exit.code === 0) return { ok: true, report: NO_REPORT, denials: [] };
      const isSpawn = exit.kind === 'spawn-error';
      return { ok: false, reason: isSpawn ? 'spawn' : 'agent-error', retry: isSpawn ? 'infrastructure' : 'agent', message: describeExit(exit), report: NO_REPORT, notBefore: null };
    },
  };
}

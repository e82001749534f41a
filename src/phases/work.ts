// The work phase: one agent (or one command) in one worktree, until its whole process tree is gone; then everything it
// left is put on a ref, and only then is it judged.
import path from 'node:path';
import { OrchError } from '../errors.ts';
import type { Launch, StreamReader, Verdict } from '../agents/adapter.ts';
import type { ProcessEnd, Workspace } from '../effects/effects.ts';
import type { AgentReport, PhaseDetail, PhaseResult } from '../run/events.ts';
import { attemptVariables, failed, workspaceOf, type AttemptPaths, type Job, type PhaseContext } from './context.ts';
import { describeExit } from './command.ts';
import { judge, notesOf } from './judge.ts';
import { promptFor } from './prompt.ts';

const NO_REPORT: AgentReport = { sessionId: null, model: null, costUsd: null, tokens: null, turns: null, result: null };

export async function work(context: PhaseContext, job: Job): Promise<PhaseResult> {
  const { task, action, stop } = job;
  const workspace = workspaceOf(context, job);
  if (workspace === null) return failed('workspace', 'infrastructure', 'the worktree to work in is gone');
  const paths = context.attemptPaths(task.id, action.attempt);
  await context.files.makeDir(paths.dir);
  const started = await start(context, job, paths);
  if ('refusal' in started) return failed('spawn', 'never', started.refusal);
  const { launch, reader, pass } = started;
  await context.files.writeText(paths.output, '');
  const end = await context.processes.run(
    {
      command: launch.command, args: launch.args, cwd: workspace.path, stdin: launch.stdin,
      env: context.environment({ ...launch.env, ...(await attemptVariables(context, job, workspace)) }, [...context.plan.passEnv, ...pass]),
      timeoutMs: task.timeoutMs, idleTimeoutMs: task.idleTimeoutMs, graceMs: context.plan.graceMs, logFile: paths.log,
      onLine: (line, stream) => {
        const text = reader.line(line, stream);
        if (text !== null) context.onOutput({ task: task.id, attempt: action.attempt, text });
      },
    },
    stop.gentle, stop.force,
  );
  const verdict = reader.verdict({ exit: end.exit, stderrTail: end.stderrTail, stdoutTail: end.stdoutTail, now: context.clock.now() });
  return await settle(context, job, { workspace, paths, end, verdict });
}

/** Work is on a ref before it is judged: a failed attempt loses nothing either. */
async function settle(
  context: PhaseContext,
  job: Job,
  { workspace, paths, end, verdict }: { workspace: Workspace; paths: AttemptPaths; end: ProcessEnd; verdict: Verdict },
): Promise<PhaseResult> {
  const { task } = job;
  const notes = end.leftovers > 0 ? [`left ${end.leftovers} process${end.leftovers === 1 ? '' : 'es'} running; stopped`] : [];
  const base: PhaseDetail = { report: verdict.report, exit: end.exit, durationMs: end.durationMs, log: paths.log, notes };
  const collecting = await context.workspaces.collect(workspace, `${task.name}\n\nOrch-Run: ${context.plan.run}\nOrch-Task: ${task.id}\nOrch-Attempt: ${job.action.attempt}`);
  if (!collecting.ok) return failed('workspace', 'never', `its work could not be saved: ${collecting.message}; the worktree is kept`, base);
  const { collected } = collecting;
  const detail: PhaseDetail = { ...base, delivery: collected.delivery, notes: [...notes, ...notesOf(collected.findings)] };
  const judgement = judge(task, end.exit, verdict, collected);
  const result: PhaseResult = judgement.ok ? { ok: true, detail } : { ...judgement, detail };
  await context.files.writeText(paths.result, `${JSON.stringify(result, null, 2)}\n`);
  return result;
}

type Started = { readonly launch: Launch; readonly reader: StreamReader; readonly pass: readonly string[] } | { readonly refusal: string };

async function start(context: PhaseContext, job: Job, paths: AttemptPaths): Promise<Started> {
  const { task, state } = job;
  if (task.work.kind === 'run') {
    await context.files.writeText(paths.prompt, `${task.work.command}\n`);
    return { launch: { command: '/bin/sh', args: ['-c', task.work.command], env: {}, stdin: null }, reader: shellReader(), pass: [] };
  }
  const adapter = context.adapterOf(task.work.agent);
  const spec = context.plan.agents[task.work.agent];
  if (spec === undefined) throw new Error(`the plan has no agent ${task.work.agent}`);
  const sessionId = state.report?.sessionId ?? null;
  const resume = state.resumeSession && adapter.capabilities.resume ? sessionId : null;
  const prompt = promptFor(task.work.prompt, { isResumed: resume !== null, feedback: state.feedback, lastFailure: state.lastFailure });
  await context.files.writeText(paths.prompt, prompt);
  try {
    const launch = adapter.launch({ spec, work: task.work, prompt, promptFile: paths.prompt, newSessionId: context.newId(), resume });
    return { launch: { ...launch, command: programPath(context, launch.command), env: { ...spec.env, ...launch.env } }, reader: adapter.read(spec), pass: adapter.passEnv };
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

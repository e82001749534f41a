// What a task that did its work leaves for others: read from $ORCH_OUTPUT, and checked while its agent can still mend it.
import { addedTasks } from '../plan/fan-out.ts';
import type { PhaseDetail, PhaseResult } from '../run/events.ts';
import type { AttemptPaths, Job, PhaseContext } from './context.ts';
import { MAX_OUTPUT_BYTES, parseOutputs } from './outputs.ts';

/** The result of work that was judged well: with its outputs, or `bad-output` with what to tell the next attempt. */
export async function withOutputs(context: PhaseContext, { task }: Pick<Job, 'task'>, { paths, detail }: { paths: AttemptPaths; detail: PhaseDetail }): Promise<PhaseResult> {
  const wrong = (message: string): PhaseResult => ({ ok: false, reason: 'bad-output', retry: 'agent', message, detail, feedback: `It was not accepted: ${message}.` });
  const text = await context.files.readText(paths.output, MAX_OUTPUT_BYTES + 1).catch((error: NodeJS.ErrnoException) => error);
  if (text instanceof Error) return wrong(`$ORCH_OUTPUT cannot be read (${text.code ?? text.message})`);
  const read = parseOutputs(text ?? '');
  if (!read.ok) return wrong(read.message);
  const products = { outputs: read.outputs, result: detail.report?.result ?? '' };
  for (const fanOut of context.plan.fanOuts ?? []) {
    const added = fanOut.from.task === task.id ? addedTasks(context.plan, fanOut, products) : null;
    if (added?.ok === false) return wrong(added.message);
  }
  return { ok: true, detail: { ...detail, outputs: read.outputs } };
}

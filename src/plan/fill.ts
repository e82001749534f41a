// Fills in what a planned task left open, once it is known: the item of a task that is made while the run goes on, and
// what the tasks before it came to. Pure.
import { render } from '../manifest/template.ts';
import type { Scope } from '../manifest/template.ts';
import type { PlannedTask } from './plan.ts';

export type Filled = { readonly ok: true; readonly task: PlannedTask } | { readonly ok: false; readonly message: string };

/** Which texts of the task are templates: those that are used when it runs, or all. */
export type Open = 'running' | 'all';

/** The task with its templates filled in; still `late` when a value of the scope is. */
export function fillTask(task: PlannedTask, scope: Scope, open: Open): Filled {
  const isLate = open === 'all' && needsLater(task, scope);
  let problem: string | null = null;
  const fill = (text: string, reader?: 'shell' | 'glob', template = isLate): string => {
    const rendered = render(text, scope, { template, ...(reader === undefined ? {} : { reader }) });
    if (rendered.ok) return template && !text.includes('${{') ? text : rendered.text;
    problem ??= rendered.problems[0]?.message ?? 'cannot be filled in';
    return '';
  };
  const plain = (text: string, reader?: 'glob'): string => (open === 'all' ? fill(text, reader, false) : text);
  const { late: _, work, ...rest } = task;
  const filled: PlannedTask = {
    ...rest,
    name: plain(task.name),
    work: work.kind === 'run' ? { ...work, command: fill(work.command, 'shell') } : { ...work, prompt: fill(work.prompt), args: work.args.map((arg) => fill(arg)) },
    env: Object.fromEntries(Object.entries(task.env).map(([name, value]) => [name, fill(value)])),
    setup: task.setup.map((command) => fill(command, 'shell')),
    verify: task.verify.map((command) => fill(command, 'shell')),
    paths: task.paths?.map((glob) => plain(glob, 'glob')) ?? null,
    concurrency: task.concurrency === null ? null : plain(task.concurrency),
    ...(isLate ? { late: true } : {}),
  };
  return problem === null ? { ok: true, task: filled } : { ok: false, message: problem };
}

/** Whether a text of the task has a name that the scope cannot give a value yet. */
function needsLater({ work, env, setup, verify }: PlannedTask, scope: Scope): boolean {
  const texts = [...(work.kind === 'run' ? [work.command] : [work.prompt, ...work.args]), ...Object.values(env), ...setup, ...verify];
  return texts.some((text) => {
    const rendered = render(text, scope, { template: true });
    return rendered.ok && rendered.isLate;
  });
}

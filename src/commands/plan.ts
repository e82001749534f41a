// `orch plan` and `--dry-run`: what a run would do. Creates nothing.
import { outputFile } from 'fs-extra';
import { EXIT } from '../errors.ts';
import { createPalette } from '../lib/color.ts';
import { planText } from '../reporters/plan-text.ts';
import type { PlanArgs } from './main.ts';
import { safeText } from '../lib/terminal.ts';
import type { PlannedTask } from '../plan/plan.ts';
import { requirePlan, type Planned } from './planning.ts';
import { note, outputOf, print, printJson } from './terminal.ts';

export async function planCommand(args: Omit<PlanArgs, '_' | '$0'>): Promise<number> {
  const planned = await requirePlan(args);
  if (args.output !== undefined) {
    await outputFile(args.output, `${JSON.stringify(planned.plan, null, 2)}\n`);
    note(`wrote ${args.output}`);
  } else printPlan(planned, args);
  return EXIT.ok;
}

/** Prints a plan to stdout. */
export function printPlan({ plan, warnings }: Planned, args: { json?: boolean | undefined; color?: boolean | undefined; prompts?: boolean | undefined }): void {
  if (args.json === true) {
    printJson(plan);
    return;
  }
  const output = outputOf(process.stdout, args.color);
  print(planText(plan, { palette: createPalette(output.color), columns: output.isTTY ? output.columns : null, warnings }));
  if (args.prompts === true) for (const task of plan.tasks) print(['', ...promptLines(task)]);
}

function promptLines(task: PlannedTask): string[] {
  const text = task.work.kind === 'agent' ? task.work.prompt : `$ ${task.work.command}`;
  return [`${task.id}:`, ...text.trimEnd().split('\n').map((line) => `  ${safeText(line)}`)];
}

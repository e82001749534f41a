// `orch plan` and `--dry-run`: what a run would do. Creates nothing.
import { outputFile } from 'fs-extra';
import { EXIT } from '../errors.ts';
import { createPalette } from '../lib/color.ts';
import { safeText } from '../lib/terminal.ts';
import { estimate } from '../plan/estimate.ts';
import { nodesOf, waves } from '../plan/graph.ts';
import { overlaps } from '../plan/overlaps.ts';
import type { PlannedTask } from '../plan/plan.ts';
import { planText } from '../reporters/plan-text.ts';
import { divideCommand } from './divide.ts';
import { loadHistory } from './history.ts';
import type { PlanArgs } from './main.ts';
import { requirePlan, type Planned } from './planning.ts';
import { note, outputOf, print, printJson } from './terminal.ts';

export async function planCommand(args: Omit<PlanArgs, '_' | '$0'>): Promise<number> {
  if (args.from !== undefined) return await divideCommand({ ...args, from: args.from });
  const planned = await requirePlan(args);
  if (args.output !== undefined) {
    await outputFile(args.output, `${JSON.stringify(planned.plan, null, 2)}\n`);
    note(`wrote ${args.output}; orch run ${args.output} executes exactly this`);
  } else await printPlan(planned, args);
  return EXIT.ok;
}

/** Prints a plan to stdout. The JSON is the plan itself, and what is known of it besides. */
export async function printPlan({ repo, plan, warnings }: Planned, args: { json?: boolean | undefined; color?: boolean | undefined; prompts?: boolean | undefined }): Promise<void> {
  const facts = { waves: waves(plan), overlaps: overlaps(plan), estimate: estimate(plan, await loadHistory(repo.commonDir)), warnings };
  if (args.json === true) {
    printJson({ ...plan, waves: facts.waves.map((wave) => wave.map(({ id }) => id)), overlaps: facts.overlaps.pairs, estimate: facts.estimate, warnings });
    return;
  }
  const output = outputOf(process.stdout, args.color);
  print(planText(plan, facts, { palette: createPalette(output.color), columns: output.isTTY ? output.columns : null }));
  if (args.prompts === true) for (const task of nodesOf(plan)) print(['', ...promptLines(task)]);
}

function promptLines(task: PlannedTask): string[] {
  const text = task.work.kind === 'agent' ? task.work.prompt : `$ ${task.work.command}`;
  return [`${task.id}:`, ...text.trimEnd().split('\n').map((line) => `  ${safeText(line)}`)];
}

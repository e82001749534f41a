// A plan before anything is created: readable when small, one screen when large, and warned of what may collide.
import { expect, test } from 'vitest';
import { createPalette } from '../../../src/lib/color.ts';
import { waves } from '../../../src/plan/graph.ts';
import { overlaps } from '../../../src/plan/overlaps.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { planText as textOf } from '../../../src/reporters/plan-text.ts';
import { agentTask, plan, task } from '../../support/plan.ts';

const look = { palette: createPalette(false), columns: null };
const planText = (made: Plan, warnings: readonly string[] = []): string[] => textOf(made, { waves: waves(made), overlaps: overlaps(made), estimate: null, warnings }, look);

test('a small plan, task by task', () => {
  const small = plan([
    agentTask('schema', { name: 'Write the\u001B[2J schema', timeoutMs: 1_200_000, paths: ['db/**'], retries: 1 }),
    task('lint', { work: { kind: 'run', command: 'npm run lint' }, paths: ['db/schema.sql'] }),
    task('api', { needs: ['schema', 'lint'], verify: ['npm test'] }),
  ], { run: 'r1', name: 'types' });
  expect(planText(small, ['3 uncommitted changes are not part of the base'])).toEqual([
    'types: 3 tasks from HEAD (000000000000), at most 4 at once',
    'Wave 1  2 tasks',
    '  schema Write the schema  claude  20m00s  1 retry',
    '  lint  run: npm run lint  1m00s',
    'Wave 2  1 task',
    '  api  run: true  1m00s  verified  needs schema, lint',
    '',
    'Branches   orch/test/schema, …',
    'Worktrees  /nowhere/r1/<task>, kept: failed',
    'May write  schema: db/**',
    '           lint: db/schema.sql',
    'Off limits everything else to those 2; the other task may write anything; your checkout and its branches',
    '! schema and lint may both write db/** / db/schema.sql, and neither needs the other',
    '! 3 uncommitted changes are not part of the base',
  ]);
  expect(planText(plan(small.tasks))).toContain('Branches   orch/test/<task>');
});

test('a large plan fits one screen, whatever its shape', () => {
  const fan = Array.from({ length: 500 }, (_, i) => agentTask(`strict.file-${i}`));
  const numbered = Array.from({ length: 500 }, (_, i) => task(`task-${i}`, { needs: ['strict.file-0'] }));
  const lines = planText(plan([...fan, ...numbered]));
  expect(lines).toContain('  strict.*  500 tasks: strict.file-0, strict.file-1, strict.file-2 and 497 more  claude  1m00s');
  expect(lines).toContain('  task-*  500 tasks: task-0, task-1, task-2 and 497 more  run: true  1m00s');
  expect(lines.length).toBeLessThan(12);
  const odd = plan(Array.from({ length: 300 }, (_, i) => task(`${String.fromCodePoint(97 + (i % 26))}${'x'.repeat(i % 17)}y`.concat(String(i), 'z'), { needs: [] })));
  expect(planText(odd).length).toBeLessThan(30);
});

test('ten thousand in a chain or side by side: in order, and on one screen', () => {
  const chain = plan(Array.from({ length: 10_000 }, (_, i) => task(`t${i}`, { needs: i === 0 ? [] : [`t${i - 1}`] })));
  const wide = plan(Array.from({ length: 10_000 }, (_, i) => task(`t${i}`, { paths: ['**'] })));
  expect(waves(chain).map(([first]) => first?.id)).toEqual(chain.tasks.map(({ id }) => id));
  expect(planText(chain).at(-5)).toBe('… and 9992 more waves with 9992 tasks: orch plan --json');
  expect(planText(chain).length).toBeLessThan(40);
  expect(planText(wide)).toContain('! … and many more pairs of tasks whose paths overlap');
});

// What became of the merges of a run.
import type { Project } from './project.ts';

/** How each task's merge ended. `run`: default the newest. */
export async function merges(project: Project, run?: string): Promise<Record<string, string>> {
  return Object.fromEntries((await project.status(run)).tasks.map(({ id, merge }) => [id, merge]));
}

/** `git show`, of `<commit>:<file>` too. */
export const show = (project: Project, what: string): string => project.git('show', what);

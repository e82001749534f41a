// One task of a status document in full, for `orch status RUN TASK`. Pure.
import { safeText } from '../lib/terminal.ts';
import { formatUsd, plural } from '../lib/text.ts';
import { formatDuration } from '../lib/time.ts';
import type { StatusDocument, TaskDocument } from './status.ts';

/** What is known of a task, a line each, then what to type next. */
export function taskText(document: StatusDocument, task: TaskDocument): string[] {
  const rows: readonly (readonly [string, string | null])[] = [
    ['task', task.name === task.id ? task.id : `${task.id}  ${task.name}`],
    ['state', [task.outcome ?? task.state, task.reason ?? '', task.message ?? ''].filter((part) => part !== '').join(' · ')],
    ['attempts', String(task.attempts)],
    ['time', task.durationMs === null ? null : formatDuration(task.durationMs)],
    ['needs', task.needs.length === 0 ? null : task.needs.join(', ')],
    ['agent', task.agent === null ? null : [task.agent, task.model ?? ''].join(' ').trim()],
    ['session', task.sessionId],
    ['cost', task.costUsd === null ? null : formatUsd(task.costUsd)],
    ['branch', task.branch],
    ['commits', task.head === null ? null : `${task.commits}, ${plural(task.filesChanged, 'file')} +${task.insertions} −${task.deletions}`],
    ['merge', task.merge === 'merged' ? `merged ${task.mergeCommit ?? ''}` : task.mergeMessage === null ? null : `${task.merge} · ${task.mergeMessage}`],
    ['request', task.pullRequest === null ? null : `${task.pullRequest.url} (${task.pullRequest.state})`],
    ['worktree', task.worktree],
    ['log', task.log],
  ];
  const lines = rows.flatMap(([name, value]) => (value === null ? [] : [`${name.padEnd(9)} ${safeText(value)}`]));
  const id = safeText(task.id);
  const next = [`orch logs ${id}`, ...(task.filesChanged > 0 ? [`orch diff ${id}`] : [])].map((command) => `${command} --run ${document.run}`);
  return [...lines, `next      ${next.join('   ')}`];
}

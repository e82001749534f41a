// The facts of a task, as terms and values, above its tabs.
import { formatDuration } from '../../../lib/time.ts';
import type { TaskDocument } from '../../status.ts';
import { el } from './dom.ts';
import type { El } from './dom.ts';
import { ink } from './ink.ts';
import { formatCount } from './text.ts';

/** Why it did not complete, first; then where its work is and what made it. */
export function detailList(task: TaskDocument): El {
  const list = el('dl', { class: 'detail' });
  for (const [term, value] of termsOf(task)) {
    if (value === null || value === '') continue;
    const shown = el('dd');
    ink(shown, value);
    list.append(el('div', term === 'Why' ? { class: 'why' } : {}, el('dt', {}, term), shown));
  }
  return list;
}

function termsOf(task: TaskDocument): readonly (readonly [term: string, value: string | null])[] {
  const { tokens } = task;
  const isElsewhere = task.ref !== null && task.ref !== `refs/heads/${task.branch}`;
  return [
    ['Why', task.message ?? (task.outcome === 'completed' ? null : task.reason)],
    ['Branch', task.branch],
    ['Work saved on', isElsewhere ? task.ref : null],
    ['Commits', task.commits === 0 ? null : `${task.commits}, ${short(task.base)}…${short(task.head)}`],
    ['Verified', task.outcome === 'completed' ? (task.verified ? 'yes' : 'no') : null],
    ['Merge', task.merge === 'unmerged' ? null : `${task.merge}${task.mergeCommit === null ? '' : ` ${short(task.mergeCommit)}`}`],
    ['Pull request', task.pullRequest === null ? null : `${task.pullRequest.url} (${task.pullRequest.state})`],
    ['Agent', task.agent === null ? 'shell command' : [task.agent, task.model].filter((part) => part !== null).join(' · ')],
    ['Session', task.sessionId],
    ['Attempts', task.attempts > 1 ? String(task.attempts) : null],
    ['Tokens', tokens === null ? null : `${formatCount(tokens.input)} in, ${formatCount(tokens.output)} out, ${formatCount(tokens.cacheRead)} from cache`],
    ['Started', task.startedAt === null ? null : `${task.startedAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')}${task.durationMs === null ? '' : `, took ${formatDuration(task.durationMs)}`}`],
    ['Needs', task.needs.join(', ')],
    ['Worktree', task.worktree],
  ];
}

function short(sha: string | null): string {
  return sha === null ? '' : sha.slice(0, 12);
}

// What the commits of a merge say. Pure.
import type { RunId, TaskId } from '../plan/plan.ts';
import { cut, oneLine, plainText } from './message-text.ts';

export interface MergeMessageParts {
  readonly strategy: 'merge' | 'squash' | 'rebase';
  readonly run: RunId;
  readonly task: TaskId;
  /** For people. */
  readonly name: string;
  readonly attempt: number;
  /** What the task was asked to do; null for shell commands. */
  readonly prompt: string | null;
  /** `Name <email>` of an agent that is to be named as co-author. */
  readonly coAuthor: string | null;
}

const SUBJECT_LENGTH = 72;
/** Of what is quoted of a prompt, in letters. */
export const SUMMARY_LENGTH = 500;

/** A commit message: subject, a summary of the prompt when the work becomes one commit, trailers. Ends with a line feed. */
export function mergeMessage(parts: MergeMessageParts): string {
  const name = oneLine(parts.name) || parts.task;
  const subject = parts.strategy === 'squash' ? name : `Merge ${name}`;
  const prompt = parts.prompt === null ? '' : cut(parts.prompt.trim(), SUMMARY_LENGTH);
  const body = parts.strategy === 'squash' && prompt !== '' && oneLine(prompt) !== name ? `${guard(prompt)}\n\n` : '';
  const trailers = [`Orch-Run: ${parts.run}`, `Orch-Task: ${parts.task}`, `Orch-Attempt: ${parts.attempt}`];
  if (parts.coAuthor !== null) trailers.push(`Co-authored-by: ${oneLine(parts.coAuthor)}`);
  return `${cut(subject, SUBJECT_LENGTH)}\n\n${body}${trailers.join('\n')}\n`;
}

/** A paragraph of a prompt must not be read as trailers, nor a line of it as a comment. */
function guard(text: string): string {
  return plainText(text).split('\n').map((line) => (/^(?:#|[\w-]+: )/.test(line) ? ` ${line}` : line.trimEnd())).join('\n');
}

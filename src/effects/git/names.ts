// Which commits and trees names stand for: references as they are at this moment, objects by any expression. One `git cat-file` answers many
// questions. Reads only.
import type { Sha } from '../../plan/plan.ts';
import { createConversation } from './conversation.ts';
import { GitFailure, type GitPlace } from './plumbing.ts';

export interface Names {
  /** The commits and trees that these expressions stand for; null for what does not exist, or is neither. */
  look(names: readonly string[]): Promise<(Sha | null)[]>;
  /** Ends the process, if there is one, and waits for its end. */
  rest(): Promise<void>;
}

const ARGS = ['cat-file', '--batch-command=%(objectname) %(objecttype)', '--buffer'];

export function createNames(place: GitPlace): Names {
  const conversation = createConversation({ ...place, args: ARGS });
  return {
    async look(names) {
      // What an agent has written somewhere may be no expression at all: it must not become two questions.
      const asked = names.filter(isOneLine);
      if (asked.length === 0) return names.map(() => null);
      const question = `${asked.map((name) => `info ${name}\n`).join('')}flush\n`;
      const isWhole = (said: string): boolean => linesIn(said) >= asked.length;
      let answer = await conversation.ask(question, isWhole);
      // Somebody may have ended it since the last question.
      if (!('said' in answer)) answer = await conversation.ask(question, isWhole);
      if (!('said' in answer)) throw new GitFailure(ARGS, place.cwd, { code: -1, stdout: Buffer.alloc(0), stderr: answer.ended });
      const lines = answer.said.split('\n');
      return names.map((name) => (isOneLine(name) ? shaIn(lines.shift() ?? '') : null));
    },
    rest: () => conversation.rest(),
  };
}

function isOneLine(name: string): boolean {
  return name !== '' && !/[\n\0]/.test(name);
}

function linesIn(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}

function shaIn(line: string): Sha | null {
  return /^([0-9a-f]{40,64}) (?:commit|tree)$/.exec(line)?.[1] ?? null;
}

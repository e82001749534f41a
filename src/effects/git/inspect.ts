// Questions about commits that commands answer for people: differences and logs. Read-only, and never runs an
// external diff or a text conversion that a repository configures.
import type { Sha } from '../../plan/plan.ts';
import type { Repository } from '../effects.ts';
import { gitClient } from './client.ts';
import { repositoryFolder } from './repository.ts';

/** The difference between two commits as text for people; rejects when one of them does not exist. */
export function diffText(repo: Repository, from: Sha, to: Sha, options: { form: 'stat' | 'patch'; color: boolean }): Promise<string> {
  const color = options.color ? 'always' : 'never';
  return gitClient(repositoryFolder(repo)).raw([
    'diff', '--no-ext-diff', '--no-textconv', `--color=${color}`, options.form === 'stat' ? '--stat' : '--patch', '--end-of-options', from, to, '--',
  ]);
}

/** One line per commit of `from..to`, newest first: `<short sha> <subject>`. */
export async function logOneline(repo: Repository, from: Sha, to: Sha): Promise<string[]> {
  const out = await gitClient(repositoryFolder(repo)).raw(['log', '--no-color', '--format=%h %s', '--end-of-options', `${from}..${to}`, '--']);
  return out.split('\n').filter((line) => line !== '');
}

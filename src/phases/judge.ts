// Whether an attempt did what was asked: the agent's verdict, what git says was delivered, `expect` and `paths`. Pure.
import picomatch from 'picomatch';
import type { Verdict } from '../agents/adapter.ts';
import type { Collected, Finding } from '../effects/effects.ts';
import type { PlannedTask } from '../plan/plan.ts';
import type { Exit, FailureReason, RetryClass } from '../run/events.ts';
import { describeExit } from './command.ts';

export type Judgement =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: FailureReason; readonly retry: RetryClass; readonly message: string; readonly notBefore?: number; readonly feedback?: string };

/** The judgement over one attempt. The order matters: the first cause found is the one that explains the others. */
export function judge(task: PlannedTask, exit: Exit, verdict: Verdict, collected: Collected): Judgement {
  // A client that was stopped because its provider refuses it: the verdict says what it was refused for.
  const isGivenUp = exit.kind === 'killed' && exit.by === 'provider-limit' && !verdict.ok && verdict.reason !== 'interrupted';
  if (exit.kind === 'killed' && !isGivenUp) return no('interrupted', 'never', `stopped (${exit.by})`);
  if (exit.kind === 'timeout') {
    const feedback = `An earlier attempt was stopped: ${describeExit(exit)}. What it had done is saved on ${collected.delivery.ref}.`;
    return { ...no(exit.idle ? 'idle' : 'timeout', 'timeout', describeExit(exit)), feedback };
  }
  if (!verdict.ok) {
    const { reason, retry, message, notBefore } = verdict;
    return { ok: false, reason, retry, message, ...(notBefore === null ? {} : { notBefore }) };
  }
  return judgeFindings(collected.findings) ?? judgeChanges(task, verdict.denials, collected);
}

/** An attempt that changed what is not its own has failed, whatever else it did. */
export function judgeTampering(tampered: readonly string[]): Judgement | null {
  return tampered.length === 0 ? null : no('tampered', 'never', tampered.join('; '));
}

function no(reason: FailureReason, retry: RetryClass, message: string): Extract<Judgement, { ok: false }> {
  return { ok: false, reason, retry, message };
}

function judgeFindings(findings: readonly Finding[]): Judgement | null {
  for (const finding of findings) {
    if (finding.kind === 'worktree-lost') return no('worktree-lost', 'agent', finding.message);
    if (finding.kind === 'left-branch') return no('left-branch', 'agent', `ended on ${finding.head} instead of its own branch`);
    if (finding.kind === 'merge-dropped') return no('unmerged-paths', 'agent', 'dropped the merge that it was to resolve');
    if (finding.kind === 'markers') return no('unmerged-paths', 'agent', `left conflict markers in ${finding.paths.slice(0, 3).join(', ')}`);
    if (finding.kind === 'unmerged') {
      const paths = finding.paths.slice(0, 3).join(', ');
      return no('unmerged-paths', 'agent', `left a ${finding.operation} in progress${paths === '' ? '' : ` (${paths})`}`);
    }
  }
  return null;
}

function judgeChanges(task: PlannedTask, denials: readonly string[], { delivery, changed }: Collected): Judgement {
  if (task.expect === 'changes' && changed.length === 0) {
    if (denials.length > 0) return no('permission-denied', 'never', `was refused ${denials.slice(0, 3).join(', ')} and changed nothing`);
    return no('no-changes', 'agent', 'ended well, but changed nothing');
  }
  if (task.expect === 'none' && changed.length > 0) {
    return no('unexpected-changes', 'agent', `was to change nothing, but changed ${delivery.filesChanged} files (${changed.slice(0, 3).join(', ')})`);
  }
  if (task.paths === null) return { ok: true };
  const isInScope = picomatch([...task.paths], { dot: true });
  const outside = changed.filter((path) => !isInScope(path));
  if (outside.length === 0) return { ok: true };
  const more = outside.length > 3 ? `, and ${outside.length - 3} more` : '';
  return no('out-of-scope', 'never', `changed ${outside.slice(0, 3).join(', ')}${more}, outside its \`paths\``);
}

/** Findings that failed nothing, as lines for the summary. */
export function notesOf(findings: readonly Finding[]): string[] {
  return findings.flatMap((finding) => {
    switch (finding.kind) {
      case 'rewrote-history':
        return ['rewrote history: its own commits are on a rescue ref, the result is one commit'];
      case 'nested-repository':
        return [`${finding.path} was a repository of its own: its files were taken, its history was not`];
      case 'stashed':
        return ['left a stash: it is saved on a rescue ref'];
      case 'objects-lost':
        return ['its branch pointed to a commit that the repository does not have: what was in the files is saved, its commits are lost'];
      case 'left-branch':
      case 'unmerged':
      case 'merge-dropped':
      case 'markers':
      case 'worktree-lost':
        return [];
      default:
        return finding satisfies never;
    }
  });
}

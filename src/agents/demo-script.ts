// The language that the demo agent obeys: one instruction a line, readable as a request to a person. Pure.
//
//   create FILE: TEXT                       append FILE: TEXT                 (\n in TEXT is a line break)
//   replace "OLD" with "NEW" in FILE        rename FILE to FILE               delete FILE
//   sleep 1.5s | 300ms                      say TEXT                          commit MESSAGE
//   fail with "TEXT"                        fail on attempt 1 with "TEXT"
//
// Capitals, bullets, numbers and "please", "then", "and" in front do not matter. Any other line is prose and ignored.

export type Step =
  | { readonly kind: 'create' | 'append'; readonly file: string; readonly text: string }
  | { readonly kind: 'replace'; readonly file: string; readonly old: string; readonly new: string }
  | { readonly kind: 'rename'; readonly file: string; readonly to: string }
  | { readonly kind: 'delete'; readonly file: string }
  | { readonly kind: 'sleep'; readonly ms: number }
  | { readonly kind: 'say' | 'commit'; readonly text: string }
  | { readonly kind: 'fail'; readonly text: string; /** null = always */ readonly attempt: number | null };

type Rule = readonly [RegExp, (groups: readonly string[]) => Step];

const RULES: readonly Rule[] = [
  [/^create (\S+?):(?: (.*))?$/i, ([file = '', text = '']) => ({ kind: 'create', file, text: unescape(text) })],
  [/^append (\S+?): (.*)$/i, ([file = '', text = '']) => ({ kind: 'append', file, text: unescape(text) })],
  [/^replace "(.+?)" with "(.*?)" in (\S+)$/i, ([old = '', next = '', file = '']) => ({ kind: 'replace', file, old: unescape(old), new: unescape(next) })],
  [/^rename (\S+) to (\S+)$/i, ([file = '', to = '']) => ({ kind: 'rename', file, to })],
  [/^delete (\S+)$/i, ([file = '']) => ({ kind: 'delete', file })],
  [/^sleep (\d+(?:\.\d+)?)(ms|s)$/i, ([amount = '0', unit = 's']) => ({ kind: 'sleep', ms: Number(amount) * (unit.toLowerCase() === 's' ? 1000 : 1) })],
  [/^say (.+)$/i, ([text = '']) => ({ kind: 'say', text })],
  [/^commit(?: (.+))?$/i, ([text = 'Work of the demo agent']) => ({ kind: 'commit', text })],
  [/^fail(?: on attempt (\d+))? with "(.+)"$/i, ([attempt, text = '']) => ({ kind: 'fail', text, attempt: attempt === undefined ? null : Number(attempt) })],
];

/** The instructions of a prompt, in order. */
export function parseScript(prompt: string): readonly Step[] {
  const steps: Step[] = [];
  for (const raw of prompt.split('\n')) {
    const line = raw.trim().replace(/^(?:[-*]|\d+[.)])\s+/, '').replace(/^(?:(?:please|then|and),?\s+)+/i, '');
    for (const [pattern, make] of RULES) {
      const match = pattern.exec(line);
      if (match === null) continue;
      steps.push(make(match.slice(1)));
      break;
    }
  }
  return steps;
}

function unescape(text: string): string {
  return text.replaceAll('\\n', '\n').replaceAll('\\t', '\t');
}

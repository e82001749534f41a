// What the schema found, as diagnostics: one per wrong key or value, at its place, with the name that was probably meant.
import * as z from 'zod';
import { nearest } from '../lib/nearest.ts';
import { problem, quoted } from './diagnostic.ts';
import type { Diagnostic, Path, Source } from './diagnostic.ts';
import { UNREADABLE } from './expected.ts';

type Issue = z.core.$ZodIssue;

/** Keys of later versions: refused with a reason instead of as unknown. */
const LATER: ReadonlySet<string> = new Set(['cache']);

/** What other programs call our keys. */
export const SYNONYMS: ReadonlyMap<string, string> = new Map([
  ['depends_on', 'needs'], ['depends-on', 'needs'], ['dependsOn', 'needs'], ['dependencies', 'needs'], ['after', 'needs'],
  ['script', 'run'], ['cmd', 'run'], ['shell', 'run'], ['title', 'name'], ['description', 'name'], ['timeout-minutes', 'timeout'],
  ['files', 'paths'], ['for-each', 'foreach'], ['matrix', 'strategy'], ['jobs', 'max-parallel'], ['parallel', 'max-parallel'], ['test', 'verify'], ['check', 'verify'],
]);

/** What a key that is right elsewhere should be told. `undefined` = nothing special. */
export type Elsewhere = (key: string, path: Path) => string | undefined;

export interface IssueContext {
  readonly source: Source;
  readonly schema: z.core.$ZodType;
  /** Where the validated value stands in the source. */
  readonly path: Path;
  readonly elsewhere?: Elsewhere;
}

/** Diagnostics of a failed validation. */
export function issueDiagnostics(issues: readonly Issue[], context: IssueContext): Diagnostic[] {
  return issues.flatMap((issue) => oneIssue(issue, context, []));
}

function oneIssue(issue: Issue, context: IssueContext, base: Path): Diagnostic[] {
  const inner = [...base, ...(issue.path as Path)];
  const path = [...context.path, ...inner];
  const { source } = context;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const { message, hint } = unknownKey(key, inner, context);
      return problem(source.at([...path, key], 'key'), message, hint);
    });
  }
  if (issue.code === 'invalid_key') {
    const name = String(inner.at(-1));
    return issue.issues.slice(0, 1).map((cause) => problem(source.at(path, 'key'), `${quoted(name)} ${cause.message}`));
  }
  if (issue.code === 'invalid_union') {
    // The branch that is wrong only further in, or that took the type and refused the value, is the one that was meant.
    const isMeant = (branch: readonly Issue[]): boolean => branch.length > 0 && branch.every(({ path, code }) => path.length > 0 || (code !== 'invalid_type' && code !== 'invalid_value'));
    const meant = issue.errors.find(isMeant);
    if (meant !== undefined) return meant.flatMap((one) => oneIssue(one, context, inner));
  }
  if (issue.message === UNREADABLE) return [];
  const [message = '', ...hint] = issue.message.split('; ');
  return [problem(source.at(path), message, hint.length === 0 ? undefined : hint.join('; '))];
}

function unknownKey(key: string, path: Path, context: IssueContext): { message: string; hint?: string } {
  const name = quoted(key);
  if (LATER.has(key)) return { message: `\`${key}\` is not supported by this version` };
  const elsewhere = context.elsewhere?.(key, path);
  if (elsewhere !== undefined) return { message: `unknown key ${name} here`, hint: elsewhere };
  const known = keysAt(context.schema, path);
  const synonym = SYNONYMS.get(key);
  const meant = synonym !== undefined && known.includes(synonym) ? synonym : nearest(key, known);
  const hint = meant !== undefined ? `did you mean \`${meant}\`?` : known.length <= 12 ? `known: ${known.join(', ')}` : undefined;
  return { message: `unknown key ${name}`, ...(hint === undefined ? {} : { hint }) };
}

/** The keys that the schema allows at a path. */
function keysAt(schema: z.core.$ZodType, path: Path): readonly string[] {
  let at: unknown = schema;
  for (const part of [...path, null]) {
    while (at instanceof z.ZodOptional) at = at.unwrap();
    if (part === null) break;
    if (at instanceof z.ZodObject) at = (at.shape as Record<string, unknown>)[String(part)];
    else if (at instanceof z.ZodRecord) at = at.valueType;
    else if (at instanceof z.ZodArray) at = at.element;
  }
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}

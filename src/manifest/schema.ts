// The shape of a manifest and of a configuration file: names, types and what is said about a wrong value. The only
// place that lists the keys; what depends on several of them is checked in tasks.ts and needs.ts.
import * as z from 'zod';
import { DURATION, MAX_DURATION_MS, parseDuration } from '../lib/duration.ts';
import { staysInside } from '../lib/glob.ts';
import { ID, ID_RULE } from '../lib/slug.ts';
import { nearest } from '../lib/nearest.ts';
import { quoted } from './diagnostic.ts';
import { expected, kind, type Issue } from './expected.ts';
import { MAX_FAN_OUT } from './limits.ts';
import { budget, price } from './money.ts';

const notText = ({ input }: Issue): string =>
  ['number', 'boolean'].includes(typeof input) ? `must be text, not ${kind(input)}; put it in quotes: "${String(input)}"` : expected('text')({ input });

const noNul = (text: string): boolean => !text.includes('\0');
const filled = (text: string): boolean => text.trim() !== '';
const text = z.string({ error: notText }).refine(filled, { error: 'is empty' }).refine(noNul, { error: 'contains a NUL character' });
const possiblyEmpty = z.string({ error: notText }).refine(noNul, { error: 'contains a NUL character' });
/** Becomes the value of an option of another program. */
const word = text.refine((value) => !value.startsWith('-'), { error: 'cannot begin with `-`' });

const list = z.array(text, { error: expected('a list') });
const oneOrMore = z
  .union([text, list], { error: expected('text or a list of texts') })
  .transform((value): readonly string[] => (typeof value === 'string' ? [value] : value));

function notDuration({ input }: Issue): string {
  if ((typeof input === 'number' || typeof input === 'string') && /^\d+$/.test(String(input))) return `needs a unit; write \`${String(input)}m\` for minutes or \`${String(input)}s\` for seconds`;
  if (typeof input !== 'string') return expected('a duration such as `90s`, `20m` or `1h30m`')({ input });
  return `${quoted(input)} is not a duration; write for example \`90s\`, \`20m\` or \`1h30m\``;
}

function duration(isZeroFine: boolean) {
  return z
    .string({ error: notDuration })
    .regex(DURATION, { error: notDuration, abort: true })
    .transform((value, context) => {
      const ms = parseDuration(value) ?? 0;
      const wrong = ms > MAX_DURATION_MS ? 'is longer than 24 days' : ms === 0 && !isZeroFine ? 'must be longer than nothing' : null;
      if (wrong !== null) context.addIssue({ code: 'custom', message: wrong, input: value });
      return ms;
    });
}

function whole(least: number, most = 1_000_000) {
  const wrong = ({ input }: Issue): string =>
    typeof input === 'number' ? `must be a whole number from ${least}` : typeof input === 'string' && /^\d+$/.test(input) ? 'must be a number, without quotes' : expected('a whole number')({ input });
  return z.int({ error: wrong }).min(least, { error: `must be at least ${least}` }).max(most, { error: `must be at most ${most}` });
}

const flag = z.boolean({ error: expected('`true` or `false`') });

const notOneOf = (names: readonly string[]) => ({ input }: Issue): string => {
  const meant = typeof input === 'string' ? nearest(input, names) : undefined;
  return `must be one of ${names.map((name) => `\`${name}\``).join(', ')}${meant === undefined ? '' : `; did you mean \`${meant}\`?`}`;
};
function oneOf<const T extends readonly [string, ...string[]]>(names: T) {
  return z.enum(names, { error: notOneOf(names) });
}

const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Variables that orch sets for its agents; nobody else may. */
export const OWN_VARIABLES: readonly string[] = [
  'ORCH_RUN_ID', 'ORCH_RUN_DIR', 'ORCH_TASK_ID', 'ORCH_ATTEMPT', 'ORCH_BRANCH', 'ORCH_BASE', 'ORCH_PROMPT_FILE', 'ORCH_OUTPUT', 'ORCH_NONCE',
];
const envName = z
  .string()
  .regex(ENV_NAME, { error: 'is not the name of a variable (letters, digits and `_`)' })
  .refine((name) => !OWN_VARIABLES.includes(name), { error: 'is set by orch itself' });
/** Numbers and booleans arrive here as the text that was written (values.ts). */
const SCALAR_TYPES = { type: ['string', 'number', 'boolean'] };
const envValue = possiblyEmpty.meta(SCALAR_TYPES);
const env = z.record(envName, envValue, { error: expected('a map of names to values') });

const insideRepository = text.refine(staysInside, { error: 'must be relative to the repository’s root, with `/`, and stay inside it' });
const inside = z
  .union([insideRepository, z.array(insideRepository)], { error: expected('a path or a list of paths') })
  .transform((value): readonly string[] => (typeof value === 'string' ? [value] : value));

export const RETRY_ON = ['timeout', 'verify', 'agent'] as const;
const retryOn = z
  .union([oneOf(RETRY_ON), z.array(oneOf(RETRY_ON))], { error: notOneOf(RETRY_ON) })
  .transform((value): readonly (typeof RETRY_ON)[number][] => (typeof value === 'string' ? [value] : value));

const notIdleTimeout = ({ input }: Issue): string => (typeof input === 'number' ? notDuration({ input }) : expected('a duration such as `10m`, or `off`')({ input }));
const idleTimeout = z.union([z.literal('off'), duration(false)], { error: notIdleTimeout }).transform((value) => (value === 'off' ? null : value));

const NOT_MAX_FAIL = 'must be a number from 1, or a percentage from `1%` to `100%`';
/** `N` or `N%` → plan.ts' MaxFail. */
const maxFail = z
  .union([whole(1), z.string().regex(/^(?:[1-9]\d?|100)%$/, { error: NOT_MAX_FAIL })], { error: () => NOT_MAX_FAIL })
  .transform((value) =>
    typeof value === 'number' ? ({ kind: 'count', count: value } as const) : ({ kind: 'percent', percent: Number.parseInt(value, 10) } as const),
  );

const plainValue = (instead: string) => ({ input }: Issue): string =>
  typeof input === 'object' && input !== null ? `must be text, a number, \`true\` or \`false\`, not ${kind(input)}; ${Array.isArray(input) ? 'write one list' : instead}` : notText({ input });
const scalar = (instead: string) => z.string({ error: plainValue(instead) }).refine(noNul, { error: 'contains a NUL character' }).meta(SCALAR_TYPES);

const PART_NAME = /^[A-Za-z_][\w-]*$/;
const partName = z.string().regex(PART_NAME, { error: 'is not a name (letters, digits, `_` and `-`)' });
const matrixValue = scalar('a value with several parts is an entry of `include`');
const combinations = z
  .array(z.record(partName, matrixValue, { error: expected('a map of names to values') }), { error: expected('a list of maps') })
  .optional();
const axis = z.array(matrixValue, { error: expected('a list of values, such as `[a, b]`') }).min(1, { error: 'is an empty list; write at least one value' });
const notMatrix = ({ input }: Issue): string =>
  input === undefined ? 'is missing; write for example `matrix: { os: [linux, macos] }`' :
  typeof input === 'string' && input.includes('${{') ? 'must be a map of names to lists; a list that another task makes is for `foreach: { from: needs.<id>.outputs.<name> }`' : expected('a map of names to lists')({ input });
const matrix = z.object({ include: combinations, exclude: combinations }, { error: notMatrix }).catchall(axis).superRefine((value, context) => {
  const axes = Object.keys(value).filter((name) => name !== 'include' && name !== 'exclude');
  for (const name of axes) if (!PART_NAME.test(name)) context.addIssue({ code: 'custom', path: [name], message: `${quoted(name)} is not a name (letters, digits, \`_\` and \`-\`)`, input: value });
  if (axes.length === 0 && (value.include ?? []).length === 0) context.addIssue({ code: 'custom', message: 'has nothing to combine; write for example `os: [linux, macos]`', input: value });
  (value.exclude ?? []).forEach((entry, index) => {
    for (const name of Object.keys(entry)) {
      if (axes.includes(name)) continue;
      const meant = nearest(name, axes);
      context.addIssue({ code: 'custom', path: ['exclude', index, name], message: `there is no ${quoted(name)} in the matrix to exclude${meant === undefined ? '' : `; did you mean \`${meant}\`?`}`, input: value });
    }
  });
});

const SOURCES = ['files', 'lines', 'json', 'values', 'from'] as const;
const FROM = /^(?:\$\{\{\s*)?needs\.([a-z0-9][\w.-]*?)\.(?:outputs\.([\w-]+)|result)(?:\s*\}\})?$/;
const fixedText = (schema: typeof text) => schema.refine((value) => !value.includes('${{'), { error: '`${{ }}` is not read in `foreach`; write the value itself' });
const fixedGlobs = z
  .union([fixedText(text), z.array(fixedText(text))], { error: expected('a glob or a list of globs') })
  .transform((value): readonly string[] => (typeof value === 'string' ? [value] : value));
const fileGlobs = z
  .union([fixedText(text), z.array(fixedText(text)).min(1, { error: 'is empty' })], { error: expected('a glob or a list of globs') })
  .transform((value): readonly string[] => (typeof value === 'string' ? [value] : value).map((glob) => glob.replace(/^(!?)(?:\.\/)+/, '$1')))
  .refine((globs) => globs.every(staysInside), { error: 'must be relative to the repository’s root, with `/`, and stay inside it' })
  .refine((globs) => globs.some((glob) => !glob.startsWith('!')), { error: 'only takes files away; write which ones there are to begin with' });
const NESTED = 'an item is a value or one map of values';
const listItem = z.union([scalar(NESTED), z.record(partName, scalar(NESTED))], { error: ({ input }) => plainValue('write one list')({ input }) });
const foreach = z
  .strictObject(
    {
      files: fileGlobs.describe('Globs over the files of the base commit; `!glob` takes back.').optional(),
      lines: fixedText(text).describe('A shell command; each line that it prints is an item.').optional(),
      json: fixedText(text).refine(staysInside, { error: 'must be a file of the repository, relative to its root' }).describe('A JSON file of the base commit that holds a list.').optional(),
      values: z.array(listItem, { error: expected('a list of values') }).min(1, { error: 'is an empty list; write at least one value' }).describe('The items themselves.').optional(),
      from: z.string({ error: notText }).regex(FROM, { error: 'must be `needs.<id>.outputs.<name>` or `needs.<id>.result`' }).describe('Items that another task makes: tasks are added when it has completed.').optional(),
      exclude: fixedGlobs.describe('Globs of items to leave out.').optional(),
      batch: whole(1, 100_000).describe('Items per task; default 1.').optional(),
      'group-by': oneOf(['dirname']).describe('Only files of one folder share a task.').optional(),
      'max-tasks': whole(1, MAX_FAN_OUT).describe('With `from`: more tasks than these are an error; default 1000.').optional(),
    },
    { error: expected('a map such as `{ files: "src/**/*.ts" }`') },
  )
  .superRefine((value, context) => {
    // A misspelt key says enough.
    if (context.issues.length > 0) return;
    const [first, second] = SOURCES.filter((key) => value[key] !== undefined);
    const wrong = (message: string, path: string[] = []): void => context.addIssue({ code: 'custom', path, message, input: value });
    if (first === undefined) wrong(`has no items; write one of ${SOURCES.map((key) => `\`${key}\``).join(', ')}`);
    if (second !== undefined) wrong(`\`${first}\` and \`${second}\` exclude each other; use two tasks`, [second]);
    if (value['group-by'] !== undefined && value.files === undefined) wrong('only `files` have folders; remove it', ['group-by']);
    if (value['max-tasks'] !== undefined && value.from === undefined) wrong('is for `from`, whose items are not known yet; remove it', ['max-tasks']);
  });

const contextItem = z
  .strictObject(
    {
      file: text.describe('A file of the base commit.').optional(),
      run: text.describe('A shell command, run in the repository when the plan is made; what it prints.').optional(),
      text: text.describe('A text. `${{ }}` is expanded.').optional(),
    },
    { error: expected('a map such as `{ file: README.md }`') },
  )
  .superRefine((value, context) => {
    if (context.issues.length > 0) return;
    const given = Object.keys(value).filter((key) => value[key as keyof typeof value] !== undefined);
    if (given.length !== 1) context.addIssue({ code: 'custom', message: given.length === 0 ? 'is empty; write one of `file`, `run`, `text`' : `has ${given.map((key) => `\`${key}\``).join(' and ')}; make an item of each`, input: value });
  });

const mapOf = expected('a map');
const effortName = word.refine((value) => /^[\w-]+$/.test(value), { error: 'is not a name (letters, digits, `_` and `-`)' });
const notModel = (issue: Issue): string => ['number', 'boolean'].includes(typeof issue.input) ? notText(issue) : expected('the name of a model, or a map such as `{ simple: haiku, default: sonnet }`')(issue);
const model = z.union([word, z.record(effortName, word, { error: notModel })], { error: notModel });
const argumentList = z.array(possiblyEmpty, { error: expected('a list such as `[--flag, value]`') });
const variantShape = { agent: word.optional(), model: model.optional(), effort: effortName.optional(), args: argumentList.optional(), 'max-turns': whole(1).optional(), 'permission-mode': word.optional() };
const variant = z.strictObject(variantShape, { error: expected('a map such as `{ agent: claude, model: opus }`') });
const NOT_BEST_OF = 'must be a number from 2 to 20, or a list of variants such as `[{ model: haiku }, { model: opus }]`';
const bestOf = z
  .union([whole(2, 20), z.array(variant, { error: () => NOT_BEST_OF }).min(2, { error: 'has fewer than two variants' }).max(20, { error: 'has more than 20 variants' })], { error: () => NOT_BEST_OF })
  .transform((value): readonly z.output<typeof variant>[] => (typeof value === 'number' ? Array.from({ length: value }, () => ({})) : value));
const taskShape = {
  prompt: text.describe('What the agent is asked to do. `${{ }}` is expanded.').optional(),
  'prompt-file': text.describe('A file that holds the prompt, relative to the manifest.').optional(),
  run: text.describe('A shell command instead of an agent.').optional(),
  name: text.describe('What is shown; default the id.').optional(),
  agent: word.describe('An agent of `agents:`, or a built-in one.').optional(),
  model: model.describe('Passed to the agent; a map names one for each `effort`, and a `default`.').optional(),
  effort: effortName.describe('How hard the task is: which entry of a `model` map it takes; without a map, passed to the agent.').optional(),
  escalate: z.array(word, { error: expected('a list of models such as `[haiku, sonnet, opus]`') }).min(2, { error: 'needs two models or more' }).describe('Models from the cheapest up: each failed `verify` climbs one step.').optional(),
  'best-of': bestOf.describe('So many attempts side by side (or these variants); the best one counts.').optional(),
  score: text.describe('With `best-of`: a shell command; of those that pass `verify`, the one for which it prints the highest number wins.').optional(),
  args: argumentList.describe('More arguments for the agent program.').optional(),
  'max-turns': whole(1).describe('The agent stops after so many turns.').optional(),
  'permission-mode': word.describe('Passed to the agent, e.g. `acceptEdits`.').optional(),
  'allowed-tools': oneOrMore.describe('Tools that the agent may use without asking.').optional(),
  strategy: z.strictObject({ matrix: matrix.describe('Names and their values: a task for each combination.') }, { error: mapOf }).describe('One task for each combination of values, as in GitHub Actions.').optional(),
  foreach: foreach.describe('One task for each item (or batch of items).').optional(),
  context: z.array(contextItem, { error: expected('a list of items such as `- file: README.md`') }).describe('Read when the plan is made, from the base commit, and put below the prompt.').optional(),
  needs: oneOrMore.describe('Ids of tasks that must complete first; this one starts from their work.').optional(),
  base: oneOf(['run', 'target']).describe('What each attempt starts from, beside the work of `needs`: `run` (default), the commit that the run began at; `target`, the newest commit of the branch that is merged into.').optional(),
  env: env.describe('Environment variables.').optional(),
  setup: oneOrMore.describe('Shell commands to prepare the new worktree.').optional(),
  verify: oneOrMore.describe('Shell commands that must succeed for the work to count.').optional(),
  expect: oneOf(['changes', 'none', 'any']).describe('What must be left behind: `changes` (default for prompts), `none`, `any` (default for `run`).').optional(),
  paths: inside.describe('Globs of what may be changed; a change elsewhere fails the task.').optional(),
  timeout: duration(false).describe('`90s`, `20m`, `1h30m`; default 30m.').optional(),
  'idle-timeout': idleTimeout.describe('Stop after so long without output; `off` by default.').optional(),
  retries: whole(0, 100).describe('Attempts after the first; default 0.').optional(),
  'retry-on': retryOn.describe('What a retry is for; default all three.').optional(),
  'continue-on-error': flag.describe('A failure of this task does not fail the run.').optional(),
  concurrency: text.describe('Tasks of one group run one at a time.').optional(),
};
const { strategy: _s, foreach: _e, ...defaultsShape } = taskShape;
const { prompt: _p, 'prompt-file': _f, run: _r, name: _n, needs: _d, ...sharedShape } = defaultsShape;

export const taskSchema = z.strictObject(taskShape, { error: mapOf });
/** Fields that all tasks of a manifest may share. */
export const defaultsSchema = z.strictObject(defaultsShape, { error: mapOf });
export const listedTaskSchema = z.strictObject({ id: z.string({ error: notText }).describe('Default: a slug of the name or the prompt.').optional(), ...taskShape }, { error: mapOf });

const agentSchema = z.strictObject(
  {
    command: z.union([text, z.array(possiblyEmpty).min(1, { error: 'is empty' })], { error: expected('text or a list such as `[./agent.sh, --flag]`') }).describe('Program and leading arguments; no shell.').optional(),
    prompt: oneOf(['stdin', 'arg', 'file']).describe('How the program gets its prompt; default stdin.').optional(),
    output: oneOf(['text', 'claude-stream-json']).describe('How its output is read; default text.').optional(),
    model: taskShape.model,
    'permission-mode': taskShape['permission-mode'],
    args: taskShape.args,
    env: taskShape.env,
  },
  { error: mapOf },
);
const AGENT_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const agents = z.record(z.string().regex(AGENT_NAME, { error: 'is not a name for an agent (letters, digits and `. _ -`)' }), agentSchema, { error: expected('a map of names to agents') });

const RESOLUTIONS = ['union', 'ours', 'theirs'] as const;
const resolution = z.union([oneOf(RESOLUTIONS), z.strictObject({ regenerate: text }, { error: expected('`union`, `ours`, `theirs` or `{ regenerate: command }`') })], {
  error: expected('`union`, `ours`, `theirs` or `{ regenerate: command }`'),
});
const personText = text.regex(/^[^<>\n]+ <[^<>\s]+>$/, { error: 'must be `Name <email>`' });
const merge = z.strictObject(
  {
    into: word.describe('Branch to merge into; default the branch that `base` names.').optional(),
    when: oneOf(['never', 'each', 'end']).describe('`never` (default): `orch merge` does it later; `each`: as tasks complete, while others run; `end`: once all have settled.').optional(),
    strategy: oneOf(['merge', 'squash', 'rebase']).describe('Default merge.').optional(),
    verify: oneOrMore.transform((commands) => (commands.length === 1 && commands[0] === 'none' ? [] : commands)).describe('Shell commands that must succeed on the merged tree; default none.').optional(),
    'on-conflict': oneOf(['park', 'retry', 'resolve', 'fail']).describe('`park` (default): keep the branch and the conflict, go on; `retry`: run the task again from where the target is, at most twice; `resolve`: its agent resolves the conflict in a worktree, and what cannot be resolved is parked; `fail`: stop merging.').optional(),
    batch: z.union([z.literal('auto'), whole(1, 10_000)], { error: expected('`auto` or a number from 1') }).describe('Branches per verification; default auto.').optional(),
    conflicts: z.record(insideRepository, resolution, { error: expected('a map of globs to what to do') }).describe('Per path: union, ours, theirs or { regenerate: command }.').optional(),
    via: oneOf(['pull-request']).describe('`pull-request`: the target is left alone; branches are pushed and pull requests opened with gh, or merge requests with glab.').optional(),
    'one-per': oneOf(['run', 'task']).describe('With `via: pull-request`: one of the merged and verified result (default), or one for each task’s branch as it is.').optional(),
    'co-author': z.union([flag, personText], { error: expected('`true`, `false` or `Name <email>`') }).describe('Names the agent as co-author of merge and squash commits; `true`, or who that is.').optional(),
  },
  { error: mapOf },
).superRefine((value, context) => {
  if (context.issues.length > 0) return;
  const wrong = (key: string, message: string): void => context.addIssue({ code: 'custom', path: [key], message, input: value });
  if (value['one-per'] !== undefined && value.via === undefined) wrong('one-per', 'is for `via: pull-request`; add that, or remove it');
  if (value['co-author'] !== undefined && value.strategy === 'rebase') wrong('co-author', 'has no commit to stand in: a rebase keeps the agents’ own; use `squash` or `merge`');
  const whole = ['strategy', 'verify', 'on-conflict', 'batch', 'conflicts', 'co-author'] as const;
  if (value['one-per'] === 'task') for (const key of whole) if (value[key] !== undefined) wrong(key, 'has no use with `one-per: task`, which pushes each task’s branch as it is; use `one-per: run`, or remove it');
});

/** Keys that a manifest and a configuration file share. */
const commonShape = {
  version: z.literal(1, { error: 'must be 1, the only version that this orch reads' }).optional(),
  name: text.describe('Default: the file’s name.').optional(),
  base: word.describe('The ref that worktrees start from; default HEAD.').optional(),
  agent: taskShape.agent,
  model: taskShape.model,
  'max-parallel': whole(1).describe('Agents at once.').optional(),
  'fail-fast': flag.describe('`true` = `max-fail: 1`.').optional(),
  'max-fail': maxFail.describe('`N` or `N%`: start nothing new after so many failures.').optional(),
  'max-wait': duration(true).describe('How long a task may wait for a provider; default 30m.').optional(),
  grace: duration(true).describe('From asking a process to stop to stopping it; default 10s.').optional(),
  budget: budget.describe('US dollars that may be spent: a limit stops starts.').optional(),
  agents: agents.describe('Agent programs, and settings for the built-in ones.').optional(),
  merge: merge.describe('How results are merged, and when.').optional(),
};

const id = z.string().regex(ID, { error: `is not an id (${ID_RULE})` });
const NOT_TASKS = { error: expected('a map of ids to tasks, or a list of tasks') };

/** Everything of a manifest but its tasks, which are validated one by one. */
export const headSchema = z.strictObject(
  { ...commonShape, env: env.describe('Variables for all tasks.').optional(), defaults: defaultsSchema.describe('Fields for every task that does not say otherwise.').optional(), tasks: z.unknown().optional() },
  { error: mapOf },
);
/** All of a manifest, for editors. */
export const manifestSchema = headSchema.extend({
  tasks: z.union([z.record(id, z.union([text, taskSchema])), z.array(z.union([text, listedTaskSchema]))], NOT_TASKS).describe('Tasks by id, or a list of prompts and tasks.'),
});

const ENV_PASS = /^[A-Za-z_][A-Za-z0-9_]*\*?$/;
/** All of `.orchestrator.yml`. */
export const configSchema = z.strictObject(
  {
    ...commonShape,
    defaults: z.strictObject(sharedShape, { error: mapOf }).describe('Fields for every task that does not say otherwise.').optional(),
    worktrees: z
      .strictObject(
        {
          root: text.refine((value) => !value.startsWith('~'), { error: '`~` is not expanded; write the whole path' }).describe('Where worktrees are made; `{repo}` is the repository’s name; default `../{repo}.orch`.').optional(),
          setup: taskShape.setup,
          copy: inside.describe('Globs of ignored files to copy into each worktree.').optional(),
          link: inside.describe('Paths to link into each worktree.').optional(),
          keep: oneOf(['failed', 'always', 'never']).describe('Which worktrees stay after a run; default failed.').optional(),
        },
        { error: mapOf },
      )
      .optional(),
    env: z
      .strictObject(
        { pass: z.array(z.string({ error: notText }).regex(ENV_PASS, { error: 'must be the name of a variable, or `PREFIX_*`' }), { error: expected('a list of names') }).describe('Variables that agents inherit beyond the built-in list.').optional() },
        { error: mapOf },
      )
      .optional(),
    notify: z
      .strictObject(
        {
          command: text.describe('A shell command, run in the repository when a run has ended, with what became of it as JSON on its standard input.').optional(),
          desktop: flag.describe('true: a notification of the desktop when a run of over a minute that was begun on a terminal has ended; false: none on the terminal either.').optional(),
        },
        { error: mapOf },
      )
      .optional(),
    prices: z.record(text, price, { error: expected('a map of models to prices') }).describe('US dollars per million tokens by the beginning of a model’s name, for agents that tell tokens and no costs.').optional(),
    isolation: oneOf(['process', 'sandbox', 'auto']).describe('How agents are kept apart from the machine; default process. auto = sandbox where it works.').optional(),
    sandbox: z
      .strictObject(
        {
          network: oneOf(['on', 'none']).describe('Default on: agents need their provider.').optional(),
          credential: text.describe('The one secret that is let in: a variable by its name, or a file by its path.').optional(),
          read: z.array(text, { error: expected('a list of paths') }).describe('Further files or folders that can be read, absolute.').optional(),
        },
        { error: mapOf },
      )
      .optional(),
  },
  { error: mapOf },
);

/** A task's fields, durations in milliseconds, lists always lists. Every key is optional. */
export type TaskFields = z.output<typeof taskSchema>;
export type MatrixFields = z.output<typeof matrix>;
export type ModelField = z.output<typeof model>;
export type Variant = z.output<typeof variant>;
export type ForeachFields = z.output<typeof foreach>;
export type MergeFields = z.output<typeof merge>;
export type ContextItem = z.output<typeof contextItem>;
export type ManifestHead = Omit<z.output<typeof headSchema>, 'tasks'>;
export type ConfigValues = z.output<typeof configSchema>;
export type AgentFields = z.output<typeof agentSchema>;

/** The task and the output (null = its `result`) that `foreach.from` names. */
export function fromOf(from: string): { readonly task: string; readonly output: string | null } {
  const [, task = '', output] = FROM.exec(from) ?? [];
  return { task, output: output ?? null };
}

/** Schemas of single settings, for flags and variables. */
export const settingSchemas = {
  'max-parallel': commonShape['max-parallel'],
  'max-fail': commonShape['max-fail'],
  'max-wait': commonShape['max-wait'],
  'fail-fast': commonShape['fail-fast'],
  grace: commonShape.grace,
  base: commonShape.base,
  agent: taskShape.agent,
  model: word.optional(),
  timeout: taskShape.timeout,
};

/** JSON Schema (draft 7, what editors read) of the manifest or of `.orchestrator.yml`, as a person types them. */
export function toJsonSchema(which: 'manifest' | 'config' = 'manifest'): Record<string, unknown> {
  const title = which === 'manifest' ? 'orch manifest' : '.orchestrator.yml';
  return { ...z.toJSONSchema(which === 'manifest' ? manifestSchema : configSchema, { io: 'input', target: 'draft-7' }), title };
}

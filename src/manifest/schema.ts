// The shape of a manifest and of a configuration file: names, types and what is said about a wrong value. The only
// place that lists the keys; what depends on several of them is checked in tasks.ts and needs.ts.
import * as z from 'zod';
import { DURATION, MAX_DURATION_MS, parseDuration } from '../lib/duration.ts';
import { staysInside } from '../lib/glob.ts';
import { ID, ID_RULE } from '../lib/slug.ts';
import { nearest } from '../lib/nearest.ts';
import { quoted } from './diagnostic.ts';

type Issue = { readonly input?: unknown };

/** Said of what the document reader has complained about already. */
export const UNREADABLE = 'could not be read';

function kind(input: unknown): string {
  if (Array.isArray(input)) return 'a list';
  return typeof input === 'object' ? 'a map' : typeof input === 'boolean' ? '`true` or `false`' : `a ${typeof input}`;
}

/** Says what was expected; scalars that YAML took for a number or a boolean only miss their quotes. */
const expected = (what: string) => ({ input }: Issue): string => {
  if (input === undefined) return UNREADABLE;
  return input === null ? `has no value; write ${what}, or remove the key` : `must be ${what}, not ${kind(input)}`;
};
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
  'ORCH_RUN_ID', 'ORCH_TASK_ID', 'ORCH_ATTEMPT', 'ORCH_BRANCH', 'ORCH_BASE', 'ORCH_PROMPT_FILE', 'ORCH_OUTPUT', 'ORCH_NONCE',
];
const envName = z
  .string()
  .regex(ENV_NAME, { error: 'is not the name of a variable (letters, digits and `_`)' })
  .refine((name) => !OWN_VARIABLES.includes(name), { error: 'is set by orch itself' });
/** Numbers and booleans arrive here as the text that was written (values.ts). */
const envValue = possiblyEmpty.meta({ type: ['string', 'number', 'boolean'] });
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

const taskShape = {
  prompt: text.describe('What the agent is asked to do. `${{ }}` is expanded.').optional(),
  'prompt-file': text.describe('A file that holds the prompt, relative to the manifest.').optional(),
  run: text.describe('A shell command instead of an agent.').optional(),
  name: text.describe('What is shown; default the id.').optional(),
  agent: word.describe('An agent of `agents:`, or a built-in one.').optional(),
  model: word.describe('Passed to the agent.').optional(),
  args: z.array(possiblyEmpty, { error: expected('a list such as `[--flag, value]`') }).describe('More arguments for the agent program.').optional(),
  'max-turns': whole(1).describe('The agent stops after so many turns.').optional(),
  'permission-mode': word.describe('Passed to the agent, e.g. `acceptEdits`.').optional(),
  'allowed-tools': oneOrMore.describe('Tools that the agent may use without asking.').optional(),
  needs: oneOrMore.describe('Ids of tasks that must complete first; this one starts from their work.').optional(),
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
const { prompt: _p, 'prompt-file': _f, run: _r, name: _n, needs: _d, ...sharedShape } = taskShape;

const mapOf = expected('a map');
export const taskSchema = z.strictObject(taskShape, { error: mapOf });
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
  agents: agents.describe('Agent programs, and settings for the built-in ones.').optional(),
};

const id = z.string().regex(ID, { error: `is not an id (${ID_RULE})` });
const NOT_TASKS = { error: expected('a map of ids to tasks, or a list of tasks') };

/** Everything of a manifest but its tasks, which are validated one by one. */
export const headSchema = z.strictObject(
  { ...commonShape, env: env.describe('Variables for all tasks.').optional(), defaults: taskSchema.describe('Fields for every task that does not say otherwise.').optional(), tasks: z.unknown().optional() },
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
    isolation: z.enum(['process', 'auto'], { error: ({ input }: Issue) => (input === 'sandbox' ? '`sandbox` is not supported by this version; use `process`' : 'must be `process` or `auto`') }).optional(),
    notify: z.strictObject({ command: text.optional(), desktop: flag.optional() }, { error: mapOf }).optional(),
  },
  { error: mapOf },
);

/** A task's fields, durations in milliseconds, lists always lists. Every key is optional. */
export type TaskFields = z.output<typeof taskSchema>;
export type ManifestHead = Omit<z.output<typeof headSchema>, 'tasks'>;
export type ConfigValues = z.output<typeof configSchema>;
export type AgentFields = z.output<typeof agentSchema>;

/** Schemas of single settings, for flags and variables. */
export const settingSchemas = {
  'max-parallel': commonShape['max-parallel'],
  'max-fail': commonShape['max-fail'],
  'max-wait': commonShape['max-wait'],
  'fail-fast': commonShape['fail-fast'],
  grace: commonShape.grace,
  base: commonShape.base,
  agent: taskShape.agent,
  model: taskShape.model,
  timeout: taskShape.timeout,
};

/** JSON Schema (draft 7, what editors read) of the manifest or of `.orchestrator.yml`, as a person types them. */
export function toJsonSchema(which: 'manifest' | 'config' = 'manifest'): Record<string, unknown> {
  const title = which === 'manifest' ? 'orch manifest' : '.orchestrator.yml';
  return { ...z.toJSONSchema(which === 'manifest' ? manifestSchema : configSchema, { io: 'input', target: 'draft-7' }), title };
}

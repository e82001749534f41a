// The command line: one place that knows every verb and option. Each handler loads its own module when it is called, so
// that start-up pays for one command only.
import yargs, { type Argv } from 'yargs';
import { EXIT, OrchError } from '../errors.ts';
import { version } from '../lib/version.ts';

/** What ends without a word about other runs: their own say it, or nobody reads along. */
const SILENT: ReadonlySet<string | undefined> = new Set(['notifications', 'drive', 'demo', 'schema', 'completion']);

/** Parses and runs a command line; returns the exit code. Throws OrchError for what the user can mend. */
export async function main(argv: readonly string[]): Promise<number> {
  let code: number = EXIT.ok;
  // A TAB must never start an agent, and yargs is known to run handlers while it completes.
  const isCompleting = argv.includes('--get-yargs-completions');
  const run = <T>(command: (args: T) => Promise<number>) => async (args: T): Promise<void> => {
    if (isCompleting) return;
    code = await command(args);
    if (process.stderr.isTTY && !SILENT.has(argv[0])) await (await import('./notifications.ts')).tellOnTerminal();
  };
  // The parser loses a lone dash among positionals.
  const cli = yargs(argv.map((word) => (word === '-' ? '/dev/stdin' : word)))
    .scriptName('orch')
    .usage('$0 <command>\n\nRuns many headless coding agents at once, each in its own git worktree and branch.')
    .version(version).alias('version', 'v').help().alias('help', 'h')
    .detectLocale(false).strict().recommendCommands().demandCommand(1, 'Say what to do: orch run, orch plan, … (orch --help)')
    .parserConfiguration({ 'duplicate-arguments-array': true, 'camel-case-expansion': true, 'boolean-negation': true })
    .option('color', { type: 'boolean', describe: 'Colours, whatever the environment says', global: true })
    .wrap(Math.min(110, process.stdout.columns ?? 80))
    .fail((message: string | null, error: Error | undefined) => {
      if (error !== undefined && !message) throw error;
      throw new OrchError({ code: 'usage', message: message ?? 'wrong usage', hint: 'orch --help lists commands and options', exitCode: EXIT.usage });
    })
    .command('run [what..]', 'Run a manifest (default tasks.yml; - reads it from stdin), or each argument as a prompt', runOptions,
      run(async (args) => await (await import('./run.ts')).runCommand(args)))
    .command('plan [what..]', 'Show what a run would do', planOptions, run(async (args) => await (await import('./plan.ts')).planCommand(args)))
    .command('resume [run]', 'Go on with a run that was stopped: only what is not settled runs', resumeOptions,
      run(async (args) => await (await import('./resume.ts')).resumeCommand(args)))
    .command(['status [run] [task]', 'tasks', 'ps'], 'What is queued, running and done; on a terminal a list with keys', (y) => y
      .positional('run', { type: 'string', describe: 'A run, or a unique beginning of one; default the newest' })
      .positional('task', { type: 'string' })
      .option('json', { type: 'boolean', describe: 'One JSON document; with --watch, all events as NDJSON' })
      .option('watch', { alias: 'w', type: 'boolean', describe: 'The live view, until the run has ended; Ctrl-C leaves the view only' }),
      run(async (args) => await (await import('./status.ts')).statusCommand(args)))
    .command('logs <task>', 'An agent’s progress', (y) => y
      .positional('task', { type: 'string', demandOption: true })
      .option('run', { type: 'string', describe: 'Default: the newest run' })
      .option('attempt', { type: 'number', describe: 'Default: the last one' })
      .option('follow', { alias: 'f', type: 'boolean', describe: 'Go on until the task has ended' })
      .option('raw', { type: 'boolean', describe: 'The bytes as the agent printed them' }),
      run(async (args) => await (await import('./logs.ts')).logsCommand(args)))
    .command('wait [what]', 'Until a run has ended, and with its exit code; or a task: 0 if it completed', (y) => y
      .positional('what', { type: 'string', describe: 'A run, or a task of the newest run; default the newest run' })
      .option('run', { type: 'string', describe: 'The run of the task' }),
      run(async (args) => await (await import('./wait.ts')).waitCommand(args)))
    .command('cancel [task..]', 'End tasks of a run, whether it is live or was stopped; what they had done is saved', (y) => y
      .positional('task', { type: 'string', array: true, describe: 'Tasks, or all of a matrix or foreach by its name' })
      .option('all', { type: 'boolean', describe: 'Every task that has not ended' })
      .option('run', { type: 'string', describe: 'Default: the newest run' }),
      run(async (args) => await (await import('./cancel.ts')).cancelCommand(args)))
    .command('retry <task..>', 'Try tasks again that did not complete, in the live run or by going on with one that has ended', retryOptions,
      run(async (args) => await (await import('./retry.ts')).retryCommand(args)))
    .command('add [what..]', 'Add tasks to a live run: prompts, or a manifest whose tasks may need those of the run', (y) => y
      .positional('what', { type: 'string', array: true, describe: 'Prompts, a manifest, or -' })
      .option('run', { type: 'string', describe: 'Default: the newest run' })
      .option('agent', { type: 'string', describe: 'For every one of these tasks' })
      .option('model', { type: 'string', describe: 'For every one of these tasks' })
      .option('timeout', { type: 'string', describe: 'For every one of these tasks: 90s, 20m, 1h30m' }),
      run(async (args) => await (await import('./add.ts')).addCommand(args)))
    .command('diff <task>', 'What a task changed', (y) => y
      .positional('task', { type: 'string', demandOption: true })
      .option('run', { type: 'string', describe: 'Default: the newest run' })
      .option('stat', { type: 'boolean', describe: 'Files and counts only' }),
      run(async (args) => await (await import('./diff.ts')).diffCommand(args)))
    .command(['teleport <task>', 'attach'], 'Continue the agent’s own session by hand, in its worktree', (y) => y
      .positional('task', { type: 'string', demandOption: true })
      .option('run', { type: 'string', describe: 'Default: the newest run' })
      .option('print', { type: 'boolean', describe: 'Print the command instead of running it' }),
      run(async (args) => await (await import('./teleport.ts')).teleportCommand(args)))
    .command('clean [run]', 'Remove worktrees, merged or empty branches and old run records; shows first', (y) => y
      .positional('run', { type: 'string', describe: 'Default: every finished run' })
      .option('yes', { alias: 'y', type: 'boolean', describe: 'Do not ask' })
      .option('dry-run', { type: 'boolean', describe: 'Only show' })
      .option('force', { type: 'boolean', describe: 'Also what was not merged; its commits stay on refs/orch/rescue' }),
      run(async (args) => await (await import('./clean.ts')).cleanCommand(args)))
    .command('merge [run] [task..]', 'Merge what a run has delivered and not merged yet', mergeOptions,
      run(async (args) => await (await import('./merge.ts')).mergeCommand(args)))
    .command('runs', 'Every run of this repository', (y) => y.option('json', { type: 'boolean' }),
      run(async (args) => await (await import('./runs.ts')).runsCommand(args)))
    .command('notifications', 'What has ended in the background and was not told yet; told once', (y) => y
      .option('follow', { alias: 'f', type: 'boolean', describe: 'Go on until it is stopped' })
      .option('json', { type: 'boolean', describe: 'A JSON document a line, for programs' }),
      run(async (args) => await (await import('./notifications.ts')).notificationsCommand(args)))
    .command('report [run]', 'A run as a page to review, Markdown, JUnit or JSON', (y) => y
      .positional('run', { type: 'string', describe: 'Default: the newest run' })
      .option('format', { type: 'string', default: 'html', describe: 'html, md, junit or json' })
      .option('output', { alias: 'o', type: 'string', describe: 'Write to a file' }),
      run(async (args) => await (await import('./report.ts')).reportCommand(args)))
    .command('init', 'Write .orchestrator.yml and a first tasks.yml', (y) => y
      .option('template', { type: 'string', default: 'basic', describe: 'Which of the templates' })
      .option('list', { type: 'boolean', describe: 'List the templates' }),
      run(async (args) => await (await import('./init.ts')).initCommand(args)))
    .command('doctor', 'What works here, by trying it', (y) => y.option('json', { type: 'boolean' }),
      run(async (args) => await (await import('./doctor.ts')).doctorCommand(args)))
    .command('schema', 'The JSON Schema of the manifest', (y) => y.option('config', { type: 'boolean', describe: 'Of .orchestrator.yml' }),
      run(async (args) => await (await import('./schema.ts')).schemaCommand(args)))
    .command('drive', false, (y) => y, run(async () => await (await import('./driver-process.ts')).driveCommand()))
    .command('demo', false, (y) => y, run(async () => await (await import('./demo.ts')).demoCommand()))
    .completion('completion', 'Print a completion script for bash or zsh');
  dropLateHelp(cli);
  await cli.parseAsync();
  return code;
}

/** Yargs renders the help of every command that has begun, in case that it fails; ours never shows it then, and it takes longer than all parsing. */
function dropLateHelp(cli: Argv): void {
  const internal = cli as { getInternalMethods?(): { getUsageInstance?(): { cacheHelpMessage: () => void } } };
  const usage = internal.getInternalMethods?.().getUsageInstance?.();
  if (usage !== undefined) usage.cacheHelpMessage = () => undefined;
}

const planning = <T>(y: Argv<T>) => y
  .positional('what', { type: 'string', array: true, describe: 'A manifest, -, a plan.json, or prompts' })
  .option('max-parallel', { alias: 'j', type: 'string', describe: 'Agents at once' })
  .option('timeout', { type: 'string', describe: 'For every task: 90s, 20m, 1h30m' })
  .option('agent', { type: 'string', describe: 'For every task' })
  .option('model', { type: 'string', describe: 'For every task' })
  .option('base', { type: 'string', describe: 'Commit or branch that worktrees start from; default HEAD' })
  .option('only', { type: 'string', array: true, describe: 'Only tasks whose id matches this glob, and what they need' })
  .option('skip', { type: 'string', array: true, describe: 'Not the tasks whose id matches this glob, nor what needs them' })
  .option('fail-fast', { type: 'boolean', describe: 'Start nothing more after the first failure' })
  .option('max-wait', { type: 'string', describe: 'How long to wait for a provider’s limit before stopping with exit 75' })
  .option('budget', { type: 'string', describe: 'US dollars that the run may spend: nothing is started that could exceed it' })
  .option('merge', { type: 'boolean', describe: 'Merge what completes, while others run; --no-merge: leave it on its branches' })
  .option('into', { type: 'string', describe: 'Branch to merge into; default the branch that the base names' })
  .option('allow-moved-base', { type: 'boolean', describe: 'Run a plan file although its base has moved since' })
  .option('run-id', { type: 'string', describe: 'The id of the run; default <name>-<date>-<time>' });

const reporting = <T>(y: Argv<T>) => y
  .option('reporter', { type: 'string', array: true, describe: 'tty, plain, json, github or junit=FILE; plain and json take =FILE, too' })
  .option('json', { type: 'boolean', describe: 'Events as NDJSON on stdout' });

const detaching = <T>(y: Argv<T>) => y
  .option('detach', { alias: 'd', type: 'boolean', describe: 'Go on in the background; prints the run’s id. On a terminal Ctrl+B does the same later' });

const runOptions = (y: Argv) => detaching(reporting(planning(y)))
  .option('dry-run', { type: 'boolean', describe: 'Show the plan and stop' })
  .option('yes', { alias: 'y', type: 'boolean', describe: 'Do not ask' });
const planOptions = (y: Argv) => planning(y)
  .option('from', { type: 'string', describe: 'A goal: asks an agent to divide it into tasks, and writes them to tasks.yml (or -o) to be read' })
  .option('prompts', { type: 'boolean', describe: 'Show the prompts, too' })
  .option('json', { type: 'boolean', describe: 'The plan as JSON' })
  .option('output', { alias: 'o', type: 'string', describe: 'Write the plan to a file' });
const resumeOptions = (y: Argv) => detaching(reporting(y))
  .positional('run', { type: 'string', describe: 'A run, or a unique beginning of one; default the newest' })
  .option('failed', { type: 'boolean', describe: 'Also retry what failed' })
  .option('budget', { type: 'string', describe: 'US dollars that the whole run may spend from now on, what is spent included' })
  .option('force', { type: 'boolean', describe: 'Take over a run that another machine holds' });

const retryOptions = (y: Argv) => detaching(reporting(y))
  .positional('task', { type: 'string', array: true, demandOption: true, describe: 'Tasks, or all of a matrix or foreach by its name' })
  .option('run', { type: 'string', describe: 'Default: the newest run' });

const mergeOptions = (y: Argv) => reporting(y)
  .positional('run', { type: 'string', describe: 'A run, or a unique beginning of one; default the newest' })
  .positional('task', { type: 'string', array: true, describe: 'Only these, and what they contain; default all' })
  .option('dry-run', { type: 'boolean', describe: 'Show the order and what conflicts with what, and stop' })
  .option('into', { type: 'string', describe: 'Branch to merge into; default the one that the plan names' })
  .option('strategy', { type: 'string', describe: 'merge, squash or rebase; default what the plan says, or merge' })
  .option('pull-request', { type: 'string', describe: 'run: push the merged result and open a pull request; task: one for each task; none: move the target' })
  .option('verify', { type: 'string', array: true, describe: 'A command that must succeed on the merged tree; none = no command' });

type Parsed<T> = (T extends (y: Argv) => Argv<infer U> ? U : never) & { readonly color?: boolean | undefined };
/** What yargs makes of `orch run …`. */
export type RunArgs = Parsed<typeof runOptions>;
/** What yargs makes of `orch plan …`. */
export type PlanArgs = Parsed<typeof planOptions>;
/** What yargs makes of `orch merge …`. */
export type MergeArgs = Parsed<typeof mergeOptions>;
/** What yargs makes of `orch retry …`. */
export type RetryArgs = Parsed<typeof retryOptions>;
/** What yargs makes of `orch resume …`. */
export type ResumeArgs = Parsed<typeof resumeOptions>;

// From the words of a command line to a frozen plan: reads the manifest, the configuration, the base and the prompt
// files, and reports everything that is wrong with them before anything is created.
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { adapterFor } from '../agents/adapters.ts';
import { loadConfig, type Config } from '../config/load.ts';
import { mergeSettings, resolveSettings } from '../config/resolve.ts';
import type { Repository } from '../effects/effects.ts';
import { branchTip, defaultWorktreesRoot, dirtySummary, openRepository, repositoryFolder, resolveBase } from '../effects/git/repository.ts';
import { EXIT, OrchError } from '../errors.ts';
import { freeRunId } from '../journal/store.ts';
import { plural } from '../lib/text.ts';
import { formatDiagnostics, problem, type Diagnostic, type Place } from '../manifest/diagnostic.ts';
import { MAX_BYTES } from '../manifest/document.ts';
import { parseManifest, type KnownTasks, type Manifest } from '../manifest/parse.ts';
import { manifestOfPrompts } from '../manifest/prompts.ts';
import { MAX_ITEMS_TEXT } from '../manifest/limits.ts';
import { buildPlan, contextInputsOf, promptFilesOf, type PlanRequest } from '../plan/build.ts';
import { listInputsOf, type PlanInputs } from '../plan/inputs.ts';
import type { Plan, RunId } from '../plan/plan.ts';
import type { Settings } from '../plan/settings.ts';
import { runId } from '../plan/run-id.ts';
import { requireCosts, withBudgetFlag } from './budget.ts';
import type { RunArgs } from './main.ts';

export type PlanningArgs = Partial<Pick<RunArgs, 'what' | 'max-parallel' | 'timeout' | 'agent' | 'model' | 'base' | 'only' | 'skip' | 'fail-fast' | 'max-wait' | 'budget' | 'run-id' | 'allow-moved-base' | 'merge' | 'into'>> & {
  /** Default: that of this process. */
  readonly cwd?: string;
  /** A manifest that is in no file; instead of `what`. */
  readonly text?: string;
};

export interface Planned {
  readonly repo: Repository;
  readonly plan: Plan;
  /** null when the tasks came from the command line. */
  readonly manifestText: string | null;
  readonly warnings: readonly string[];
}

/** Makes the plan. Throws OrchError: 2 for bad input, 3 for no usable repository, 4 when nothing is selected. */
export async function requirePlan(args: PlanningArgs): Promise<Planned> {
  const { cwd = process.cwd() } = args;
  const frozen = await requireFrozen(args);
  if (frozen !== null) return frozen;
  // Git answers while the manifest is read; what is wrong with the manifest is told first.
  const opening = openRepository(cwd);
  opening.catch(() => {});
  const { text, manifest } = await requireManifest(args);
  const repo = await opening;
  const warning = baseWarnings(repo);
  warning.catch(() => {});
  const config = await loadConfig({ cwd, topLevel: repo.topLevel, flags: flagsOf(args), env: process.env });
  const settings = withBudgetFlag(withMergeFlags(requireSettings(config, manifest), args), { flag: args.budget, variable: process.env['ORCH_BUDGET'] });
  await requireTarget(repo, settings);
  const { ref, sha } = await resolveBase(repo, settings.base === 'HEAD' ? null : settings.base);
  const name = args['run-id'] ?? runId(settings.name, utcParts(new Date()));
  const run = args['run-id'] === undefined ? await freeRunId(repo.commonDir, name) : requireRunId(name);
  const built = await requireBuilt({ repo, manifest, settings, run, base: { ref, sha, branch: (await branchTip(repo, ref)) === null ? null : ref }, args });
  return { ...built, repo, manifestText: text, warnings: [...built.warnings, ...(await warning)] };
}

export interface Building {
  readonly repo: Repository;
  readonly manifest: Manifest;
  readonly settings: Settings;
  readonly run: RunId;
  readonly base: PlanRequest['base'];
  readonly args: PlanningArgs;
  /** Tasks that the run has already. */
  readonly known?: KnownTasks;
}

/** Reads what the tasks are made of, and makes the plan. Throws OrchError: 2 for bad input, 4 when nothing is selected. */
export async function requireBuilt({ repo, manifest, settings, run, base, args, known }: Building): Promise<Pick<Planned, 'plan' | 'warnings'>> {
  const { cwd = process.cwd() } = args;
  const { createInputReader } = await import('./inputs.ts');
  const reader = createInputReader(repo, base.sha, settings.passEnv);
  const lists = listInputsOf(manifest.tasks, manifest.source, MAX_ITEMS_TEXT);
  const inputs: PlanInputs = { tree: lists.needsTree ? [...(await reader.tree()).keys()] : null, texts: await reader.read(lists.requests) };
  // Read only where it says something: what attempts cost before.
  const history = settings.budget === null ? [] : await (await import('./history.ts')).loadHistory(repo.commonDir);
  const listed = {
    manifest, settings, run, inputs, history, base, ...(known === undefined ? {} : { known }),
    select: { only: args.only ?? [], skip: args.skip ?? [] },
    repo: { root: repositoryFolder(repo), name: path.basename(defaultWorktreesRoot(repo), '.orch') },
    capabilities: (adapter: string) => adapterFor(adapter).capabilities,
  };
  const request = { ...listed, inputs: { ...inputs, texts: new Map([...inputs.texts, ...(await reader.read(contextInputsOf(listed)))]) } };
  const folder = manifest.file === null || manifest.file === '-' ? cwd : path.dirname(path.resolve(cwd, manifest.file));
  const files = await readPromptFiles(promptFilesOf(request).map((file) => file.name), folder);
  const built = buildPlan({ ...request, files });
  if (!built.ok && built.nothing) {
    throw new OrchError({ code: 'nothing-selected', message: ['no task is selected', ...built.warnings].join('\n'), hint: 'look at --only and --skip; orch plan lists the ids', exitCode: EXIT.nothingSelected });
  }
  if (!built.ok) throw badInput(built.diagnostics);
  return { plan: built.plan, warnings: [...built.warnings, ...requireCosts(built.plan, settings)] };
}

/** A plan that was made before; null = the words name something else. */
async function requireFrozen(args: PlanningArgs): Promise<Planned | null> {
  const words = args.what ?? [];
  if (!words.some((word) => /\.json$/i.test(word))) return null;
  const { loadPlanText, requirePlanFile } = await import('./plan-file.ts');
  const text = await loadPlanText(words.map((word) => inFolder(word, args)));
  return text === null ? null : await requirePlanFile(text, { ...args, runId: args['run-id'] === undefined ? null : requireRunId(args['run-id']) });
}

/** Shown with every plan: what a person might believe to be part of the base, and is not. */
async function baseWarnings(repo: Repository): Promise<string[]> {
  const { changed, untracked } = await dirtySummary(repo);
  if (changed + untracked === 0) return [];
  const what = [changed > 0 ? plural(changed, 'uncommitted change') : '', untracked > 0 ? plural(untracked, 'untracked file') : ''].filter((part) => part !== '');
  return [`your checkout has ${what.join(' and ')}: not part of the base, tasks will not see ${changed + untracked === 1 ? 'it' : 'them'}`];
}

/** What is wrong with what was written, exit 2. */
export function badInput(diagnostics: readonly Diagnostic[]): OrchError {
  return new OrchError({ code: 'bad-input', message: formatDiagnostics(diagnostics), exitCode: EXIT.usage });
}

/** What the words mean: a file, `-`, or prompts. */
export async function requireManifest({ what: words = [], text: given, cwd }: PlanningArgs, known?: KnownTasks): Promise<{ text: string | null; manifest: Manifest }> {
  const parse = (text: string, file: string): Manifest => requireParsed(parseManifest(text, { file, ...(known === undefined ? {} : { known }) }));
  if (given !== undefined) return { text: given, manifest: parse(given, 'manifest') };
  const [first = 'tasks.yml', ...more] = words;
  const kinds = await Promise.all([first, ...more].map(async (word) => await kindOf(word, inFolder(word, { cwd }))));
  if (kinds.length === 1 && (kinds[0] !== 'prompt' || words.length === 0)) {
    const isStdin = kinds[0] === 'stdin';
    const text = isStdin ? await readStdin() : await requireText(inFolder(first, { cwd }), first);
    return { text, manifest: parse(text, isStdin ? '-' : first) };
  }
  const file = [first, ...more].find((_, i) => kinds[i] !== 'prompt');
  if (file !== undefined) {
    throw new OrchError({ code: 'usage', message: `${file} is a manifest, and there is more than one argument`, hint: 'give one manifest, or only prompts', exitCode: EXIT.usage });
  }
  return { text: null, manifest: requireParsed(manifestOfPrompts(words, known)) };
}

function inFolder(word: string, { cwd }: Pick<PlanningArgs, 'cwd'> | { readonly cwd: string | undefined }): string {
  return cwd === undefined ? word : path.resolve(cwd, word);
}

/** A word that looks like a manifest is one, so that a misspelt name is an error and not a prompt. */
async function kindOf(word: string, file: string): Promise<'stdin' | 'file' | 'prompt'> {
  if (word === '/dev/stdin') return 'stdin';
  if (/^\S+\.(ya?ml|json)$/i.test(word)) return 'file';
  return await stat(file).then((found) => (found.isFile() ? 'file' : 'prompt'), () => 'prompt');
}

function requireParsed(parsed: ReturnType<typeof parseManifest>): Manifest {
  if (!parsed.ok) throw badInput(parsed.diagnostics);
  return parsed.manifest;
}

async function requireText(path: string, file: string): Promise<string> {
  try {
    if ((await stat(path)).size > MAX_BYTES) throw new OrchError({ code: 'manifest-size', message: `${file} is larger than 5 MB`, hint: 'move long prompts into files (`prompt-file`)', exitCode: EXIT.usage });
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof OrchError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') throw new OrchError({ code: 'manifest', message: `${file} cannot be read (${code ?? String(error)})`, exitCode: EXIT.usage });
    throw new OrchError({
      code: 'no-manifest', message: `there is no ${file} here`, exitCode: EXIT.usage,
      hint: file === 'tasks.yml' ? 'orch init writes a first one; orch run "a prompt" needs none' : 'orch run takes a manifest, - for stdin, or prompts',
    });
  }
}

async function readStdin(): Promise<string> {
  if (process.stdin.isTTY) throw new OrchError({ code: 'usage', message: '- reads the manifest from stdin, and stdin is a terminal', hint: 'orch run - < tasks.yml', exitCode: EXIT.usage });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new OrchError({ code: 'manifest-size', message: 'stdin is larger than 5 MB', exitCode: EXIT.usage });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function readPromptFiles(names: readonly string[], folder: string): Promise<Map<string, string>> {
  const texts = await Promise.all(names.map(async (name) => await readFile(path.resolve(folder, name), 'utf8').catch(() => null)));
  return new Map(names.flatMap((name, i) => (texts[i] == null ? [] : [[name, texts[i]] as const])));
}

export function requireSettings(config: Config, manifest: Manifest): Settings {
  const resolved = resolveSettings(config, manifest);
  if (!resolved.ok) throw badInput(resolved.diagnostics);
  return resolved.settings;
}

/** `--merge`, `--no-merge` and `--into` over what the manifest says. */
function withMergeFlags(settings: Settings, { merge: isWanted, into }: PlanningArgs): Settings {
  if (isWanted === undefined && into === undefined) return settings;
  const flag: Place = { file: into === undefined ? '--merge' : '--into', line: 0, col: 0, path: '' };
  const said = settings.merge ?? { ...mergeSettings({}), when: 'never', into: null, place: flag };
  return { ...settings, merge: { ...said, when: isWanted === undefined ? said.when : isWanted ? (said.when === 'never' ? 'each' : said.when) : 'never', into: into ?? said.into, place: flag } };
}

/** A branch to merge into that is not there is a misspelling, found before anything is paid for. */
async function requireTarget(repo: Repository, { merge }: Settings): Promise<void> {
  if (merge === null || merge.into === null || (await branchTip(repo, merge.into)) !== null) return;
  throw badInput([problem(merge.place, `there is no branch ${JSON.stringify(merge.into)} to merge into`, 'name one that is there, or make it: git branch NAME')]);
}

function requireRunId(name: string): string {
  if (/^[a-z0-9][a-z0-9._-]{0,63}$/.test(name) && !/\.\.|\.$|\.lock$/.test(name)) return name;
  throw new OrchError({ code: 'run-id', message: `--run-id ${JSON.stringify(name)}: not a run id`, hint: 'lower-case letters, digits, . _ - and at most 64 of them', exitCode: EXIT.usage });
}

/** The flags of planning as settings. */
export function flagsOf(args: PlanningArgs): Parameters<typeof loadConfig>[0]['flags'] {
  return {
    maxParallel: args['max-parallel'], timeout: args.timeout, agent: args.agent, model: args.model, base: args.base,
    failFast: args['fail-fast'], maxWait: args['max-wait'],
  };
}

function utcParts(date: Date): Parameters<typeof runId>[1] {
  return {
    year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate(),
    hour: date.getUTCHours(), minute: date.getUTCMinutes(), second: date.getUTCSeconds(),
  };
}

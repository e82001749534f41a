// Which reporters a run has, from the flags and from what the streams are; and what is printed when it has ended.
import { createWriteStream } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { outputFile } from 'fs-extra';
import { EXIT, OrchError } from '../errors.ts';
import { createPalette } from '../lib/color.ts';
import type { Plan } from '../plan/plan.ts';
import { createGithubReporter, type GithubStep } from '../reporters/github.ts';
import { createJunitReporter } from '../reporters/junit.ts';
import { createHub, type Hub } from '../reporters/hub.ts';
import { createJsonReporter } from '../reporters/json.ts';
import { createPlainReporter } from '../reporters/plain.ts';
import type { Output, Reporter } from '../reporters/reporter.ts';
import { endText, terminalNotification } from '../reporters/notification.ts';
import { statusDocument } from '../reporters/status.ts';
import { summaryLines } from '../reporters/summary.ts';
import { LONG_RUN_MS } from './announce.ts';
import type { SessionEnd } from './session.ts';
import { note, outputOf } from './terminal.ts';

export interface ReportingFlags {
  readonly reporter?: readonly string[] | undefined;
  readonly json?: boolean | undefined;
  readonly color?: boolean | undefined;
}

const KINDS = ['tty', 'plain', 'json', 'github', 'junit'] as const;
type Kind = (typeof KINDS)[number];
export interface Wanted { readonly kind: Kind; readonly file: string | null }

/** What the flags ask for, checked before anything is created: a live view on a terminal, lines elsewhere. */
export function requireReporters(flags: ReportingFlags): readonly Wanted[] {
  const wanted = (flags.reporter ?? []).map(requireReporter);
  if (flags.json === true && !wanted.some(({ kind, file }) => kind === 'json' && file === null)) wanted.push({ kind: 'json', file: null });
  if (wanted.some(({ kind, file }) => kind !== 'json' && file === null)) return wanted;
  // NDJSON alone still deserves a narration, on the other stream.
  return [...wanted, { kind: isLiveTerminal() ? 'tty' : 'plain', file: null }];
}

/** A dumb terminal cannot move its cursor, and a CI log is read later. */
function isLiveTerminal(): boolean {
  return process.stderr.isTTY && process.env['TERM'] !== 'dumb' && !process.env['CI'];
}

function requireReporter(text: string): Wanted {
  const [name = '', ...rest] = text.split('=');
  const kind = KINDS.find((known) => known === name);
  const isFileRight = kind === 'junit' ? rest.length > 0 : rest.length === 0 || kind === 'plain' || kind === 'json';
  if (kind === undefined || !isFileRight) {
    throw new OrchError({ code: 'usage', message: `--reporter ${text}: not a reporter`, hint: 'use tty, plain, json, github or junit=FILE; plain and json also take =FILE', exitCode: EXIT.usage });
  }
  return { kind, file: rest.length > 0 ? rest.join('=') : null };
}

/** Makes the reporters of a run, as one. */
export type CreateReporting = (plan: Plan, color: boolean | undefined, others?: readonly Reporter[]) => Hub;

/** Loads what these reporters take: most starts have no use for the live view. */
export async function loadReporting(wanted: readonly Wanted[]): Promise<CreateReporting> {
  const createTty = wanted.some(({ kind }) => kind === 'tty') ? (await import('../reporters/tty.ts')).createTtyReporter : createPlainReporter;
  return (plan, color, others = []) => reportingOf({ wanted, createTty, plan, color, others });
}

interface ReportingParts {
  readonly wanted: readonly Wanted[];
  readonly createTty: (plan: Plan, output: Output) => Reporter;
  readonly plan: Plan;
  readonly color: boolean | undefined;
  readonly others: readonly Reporter[];
}

function reportingOf({ wanted, createTty, plan, color, others }: ReportingParts): Hub {
  const reporters = wanted.map(({ kind, file }): Reporter => {
    if (kind === 'junit') return createJunitReporter(plan, async (xml) => { await outputFile(file ?? 'junit.xml', xml); });
    if (file !== null) {
      const { output, close } = fileOutput(file);
      const reporter = kind === 'json' ? createJsonReporter(output) : createPlainReporter(plan, output);
      // A file is not a stream of ours that two could fight over.
      return { onEvent: (e, s) => reporter.onEvent(e, s), ...(reporter.onOutput === undefined ? {} : { onOutput: (o) => reporter.onOutput?.(o) }), ...(reporter.onTick === undefined ? {} : { onTick: (now) => reporter.onTick?.(now) }), close: async () => { await reporter.close(); await close(); } };
    }
    if (kind === 'json') return createJsonReporter(outputOf(process.stdout, color));
    if (kind === 'github') return createGithubReporter(plan, outputOf(process.stderr, color), githubStep());
    return (kind === 'tty' ? createTty : createPlainReporter)(plan, outputOf(process.stderr, color));
  });
  return createHub([...reporters, ...others], {
    onReporterFailure: (_, error) => note(`a reporter failed and was dropped; the run goes on: ${error instanceof Error ? error.message : String(error)}`),
  });
}

/** Where a GitHub step keeps its summary, if this is one. */
function githubStep(): GithubStep {
  const summary = process.env['GITHUB_STEP_SUMMARY'];
  return {
    workspace: process.env['GITHUB_WORKSPACE'] ?? null,
    appendSummary: summary === undefined || summary === '' ? null : async (markdown) => { await appendFile(summary, markdown); },
  };
}

function fileOutput(file: string): { output: Output; close: () => Promise<void> } {
  const stream = createWriteStream(file);
  let failure: Error | null = null;
  stream.on('error', (error) => { failure = error; });
  return {
    output: {
      isTTY: false, columns: Number.MAX_SAFE_INTEGER, rows: 24, color: false,
      write: (text) => {
        if (failure !== null) throw failure;
        stream.write(text);
      },
    },
    close: async () => { await new Promise<void>((resolve) => { stream.end(resolve); }); },
  };
}

/** The last words of a run, on stderr; a terminal is also asked to notify its user when it took long. */
export function printSummary(end: SessionEnd, color: boolean | undefined): void {
  const { color: isColored } = outputOf(process.stderr, color);
  for (const line of summaryLines(end.plan, end.state, { palette: createPalette(isColored), now: Date.now(), since: end.since })) note(line);
  if (end.journalError !== null) {
    note(`the run's records could not be written, so it was stopped: ${end.journalError.message}`);
    note(`hint: make room or mend the disk, then type: orch resume ${end.plan.run}`);
  }
  const now = Date.now();
  if (isLiveTerminal() && now - end.since >= LONG_RUN_MS && end.plan.notify?.desktop !== false) {
    const { counts } = statusDocument(end.plan, end.state, { run: end.plan.run, now, live: false });
    process.stderr.write(terminalNotification(endText(end.plan.run, end.exitCode, counts), process.env));
  }
}

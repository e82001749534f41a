// `orch plan --from "goal"`: asks an agent to divide a goal into tasks, in a copy of the repository that is thrown away.
// What it answers is checked as a manifest and written to a file; nothing of it is run.
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathExists } from 'fs-extra';
import { adapterFor } from '../agents/adapters.ts';
import type { Adapter, AgentWork } from '../agents/adapter.ts';
import { loadConfig } from '../config/load.ts';
import { resolveSettings } from '../config/resolve.ts';
import { createClock } from '../effects/clock.ts';
import type { Processes, StopRequest } from '../effects/effects.ts';
import { agentEnvironment } from '../effects/env.ts';
import { repositoryFolder, openRepository, resolveBase } from '../effects/git/repository.ts';
import { createThrowaway, type Throwaway } from '../effects/git/throwaway.ts';
import { createProcesses } from '../effects/processes.ts';
import { EXIT, OrchError } from '../errors.ts';
import { safeText } from '../lib/terminal.ts';
import { plural } from '../lib/text.ts';
import { formatDiagnostics } from '../manifest/diagnostic.ts';
import type { Diagnostic } from '../manifest/diagnostic.ts';
import { parseManifest } from '../manifest/parse.ts';
import { requiredAgent } from '../plan/agents.ts';
import { pick } from '../plan/layers.ts';
import { modelsOf } from '../plan/models.ts';
import type { AgentSpec } from '../plan/plan.ts';
import type { Settings } from '../plan/settings.ts';
import { dividePrompt, manifestIn, mendPrompt } from './divide-prompt.ts';
import { requireVersion } from './agent-versions.ts';
import { interruptible } from './interruptible.ts';
import type { PlanArgs } from './main.ts';
import { flagsOf } from './planning.ts';
import { requireAgent } from './preflight.ts';
import { note } from './terminal.ts';

/** How often an answer may be mended. */
const MOST_MENDED = 2;
const MOST_SHOWN = 100;

/** Writes a manifest for a goal; returns the exit code. Throws OrchError when there is no agent, or no answer that can be used. */
export async function divideCommand(args: Omit<PlanArgs, '_' | '$0'> & { readonly from: string }): Promise<number> {
  const file = args.output ?? 'tasks.yml';
  if (args.from.trim() === '') throw new OrchError({ code: 'usage', message: '--from is empty', hint: 'say what is to be done: orch plan --from "…"', exitCode: EXIT.usage });
  if ((args.what ?? []).length > 0) throw new OrchError({ code: 'usage', message: '--from makes a manifest, and one is given', hint: 'quote the goal: --from "one text"', exitCode: EXIT.usage });
  if (await pathExists(file)) throw new OrchError({ code: 'exists', message: `${file} is already there`, hint: 'name another file: -o …', exitCode: EXIT.usage });
  const cwd = process.cwd();
  const repo = await openRepository(cwd);
  const settings = requireSettings(await loadConfig({ cwd, topLevel: repo.topLevel, flags: flagsOf(args), env: process.env }));
  const base = await resolveBase(repo, settings.base === 'HEAD' ? null : settings.base);
  const asked = requireAsked(settings);
  await requireVersion(asked.spec, await requireAgent(asked.spec, repositoryFolder(repo)));
  const text = await interruptible(async (signal) => {
    const copy = await createThrowaway(repo, base.sha);
    try {
      return await ask(args.from, { ...asked, copy, root: repositoryFolder(repo), processes: createProcesses({ clock: createClock() }), signal });
    } finally {
      await copy.remove();
    }
  });
  if (text === null) return EXIT.interrupted;
  await writeFile(file, text.endsWith('\n') ? text : `${text}\n`, { flag: 'wx' });
  note(`wrote ${file}, which ${asked.spec.name} made up: read it, then orch plan ${file}, then orch run ${file}`);
  return EXIT.ok;
}

interface Asked {
  readonly spec: AgentSpec;
  readonly adapter: Adapter;
  readonly work: AgentWork;
  readonly timeoutMs: number;
  readonly settings: Settings;
}

function requireSettings(config: Parameters<typeof resolveSettings>[0]): Settings {
  const resolved = resolveSettings(config, null);
  if (!resolved.ok) throw badInput(resolved.diagnostics);
  return resolved.settings;
}

function badInput(diagnostics: readonly Diagnostic[]): OrchError {
  return new OrchError({ code: 'bad-input', message: formatDiagnostics(diagnostics), exitCode: EXIT.usage });
}

function requireAsked(settings: Settings): Asked {
  const layers = [...settings.over, ...settings.under];
  const diagnostics: Diagnostic[] = [];
  const name = pick(layers, 'agent');
  const spec = name === undefined ? null : requiredAgent(name, settings.agents, diagnostics);
  if (spec === null || name === undefined) throw badInput(diagnostics);
  const adapter = adapterFor(spec.adapter);
  const { capabilities } = adapter;
  const work: AgentWork = {
    kind: 'agent', agent: spec.name, prompt: '', args: [], maxTurns: null, allowedTools: [],
    model: capabilities.model ? (modelsOf(layers, spec.name, diagnostics).model?.value ?? null) : null,
    // Reads, and is refused everything else.
    permissionMode: capabilities.readOnlyMode,
  };
  if (diagnostics.length > 0) throw badInput(diagnostics);
  return { spec, adapter, work, timeoutMs: pick(layers, 'timeout')?.value ?? 0, settings };
}

interface Asking extends Asked {
  readonly copy: Throwaway;
  readonly root: string;
  readonly processes: Processes;
  readonly signal: AbortSignal;
}

/** The text of a manifest that can be read; null = interrupted. */
async function ask(goal: string, asking: Asking): Promise<string | null> {
  const { spec, adapter, signal } = asking;
  note(`asking ${spec.name} to divide the goal; it reads a copy of the repository that is thrown away`);
  let prompt = dividePrompt(goal);
  let session: string | null = null;
  let problems = '';
  for (let mended = 0; mended <= MOST_MENDED; mended += 1) {
    const answer = await askOnce(prompt, { ...asking, session });
    if (signal.aborted) return null;
    const text = manifestIn(answer.text);
    const parsed = text === null ? null : parseManifest(text, { file: 'answer' });
    if (text !== null && parsed?.ok === true) {
      note(`it made ${plural(parsed.manifest.tasks.length, 'task')}`);
      return text;
    }
    problems = parsed?.ok === false ? formatDiagnostics(parsed.diagnostics, 20) : 'there is no ```yaml block with `tasks:` in it';
    note(`its answer cannot be used:\n${problems.split('\n').map(safeText).join('\n')}`);
    session = adapter.capabilities.resume ? answer.sessionId : null;
    prompt = mendPrompt({ problems, goal, answer: session === null ? answer.text : null });
  }
  throw new OrchError({ code: 'no-manifest', message: `${spec.name} did not write a manifest that can be read, in ${MOST_MENDED + 1} tries`, hint: 'say the goal in other words, or begin with: orch init', exitCode: EXIT.incomplete });
}

async function askOnce(prompt: string, asking: Asking & { readonly session: string | null }): Promise<{ text: string; sessionId: string | null }> {
  const { spec, adapter, work, copy, processes, settings, signal, root } = asking;
  const promptFile = path.join(copy.home, 'prompt.md');
  await writeFile(promptFile, prompt);
  const [program = '', ...leading] = spec.command;
  // The copy has the committed program at most; what was configured is relative to the repository.
  const local: AgentSpec = program.includes('/') ? { ...spec, command: [path.resolve(root, program), ...leading] } : spec;
  const launch = adapter.launch({ spec: local, work, prompt, promptFile, reportFile: path.join(copy.home, 'usage.json'), newSessionId: randomUUID(), resume: asking.session });
  const reader = adapter.read(spec);
  const givingUp = new AbortController();
  let shown = 0;
  const end = await processes.run(
    {
      command: launch.command, args: launch.args, cwd: copy.path, stdin: launch.stdin, timeoutMs: asking.timeoutMs, idleTimeoutMs: null, graceMs: settings.graceMs, logFile: null,
      env: agentEnvironment({ parent: process.env, pass: [...settings.passEnv, ...adapter.passEnv], set: { ...spec.env, ...launch.env, ORCH_PROMPT_FILE: promptFile } }),
      onLine: (line, stream) => {
        const text = reader.line(line, stream);
        if (reader.isGivenUp?.() === true) givingUp.abort({ reason: 'provider-limit', forced: false } satisfies StopRequest);
        if (text === null || (adapter.name === 'command' && spec.output === 'text')) return;
        shown += 1;
        if (shown <= MOST_SHOWN) note(`  ${safeText(text.split('\n')[0] ?? '').slice(0, 120)}`);
      },
    },
    AbortSignal.any([signal, givingUp.signal]),
  );
  const verdict = reader.verdict({ exit: end.exit, stderrTail: end.stderrTail, stdoutTail: end.stdoutTail, now: Date.now() });
  if (!verdict.ok && !signal.aborted) {
    throw new OrchError({ code: 'agent-failed', message: `${spec.name} did not answer (${verdict.reason}): ${safeText(verdict.message)}`, exitCode: verdict.retry === 'provider' ? EXIT.limit : EXIT.incomplete });
  }
  return { text: verdict.report.result ?? '', sessionId: verdict.report.sessionId };
}

// The agent of `orch demo`: reads a prompt on standard input, does what demo-script.ts understands of it in the current
// directory (real files, real commits, no network, no account) and reports like claude. A program of its own; nobody imports it.
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process, { cwd, env, stdin, stdout } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { unreachable } from '../errors.ts';
import { parseScript, type Step } from './demo-script.ts';

/** Something that the prompt asked for and that cannot be done. */
class StepError extends Error {}

const here = cwd();
const sessionId = randomUUID();
const began = performance.now();
const denials: { tool_name: string; tool_use_id: string; tool_input: object }[] = [];

function emit(event: object): void {
  stdout.write(`${JSON.stringify({ ...event, session_id: sessionId, uuid: randomUUID() })}\n`);
}

function say(block: object): void {
  emit({ type: 'assistant', message: { role: 'assistant', model: 'demo', content: [block] } });
}

function isInside(file: string): boolean {
  const relative = path.relative(here, path.resolve(here, file));
  return relative !== '' && relative.split(path.sep)[0] !== '..' && relative.split(path.sep)[0] !== '.git';
}

/** Announces a tool call; false = the files are outside of the working directory, and the call is refused. */
function mayUse(tool: string, input: Readonly<Record<string, string>>, files: readonly string[]): boolean {
  const id = `toolu_${randomUUID()}`;
  say({ type: 'tool_use', id, name: tool, input });
  if (files.every(isInside)) return true;
  denials.push({ tool_name: tool, tool_use_id: id, tool_input: input });
  emit({ type: 'system', subtype: 'permission_denied', tool_name: tool, tool_use_id: id, message: `${files.join(' and ')}: outside of the working directory` });
  return false;
}

function write(file: string, text: string, how: 'create' | 'append'): void {
  const target = path.resolve(here, file);
  mkdirSync(path.dirname(target), { recursive: true });
  if (how === 'create') writeFileSync(target, text.endsWith('\n') ? text : `${text}\n`);
  else appendFileSync(target, text.endsWith('\n') ? text : `${text}\n`);
}

function replace(file: string, old: string, next: string): void {
  const text = readFileSync(file, 'utf8');
  if (!text.includes(old)) throw new StepError(`${file} does not contain "${old}"`);
  writeFileSync(file, text.replaceAll(old, next));
}

function commit(message: string): void {
  execFileSync('git', ['add', '-A'], { stdio: ['ignore', 'ignore', 'pipe'] });
  execFileSync('git', ['-c', 'user.name=Demo Agent', '-c', 'user.email=demo@example.invalid', 'commit', '-q', '--allow-empty', '-m', message], { stdio: ['ignore', 'ignore', 'pipe'] });
}

async function perform(step: Step): Promise<void> {
  switch (step.kind) {
    case 'create':
    case 'append':
      if (mayUse(step.kind === 'create' ? 'Write' : 'Edit', { file_path: path.resolve(here, step.file) }, [step.file])) write(step.file, step.text, step.kind);
      return;
    case 'replace':
      if (mayUse('Edit', { file_path: path.resolve(here, step.file), old_string: step.old, new_string: step.new }, [step.file])) replace(step.file, step.old, step.new);
      return;
    case 'rename':
      if (!mayUse('Bash', { command: `mv ${step.file} ${step.to}` }, [step.file, step.to])) return;
      mkdirSync(path.dirname(path.resolve(here, step.to)), { recursive: true });
      renameSync(step.file, step.to);
      return;
    case 'delete':
      if (mayUse('Bash', { command: `rm ${step.file}` }, [step.file])) rmSync(step.file);
      return;
    case 'sleep':
      say({ type: 'text', text: `Thinking for ${step.ms / 1000} s` });
      await sleep(step.ms);
      return;
    case 'say':
      say({ type: 'text', text: step.text });
      return;
    case 'commit':
      if (mayUse('Bash', { command: `git commit -m ${JSON.stringify(step.text)}` }, [])) commit(step.text);
      return;
    case 'fail':
      if (step.attempt === null || String(step.attempt) === env['ORCH_ATTEMPT']) throw new StepError(step.text);
      return;
    default:
      unreachable(step);
  }
}

function finish(steps: number, failure: string | null): void {
  const usage = { inputTokens: 0, outputTokens: 0, cacheReadInputTokens: 0, cacheCreationInputTokens: 0, costUSD: 0 };
  emit({
    type: 'result', duration_ms: Math.round(performance.now() - began), num_turns: steps, total_cost_usd: 0, modelUsage: { demo: usage }, model_usage_since_last_result: { demo: usage },
    permission_denials: denials, terminal_reason: 'completed',
    ...(failure === null
      ? { subtype: 'success', is_error: false, result: `Done: ${steps} ${steps === 1 ? 'step' : 'steps'}.` }
      : { subtype: 'error_during_execution', is_error: true, errors: [failure] }),
  });
}

let prompt = '';
for await (const chunk of stdin) prompt += String(chunk);
emit({ type: 'system', subtype: 'init', cwd: here, model: 'demo', permissionMode: 'acceptEdits', tools: ['Write', 'Edit', 'Bash'] });
const steps = parseScript(prompt);
let failure: string | null = null;
try {
  for (const step of steps) await perform(step);
} catch (error) {
  failure = error instanceof Error ? error.message : String(error);
}
finish(steps.length, failure);
// No exit() here: what was written to a pipe would be cut off.
if (failure !== null) process.exitCode = 1;

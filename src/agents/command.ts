// The adapter of any other program: the prompt by standard input, as last argument or as a file; success is exit code 0,
// or what a claude-compatible stream says.
import { EXIT, OrchError, unreachable } from '../errors.ts';
import type { Adapter, Launch, LaunchRequest } from './adapter.ts';
import { readEvents } from './facts.ts';
import { StreamJson } from './stream-json.ts';
import { textVerdict } from './verdict.ts';

// One argument may have 128 KiB on Linux, and less is left of it than one would think.
const LONGEST_ARGUMENT_BYTES = 100 * 1024;

export const command: Adapter = {
  name: 'command',
  provider: 'command',
  capabilities: { model: false, maxTurns: false, allowedTools: false, effort: false, budget: false, resume: false, cost: false, permissionMode: [], readOnlyMode: null },
  versions: null,
  passEnv: [],
  launch,
  read: (spec) => (spec.output === 'claude-stream-json' ? readEvents(new StreamJson()) : { line: (text) => (text.trim() === '' ? null : text), verdict: textVerdict }),
  resumeCommand: () => null,
};

/** Throws an OrchError for a prompt that does not fit into an argument. */
function launch({ spec, work, prompt, promptFile }: LaunchRequest): Launch {
  const [program, ...leading] = spec.command;
  if (program === undefined) throw new OrchError({ code: 'agent-command', message: `agent ${spec.name} has no command`, exitCode: EXIT.usage });
  const args = [...leading, ...spec.args, ...work.args];
  const env = { ...spec.env };
  switch (spec.prompt) {
    case 'stdin':
      return { command: program, args, env, stdin: prompt };
    case 'file':
      return { command: program, args: [...args, promptFile], env, stdin: null };
    case 'arg':
      if (Buffer.byteLength(prompt) > LONGEST_ARGUMENT_BYTES) {
        throw new OrchError({
          code: 'prompt-too-long',
          message: `the prompt for agent ${spec.name} has ${Buffer.byteLength(prompt)} bytes, too many for an argument`,
          hint: 'give it on standard input (prompt: stdin) or as a file (prompt: file)',
          exitCode: EXIT.usage,
        });
      }
      return { command: program, args: [...args, prompt], env, stdin: null };
    default:
      return unreachable(spec.prompt);
  }
}

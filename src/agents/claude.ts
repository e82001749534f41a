// The adapter of Claude Code (`claude -p`): command line, environment, stream. What its flags and events do was measured
// on 2.1.197 and 2.1.328.
import type { Adapter, LaunchRequest, Launch } from './adapter.ts';
import { readEvents } from './facts.ts';
import { StreamJson } from './stream-json.ts';

// Without a person who could be asked, the client's default mode refuses every edit and then exits 0. This one allows
// edits inside the working directory and nothing outside of it.
const HEADLESS_PERMISSION_MODE = 'acceptEdits';

const ENVIRONMENT: Readonly<Record<string, string>> = {
  // Waiting for a provider is the rate gate's business: it sees all tasks, and a client that waits holds a slot.
  CLAUDE_CODE_MAX_RETRIES: '2',
  DISABLE_AUTOUPDATER: '1',
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  // Its memory belongs to the main repository and is shared by all worktrees: tasks would talk to each other through it.
  CLAUDE_CODE_DISABLE_AUTO_MEMORY: '1',
  // A background command keeps the client alive until it ends: an agent that leaves a server running would time out
  // although its work is done. Measured: it waits, and its setting for the longest wait does not change that.
  CLAUDE_CODE_DISABLE_BACKGROUND_TASKS: '1',
  // A client that fails to start says so in its stream, too.
  CLAUDE_CODE_STARTUP_FAILURE_RESULTS: '1',
};

export const claude: Adapter = {
  name: 'claude',
  provider: 'anthropic',
  capabilities: {
    model: true, maxTurns: true, allowedTools: true, effort: true, budget: true, resume: true, cost: true,
    permissionMode: ['default', 'manual', 'acceptEdits', 'auto', 'dontAsk', 'plan', 'bypassPermissions'], readOnlyMode: 'plan',
  },
  versions: { least: '2.1.197', measured: '2.1.328' },
  passEnv: [
    'ANTHROPIC_*', 'CLAUDE_CODE_OAUTH_TOKEN', 'CLAUDE_CONFIG_DIR', 'CLAUDE_CODE_USE_BEDROCK', 'CLAUDE_CODE_USE_VERTEX', 'CLAUDE_CODE_USE_FOUNDRY',
    'CLAUDE_CODE_SKIP_BEDROCK_AUTH', 'CLAUDE_CODE_SKIP_VERTEX_AUTH', 'AWS_*', 'GOOGLE_APPLICATION_CREDENTIALS', 'GOOGLE_CLOUD_PROJECT', 'CLOUD_ML_REGION', 'VERTEX_REGION_*',
    'CLOUDSDK_CONFIG', 'AZURE_*', 'IS_SANDBOX',
  ],
  launch,
  read: () => readEvents(new StreamJson()),
  resumeCommand: (spec, sessionId) => [...spec.command, '--resume', sessionId],
};

function launch({ spec, work, prompt, newSessionId, resume, budgetUsd }: LaunchRequest): Launch {
  const [command = 'claude', ...leading] = spec.command;
  const args = [
    ...leading,
    // Its stream exists only together with --verbose.
    '-p', '--output-format', 'stream-json', '--verbose',
    ...(work.model === null ? [] : ['--model', work.model]),
    '--permission-mode', work.permissionMode ?? HEADLESS_PERMISSION_MODE,
    ...(work.effort === undefined ? [] : ['--effort', work.effort]),
    ...(work.maxTurns === null ? [] : ['--max-turns', String(work.maxTurns)]),
    ...(budgetUsd == null ? [] : ['--max-budget-usd', String(budgetUsd)]),
    // The list ends at the next flag, so it must not be the last one.
    ...(work.allowedTools.length === 0 ? [] : ['--allowedTools', ...work.allowedTools]),
    ...(resume === null ? ['--session-id', newSessionId] : ['--resume', resume]),
    ...spec.args,
    ...work.args,
  ];
  return { command, args, env: { ...ENVIRONMENT, ...spec.env }, stdin: prompt };
}

// Plans for tests: complete values with overridable parts.
import type { Plan, PlannedTask } from '../../src/plan/plan.ts';

export function task(id: string, over: Partial<PlannedTask> = {}): PlannedTask {
  return {
    id, name: id, work: { kind: 'run', command: 'true' }, needs: [], env: {}, setup: [], verify: [], expect: 'any', paths: null,
    timeoutMs: 60_000, idleTimeoutMs: null, retries: 0, retryOn: ['timeout', 'verify', 'agent'], continueOnError: false,
    concurrency: null, branch: `orch/test/${id}`, ...over,
  };
}

export function agentTask(id: string, over: Partial<PlannedTask> & { prompt?: string; agent?: string } = {}): PlannedTask {
  const { prompt = 'do it', agent = 'claude', ...rest } = over;
  return task(id, {
    work: { kind: 'agent', agent, prompt, model: null, args: [], maxTurns: null, permissionMode: null, allowedTools: [] },
    expect: 'changes',
    ...rest,
  });
}

export function plan(tasks: readonly PlannedTask[], over: Partial<Plan> = {}): Plan {
  return {
    format: 1, run: 'test', name: 'test', manifest: null, base: { ref: 'HEAD', sha: '0'.repeat(40) }, target: null, maxParallel: 4,
    maxFail: null, maxWaitMs: 1_800_000, graceMs: 1000,
    agents: { claude: { name: 'claude', adapter: 'claude', command: ['claude'], prompt: 'stdin', output: 'text', args: [], env: {} } },
    worktrees: { root: '/nowhere', copy: [], link: [], keep: 'failed' }, passEnv: [], tasks, ...over,
  };
}

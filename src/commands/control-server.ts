// What a live run answers on its socket: requests are checked as strictly as a plan's file, and given to the driver.
import { listenAt } from '../effects/control-socket.ts';
import { EXIT, OrchError } from '../errors.ts';
import type { JsonObject } from '../lib/json.ts';
import { version } from '../lib/version.ts';
import { formatDiagnostics } from '../manifest/diagnostic.ts';
import type { Plan } from '../plan/plan.ts';
import type { ControlRequest } from '../run/control.ts';
import type { Driver } from '../run/driver.ts';
import { grownPlan } from '../run/grown.ts';

/** What this orch speaks; a request of another version is refused. */
export const CONTROL_VERSION = 1;

export interface ControlServerOptions {
  readonly plan: Plan;
  readonly driver: Driver;
  /** The run's folder. */
  readonly dir: string;
  readonly notice: (line: string) => void;
}

/** Answers until it is disposed of. A run that cannot have a socket goes on without, and says so. */
export async function serveControl({ plan, driver, dir, notice }: ControlServerOptions): Promise<AsyncDisposable> {
  const answer = async (line: JsonObject): Promise<JsonObject> => {
    try {
      const { tasks, notes } = await driver.request(await requireRequest(line, grownPlan(plan, driver.state)));
      return { v: CONTROL_VERSION, ok: true, run: plan.run, pid: process.pid, version, tasks, notes };
    } catch (error) {
      return { v: CONTROL_VERSION, ok: false, ...refusalOf(error) };
    }
  };
  try {
    return await listenAt(dir, answer);
  } catch (error) {
    notice(`note: orch cancel, retry and add cannot reach this run: ${error instanceof Error ? error.message : String(error)}`);
    return { [Symbol.asyncDispose]: async () => {} };
  }
}

function refusalOf(error: unknown): JsonObject {
  if (!(error instanceof OrchError)) return { code: 'not-recorded', message: error instanceof Error ? error.message : String(error), exitCode: EXIT.stateNotWritable };
  const { code, message, hint, exitCode } = error;
  return { code, message, ...(hint === undefined ? {} : { hint }), exitCode };
}

async function requireRequest(line: JsonObject, plan: Plan): Promise<ControlRequest> {
  const { v, type, tasks } = line;
  if (v !== CONTROL_VERSION) throw refused('version', `speaks version ${String(v)}, and this run version ${CONTROL_VERSION}`);
  switch (type) {
    case 'ping':
      return { type };
    case 'stop':
      return { type, force: line['force'] === true };
    case 'cancel':
      return { type, tasks: tasks === 'all' ? tasks : requireIds(tasks) };
    case 'retry':
      return { type, tasks: requireIds(tasks) };
    case 'add':
      return await requireTasks(line, plan);
    default:
      throw refused('bad-request', `there is no request ${JSON.stringify(type)}`);
  }
}

function requireIds(tasks: unknown): string[] {
  if (Array.isArray(tasks) && tasks.length > 0 && tasks.every((id): id is string => typeof id === 'string')) return tasks;
  throw refused('bad-request', 'tasks must be a list of ids');
}

/** Believed only as far as the run would still be a plan with them. */
async function requireTasks({ tasks, agents = {} }: JsonObject, plan: Plan): Promise<ControlRequest> {
  if (!Array.isArray(tasks) || tasks.length === 0) throw refused('bad-request', 'tasks must be a list of tasks');
  const isKnown = new Set(plan.tasks.map(({ id }) => id));
  const together = JSON.stringify({ ...plan, tasks: [...plan.tasks, ...tasks], agents: { ...(agents as object), ...plan.agents } });
  const { parsePlan } = await import('../config/plan-file.ts');
  const parsed = parsePlan(together, 'added tasks');
  if (!parsed.ok) throw refused('bad-tasks', formatDiagnostics(parsed.diagnostics));
  const { tasks: all, agents: allAgents } = parsed.plan;
  const added = all.slice(plan.tasks.length);
  const known = added.find(({ id }) => isKnown.has(id));
  if (known !== undefined) throw refused('bad-tasks', `${plan.run} has a task ${known.id} already`);
  return { type: 'add', tasks: added, agents: allAgents };
}

function refused(code: string, message: string): OrchError {
  return new OrchError({ code, message, exitCode: EXIT.usage });
}

// The programmatic API: what the command line itself calls. Importing it starts nothing.
export { plan, run, status, type PlanOptions, type Run, type RunOptions, type Work } from './commands/program.ts';
export { startRun, resumeRun, type Listener, type SessionEnd, type SessionOptions } from './commands/session.ts';
export { loadStatus, stateOf } from './commands/records.ts';
export { openRepository } from './effects/git/repository.ts';
export { OrchError, EXIT } from './errors.ts';
export { parseManifest } from './manifest/parse.ts';
export { buildPlan } from './plan/build.ts';
export type { Plan, PlannedTask } from './plan/plan.ts';
export type { AgentOutput, RunEvent } from './run/events.ts';
export type { RunState, TaskState } from './run/state.ts';
export type { StatusDocument, TaskDocument } from './reporters/status.ts';

// Programs that run before there is a run (commands of a manifest, an agent that plans): Ctrl-C stops them before orch
// leaves, because they are in sessions of their own.
import type { StopRequest } from '../effects/effects.ts';
import { EXIT, OrchError } from '../errors.ts';

const EXITS = { SIGINT: EXIT.interrupted, SIGTERM: EXIT.terminated, SIGHUP: EXIT.interrupted } as const;

/** Does the work under a signal that Ctrl-C and its kin abort. Throws OrchError (130, 143) once the work has ended because of them. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let exitCode: (typeof EXITS)[keyof typeof EXITS] | null = null;
  const listeners = (Object.keys(EXITS) as (keyof typeof EXITS)[]).map((name) => {
    const listener = (): void => {
      // Again means now; what was started ends with its session's grace either way.
      const forced = exitCode !== null;
      exitCode = EXITS[name];
      controller.abort({ reason: name === 'SIGTERM' ? 'terminated' : 'interrupted', forced } satisfies StopRequest);
    };
    process.on(name, listener);
    return { name, listener };
  });
  try {
    const result = await work(controller.signal);
    if (exitCode !== null) throw new OrchError({ code: 'interrupted', message: 'interrupted; nothing was created', exitCode });
    return result;
  } finally {
    for (const { name, listener } of listeners) process.off(name, listener);
  }
}

// How hard properties of real processes are tried: SOAK_FACTOR=20 tries them twenty times as often as the suite does.
const factor = Number(process.env['SOAK_FACTOR'] ?? 1);

/** For `numRuns`. */
export const tries = (count: number): number => count * factor;

/** For the timeout of the test. */
export const patience = (ms: number): number => ms * factor;

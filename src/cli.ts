#!/usr/bin/env node
// The bin: the one try/catch and the one exit code. `--version` is answered before anything is loaded.
import { watchStreams } from './commands/streams.ts';
import { EXIT, OrchError } from './errors.ts';
import { armCrashPoint } from './lib/crash-point.ts';
import { version } from './lib/version.ts';

watchStreams();

const argv = process.argv.slice(2);
try {
  const crashAt = process.env['ORCH_CRASH_AT'];
  const problem = crashAt === undefined ? null : armCrashPoint(crashAt, () => process.kill(process.pid, 'SIGKILL'));
  if (problem !== null) throw new OrchError({ code: 'usage', message: `ORCH_CRASH_AT: ${problem}`, exitCode: EXIT.usage });
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-v')) process.stdout.write(`${version}\n`);
  else {
    const { main } = await import('./commands/main.ts');
    process.exitCode = await main(argv);
  }
} catch (error) {
  process.exitCode = report(error);
}

/** What the machine has run out of is no bug. */
const EXHAUSTED = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EMFILE', 'ENFILE', 'ENOMEM']);

function report(error: unknown): number {
  if (error instanceof OrchError) {
    process.stderr.write(`${error.message}\n${error.hint === undefined ? '' : `hint: ${error.hint}\n`}`);
    return error.exitCode;
  }
  if (error instanceof Error && 'code' in error && EXHAUSTED.has(String(error.code))) {
    process.stderr.write(`${error.message}\nhint: make room or mend the disk; orch resume goes on with a run\n`);
    return EXIT.stateNotWritable;
  }
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\nthis is a bug in orch ${version}; please report it with the lines above\n`);
  return EXIT.bug;
}

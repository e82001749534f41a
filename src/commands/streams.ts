// What it means that nobody reads what we write. A command has answered when its reader has seen enough; a run goes on
// without readers, for its agents would be left alone.
import { EXIT } from '../errors.ts';

let isRunning = false;

/** Once, before anything is written. */
export function watchStreams(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (isRunning) return;
      if (error.code === 'EPIPE') process.exit(EXIT.ok);
      throw error;
    });
  }
}

/** From now on a broken stream ends nothing. */
export function outliveReaders(): void {
  isRunning = true;
}

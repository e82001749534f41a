// Once per suite: the bundle that end-to-end tests start must be the present source.
import { execFileSync } from 'node:child_process';

export function setup(): void {
  execFileSync(process.execPath, ['.ci/ensure.mjs'], { stdio: ['ignore', 2, 2] });
}

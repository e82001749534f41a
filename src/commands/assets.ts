// Files that come with the package, wherever the bundler has put this code.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's root: the nearest folder above that has templates. */
export function packageRoot(): string {
  let dir = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(dir, 'templates')) || !existsSync(path.join(dir, 'package.json'))) {
    const parent = path.dirname(dir);
    if (parent === dir) throw new Error('the package has lost its templates');
    dir = parent;
  }
  return dir;
}

/** Absolute path of a file of the package. */
export function asset(...parts: readonly string[]): string {
  return path.join(packageRoot(), ...parts);
}

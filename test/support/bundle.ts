// Makes a program out of a TypeScript source, for tests that start one.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Bundles `source` (relative to the repository) into `outfile`, the way the release is built. */
export async function bundle(source: string, outfile: string): Promise<string> {
  await build({
    absWorkingDir: ROOT, entryPoints: [path.join(ROOT, source)], outfile, bundle: true, format: 'esm', platform: 'node', target: 'node20.19', logLevel: 'error',
    banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
  });
  return outfile;
}

// Builds dist/: one bundle with a lazy chunk per command (start-up is 3 times faster than from node_modules), the types
// of the programmatic API, and the JSON Schema of the manifest. Called by npm run build, npm start and npm test.
import { build } from 'esbuild';
import { chmod, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const dist = path.join(root, 'dist');
const { version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'));

export async function buildAll() {
  await rm(dist, { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: { cli: 'src/cli.ts', index: 'src/index.ts', 'demo-agent': 'src/agents/demo-agent.ts' },
    outdir: 'dist',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    // cosmiconfig can load TypeScript configuration; orch never asks it to, and the compiler is 10 MB.
    external: ['typescript'],
    chunkNames: 'chunks/[name]-[hash]',
    banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
    legalComments: 'linked',
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: true,
    define: { __ORCH_VERSION__: JSON.stringify(version) },
    logLevel: 'warning',
  });
  await chmod(path.join(dist, 'cli.js'), 0o755);
}

if (process.argv[1] && pathToFileURL(process.argv[1]).href === import.meta.url) await buildAll();

// Builds dist/: one bundle with a lazy chunk per command (start-up is 3 times faster than from node_modules), the types
// of the programmatic API, the JSON Schema of the manifest and, within the bundle, the page of reports. Called by npm run
// build, npm start and npm test.
import { build } from 'esbuild';
import { chmod, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const dist = path.join(root, 'dist');
const { version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'));

/** The page of `orch report`: one classic script and one style sheet, which the report writes inline. */
export async function buildViewer() {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: { script: 'src/reporters/html/viewer/main.ts', style: 'src/reporters/html/viewer/viewer.css' },
    outdir: 'dist',
    write: false,
    bundle: true,
    format: 'iife',
    platform: 'browser',
    target: ['es2020', 'safari16', 'chrome100', 'firefox100'],
    minify: true,
    logLevel: 'warning',
  });
  const textOf = (name) => outputFiles.find((file) => path.basename(file.path) === name).text.trimEnd();
  return { script: textOf('script.js'), style: textOf('style.css') };
}

// Three of our dependencies ask for the width of text when somebody reads help, and making its patterns and its segmenter
// takes a third of a start: it is made when it is first asked.
const widthsWhenAsked = {
  name: 'string-width when it is asked',
  setup({ onResolve, onLoad }) {
    const real = fileURLToPath(import.meta.resolve('string-width'));
    onResolve({ filter: /^string-width$/ }, () => ({ path: 'string-width', namespace: 'when-asked' }));
    onLoad({ filter: /^string-width$/, namespace: 'when-asked' }, () => ({
      contents: `let width;\nmodule.exports = (text, options) => (width ??= require(${JSON.stringify(real)}).default)(text, options);`,
      loader: 'js', resolveDir: root,
    }));
  },
};

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
    plugins: [widthsWhenAsked],
    banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
    legalComments: 'linked',
    minifySyntax: true,
    minifyWhitespace: true,
    // What a start takes is mostly reading code; the names in a stack stay.
    minifyIdentifiers: true,
    keepNames: true,
    define: { __ORCH_VERSION__: JSON.stringify(version), __ORCH_VIEWER__: JSON.stringify(await buildViewer()) },
    logLevel: 'warning',
  });
  await chmod(path.join(dist, 'cli.js'), 0o755);
}

if (process.argv[1] && pathToFileURL(process.argv[1]).href === import.meta.url) await buildAll();

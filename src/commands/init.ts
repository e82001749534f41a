// `orch init`: copies a template into the current folder. Never overwrites.
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { pathExists, outputFile } from 'fs-extra';
import { openRepository } from '../effects/git/repository.ts';
import { EXIT, OrchError } from '../errors.ts';
import { nearest } from '../lib/nearest.ts';
import { stateDir } from '../journal/run-paths.ts';
import { toJsonSchema } from '../manifest/schema.ts';
import { asset } from './assets.ts';
import { note, print } from './terminal.ts';

/** Templates that are not for people to start from. */
const INTERNAL = new Set(['demo']);

export async function initCommand(args: { template: string; list?: boolean | undefined }): Promise<number> {
  const names = (await readdir(asset('templates'), { withFileTypes: true })).filter((entry) => entry.isDirectory() && !INTERNAL.has(entry.name)).map(({ name }) => name);
  if (args.list === true) {
    print(names);
    return EXIT.ok;
  }
  if (!names.includes(args.template)) throw unknownTemplate(args.template, names);
  const repo = await openRepository(process.cwd());
  const from = asset('templates', args.template);
  const files = (await readdir(from, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
    .map((entry) => path.relative(from, path.join(entry.parentPath, entry.name))).sort();
  for (const file of files) {
    if (await pathExists(file)) {
      throw new OrchError({ code: 'exists', message: `${file} is already there; nothing was written`, hint: 'move it away, or go on with it: orch plan', exitCode: EXIT.usage });
    }
  }
  const schema = path.join(stateDir(repo.commonDir), 'manifest.schema.json');
  await outputFile(schema, `${JSON.stringify(toJsonSchema(), null, 2)}\n`);
  for (const file of files) {
    const text = await readFile(path.join(from, file), 'utf8');
    const isManifest = path.basename(file) === 'tasks.yml';
    await outputFile(file, isManifest ? `# yaml-language-server: $schema=${path.relative(path.dirname(path.resolve(file)), schema)}\n${text}` : text);
    note(`wrote ${file}`);
  }
  note('next: edit tasks.yml, then orch plan, then orch run');
  return EXIT.ok;
}

function unknownTemplate(name: string, names: readonly string[]): OrchError {
  const close = nearest(name, names);
  return new OrchError({
    code: 'no-template', message: `there is no template ${JSON.stringify(name)}`,
    hint: close === undefined ? `templates: ${names.join(', ')}` : `did you mean ${close}?`, exitCode: EXIT.usage,
  });
}


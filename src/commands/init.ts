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
const MANIFEST = 'tasks.yml';
/** Settings of the repository, which outlive any one manifest; a template without its own gets those of `basic`. */
const CONFIG = '.orchestrator.yml';

export async function initCommand(args: { template: string; list?: boolean | undefined }): Promise<number> {
  const names = (await readdir(asset('templates'), { withFileTypes: true })).filter((entry) => entry.isDirectory() && !INTERNAL.has(entry.name)).map(({ name }) => name).sort();
  if (args.list === true) {
    const width = Math.max(...names.map((name) => name.length));
    print(await Promise.all(names.map(async (name) => `${name.padEnd(width)}  ${await descriptionOf(name)}`)));
    return EXIT.ok;
  }
  if (!names.includes(args.template)) throw unknownTemplate(args.template, names);
  const repo = await openRepository(process.cwd());
  const files = await filesOf(args.template);
  for (const { name } of files) {
    if (await pathExists(name)) {
      throw new OrchError({ code: 'exists', message: `${name} is already there; nothing was written`, hint: 'move it away, or go on with it: orch plan', exitCode: EXIT.usage });
    }
  }
  const schema = path.join(stateDir(repo.commonDir), 'manifest.schema.json');
  await outputFile(schema, `${JSON.stringify(toJsonSchema(), null, 2)}\n`);
  for (const { name, source } of files) {
    const text = await readFile(source, 'utf8');
    await outputFile(name, name === MANIFEST ? `# yaml-language-server: $schema=${path.relative(process.cwd(), schema)}\n${text}` : text);
    note(`wrote ${name}`);
  }
  note(`next: edit ${MANIFEST}, then orch plan, then orch run`);
  return EXIT.ok;
}

interface TemplateFile {
  /** Relative to the current folder. */
  readonly name: string;
  /** Absolute path of what is copied. */
  readonly source: string;
}

/** What a template writes, sorted. A configuration that is there already is kept. */
async function filesOf(template: string): Promise<TemplateFile[]> {
  const from = asset('templates', template);
  const own = (await readdir(from, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry): TemplateFile => {
      const source = path.join(entry.parentPath, entry.name);
      return { name: path.relative(from, source), source };
    });
  const files = own.some(({ name }) => name === CONFIG) ? own : [...own, { name: CONFIG, source: asset('templates', 'basic', CONFIG) }];
  const kept = (await pathExists(CONFIG)) ? files.filter(({ name }) => name !== CONFIG) : files;
  return kept.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The first line of a template's manifest. */
async function descriptionOf(template: string): Promise<string> {
  const text = await readFile(asset('templates', template, MANIFEST), 'utf8');
  return text.slice(0, text.indexOf('\n')).replace(/^# */, '');
}

function unknownTemplate(name: string, names: readonly string[]): OrchError {
  const close = nearest(name, names);
  return new OrchError({
    code: 'no-template', message: `there is no template ${JSON.stringify(name)}`,
    hint: close === undefined ? `templates: ${names.join(', ')}` : `did you mean ${close}?`, exitCode: EXIT.usage,
  });
}

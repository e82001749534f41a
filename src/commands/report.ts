// `orch report [run]`: a run as a page to review, as Markdown, JUnit or JSON. Read-only; diffs come from git, one at a time.
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import path from 'node:path';
import { diffText } from '../effects/git/inspect.ts';
import { openRepository } from '../effects/git/repository.ts';
import type { Repository } from '../effects/effects.ts';
import { createFiles } from '../effects/files.ts';
import { EXIT, OrchError } from '../errors.ts';
import { resolveRun } from '../journal/run-list.ts';
import { runPaths, type RunPaths } from '../journal/run-paths.ts';
import { htmlReport, type TaskMaterial } from '../reporters/report-html.ts';
import { jsonReport } from '../reporters/report-json.ts';
import { junitReport } from '../reporters/report-junit.ts';
import { markdownReport } from '../reporters/report-markdown.ts';
import { requireViewer } from '../reporters/html/viewer.ts';
import type { StatusDocument, TaskDocument } from '../reporters/status.ts';
import { loadStatus } from './records.ts';
import { note } from './terminal.ts';

const FORMATS = ['html', 'md', 'junit', 'json'] as const;
type Format = (typeof FORMATS)[number];
const LOG_BYTES = 256 * 1024;
const RESULT_BYTES = 128 * 1024;

export async function reportCommand(args: { run?: string | undefined; format: string; output?: string | undefined }): Promise<number> {
  const format = FORMATS.find((known) => known === args.format);
  if (format === undefined) throw new OrchError({ code: 'usage', message: `--format ${args.format}: not a format`, hint: `use ${FORMATS.join(', ')}`, exitCode: EXIT.usage });
  const repo = await openRepository(process.cwd());
  const run = await resolveRun(repo.commonDir, args.run);
  const paths = runPaths(repo.commonDir, run);
  const document = await loadStatus(repo.commonDir, run);
  // A page is for a browser: on a terminal it goes into the run's own folder.
  const file = args.output ?? (format === 'html' && process.stdout.isTTY ? path.join(paths.dir, 'report.html') : null);
  await write(piecesOf(format, { repo, paths, document }), file);
  if (file !== null) note(`wrote ${file}`);
  return EXIT.ok;
}

async function* piecesOf(format: Format, { repo, paths, document }: { repo: Repository; paths: RunPaths; document: StatusDocument }): AsyncGenerator<string> {
  switch (format) {
    case 'html':
      yield* htmlReport(document, { viewer: requireViewer(), now: Date.now(), load: async (task) => await materialOf(repo, paths, task) });
      break;
    case 'md':
      yield markdownReport(document);
      break;
    case 'junit':
      yield junitReport(document);
      break;
    case 'json':
      yield jsonReport(document);
      break;
    default:
      format satisfies never;
  }
}

async function materialOf(repo: Repository, paths: RunPaths, task: TaskDocument): Promise<TaskMaterial> {
  const files = createFiles();
  const attempt = paths.attempt(task.id, Math.max(1, task.attempts));
  const isChanged = task.base !== null && task.head !== null && task.filesChanged > 0;
  const [diff, log, prompt, result] = await Promise.all([
    isChanged ? diffText(repo, task.base ?? '', task.head ?? '', { form: 'patch', color: false }) : '',
    files.readText(attempt.output, LOG_BYTES), files.readText(attempt.prompt, LOG_BYTES), files.readText(attempt.result, RESULT_BYTES),
  ]);
  return { diff, log: log ?? '', prompt: prompt ?? '', result: finalText(result) };
}

/** The agent's last words, as the attempt's record has them. */
function finalText(record: string | null): string | null {
  try {
    const parsed = JSON.parse(record ?? 'null') as { detail?: { report?: { result?: string | null } } } | null;
    return parsed?.detail?.report?.result ?? null;
  } catch {
    return null;
  }
}

async function write(pieces: AsyncIterable<string>, file: string | null): Promise<void> {
  const stream = file === null ? process.stdout : createWriteStream(file);
  for await (const piece of pieces) if (!stream.write(piece)) await once(stream, 'drain');
  if (file !== null) await new Promise<void>((resolve, reject) => { stream.once('error', reject); stream.end(resolve); });
}

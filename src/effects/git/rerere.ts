// Whether git remembers how people have settled conflicts here (`rerere`). Reads only.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import type { Repository } from '../effects.ts';
import { gitEnvironment } from './environment.ts';
import { gitRaw } from './plumbing.ts';

/** Whether there is an answer that could be used: it is switched on, as git decides that, and has seen at least one. */
export async function hasRecordedAnswers({ commonDir }: Repository): Promise<boolean> {
  const home = path.join(commonDir, 'rr-cache');
  if (!existsSync(home) || !readdirSync(home, { recursive: true, encoding: 'utf8' }).some((name) => path.basename(name).startsWith('postimage'))) return false;
  const said = await gitRaw(['config', '--type=bool', '--get', 'rerere.enabled'], { cwd: commonDir, env: { ...gitEnvironment(), GIT_DIR: commonDir } });
  // Unless it is said, the folder says it.
  return said.code !== 0 || said.stdout.toString().trim() === 'true';
}

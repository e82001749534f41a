// What must hold after any crash and its resume (I1–I7): asked of the process table, of git and of the disk, never of orch.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { isAlive } from './process-rig.ts';
import type { Project } from './project.ts';
import { runGit, walk } from './repo.ts';

export const rootOf = (project: Project): string => `${project.path}.orch`;
const list = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : []);

/** Pids of living processes of a project's runs, orch's own git among them, by their environment. */
export function processesOf(project: Project): number[] {
  const dir = `ORCH_RUN_DIR=${path.join(project.commonDir, 'orch', 'runs')}/`;
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      return isAlive(pid) && readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').some((entry) => entry.startsWith(dir));
    } catch {
      return false;
    }
  });
}

/** Objects that hold what agents have left in worktrees at this moment: files that are not ignored, and commits. */
export function workIn(project: Project, run: string): string[] {
  const objects: string[] = [];
  for (const task of list(path.join(rootOf(project), run))) {
    const folder = path.join(rootOf(project), run, task);
    const files = walk(folder).filter((file) => !/^\.git(\/|$)|(^|\/)(node_modules|build)\/|\.(log|tmp)$|^\.env/.test(file));
    objects.push(...hashesOf(project, files.map((file) => path.join(folder, file))));
    try {
      objects.push(runGit(folder, ['rev-parse', 'HEAD']));
    } catch {
      // Half-made: no agent has been here.
    }
  }
  // An empty file may be one that was just being written.
  return [...new Set(objects)].filter((object) => object !== '' && !object.startsWith('e69de29'));
}

function hashesOf(project: Project, files: readonly string[]): string[] {
  if (files.length === 0) return [];
  const done = spawnSync('git', ['hash-object', '--no-filters', '--stdin-paths'], { cwd: project.path, input: files.join('\n'), encoding: 'utf8' });
  // One that was removed meanwhile ends the list.
  const hashes = done.stdout.split('\n').filter((line) => line !== '');
  return done.status === 0 ? hashes : [...hashes, ...hashesOf(project, files.slice(hashes.length + 1))];
}

/** I2: each of these objects is reachable from a reference. */
export function expectReachable(project: Project, objects: readonly string[]): void {
  const reachable = new Set(project.git('rev-list', '--objects', '--all').split('\n').map((line) => line.split(' ')[0]));
  expect(objects.filter((object) => !reachable.has(object)), 'work that no reference holds').toEqual([]);
}

/** I1, I3, I6 and that nothing half-made is left, once a run has come to its end. */
export function expectTidy(project: Project, run: string): void {
  expect(processesOf(project), 'processes').toEqual([]);
  const common = project.commonDir;
  const locks = walk(common).filter((file) => file.endsWith('.lock'));
  expect(locks, 'locks').toEqual([]);
  const folders = list(path.join(rootOf(project), run)).map((task) => path.join(rootOf(project), run, task)).sort();
  const blocks = project.git('worktree', 'list', '--porcelain').split('\n\n').map((block) => block.split('\n'));
  const registered = blocks.map(([line = '']) => line.replace('worktree ', '')).filter((folder) => folder.startsWith(`${rootOf(project)}/${run}/`)).sort();
  expect(registered, 'registry = worktrees').toEqual(folders);
  for (const block of blocks) expect(block.some((line) => line.startsWith('prunable')), block.join(' ')).toBe(false);
  const branches = project.git('for-each-ref', '--format=%(refname:short)', `refs/heads/orch/${run}/`).split('\n');
  for (const folder of folders) expect(branches, 'worktrees have branches').toContain(`orch/${run}/${path.basename(folder)}`);
  expect(list(path.join(common, 'orch', 'tmp')), 'half-made').toEqual([]);
  expect([...list(path.join(common, 'orch', 'trash')), ...list(path.join(rootOf(project), '.orch-trash'))], 'trash').toEqual([]);
  project.git('fsck', '--connectivity-only', '--no-dangling');
}

/** A commit as what it means, without times and numbers of attempts: two runs that did the same give the same. */
function meaning(project: Project, commit: string, base: string, known: Map<string, string>): string {
  if (commit === base) return 'base';
  const seen = known.get(commit);
  if (seen !== undefined) return seen;
  const [tree = '', parents = '', ...body] = project.git('log', '-1', '--format=%T%n%P%n%B', commit).split('\n');
  const message = body.join('\n').trim().replace(/Orch-Attempt: \d+/, '');
  const of = parents.split(' ').filter((parent) => parent !== '').map((parent) => meaning(project, parent, base, known));
  const text = `(${tree} ${JSON.stringify(message.replace(/Orch-Run: .*/, ''))} ${of.join(' ')})`;
  known.set(commit, text);
  return text;
}

/** I5: every branch of a run as what it means. */
export function branchesOf(project: Project, run: string): Record<string, string> {
  const base = project.git('rev-parse', 'main');
  const known = new Map<string, string>();
  const refs = project.git('for-each-ref', '--format=%(refname) %(objectname)', `refs/heads/orch/${run}/`).split('\n').filter((line) => line !== '');
  return Object.fromEntries(refs.map((line) => {
    const [ref = '', sha = ''] = line.split(' ');
    return [ref.replace(`orch/${run}/`, ''), meaning(project, sha, base, known)];
  }));
}

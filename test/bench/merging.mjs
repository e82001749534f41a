// (f) 100 branches of a run merged by orch, against `git merge` one by one in a worktree: disjoint ones, and ones that
// change the same files without a conflict. The trees must be the same.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CLI, env, makeRepository, medianOf, round, timed, writeManifest } from './measure.mjs';

const LINES = 600;
const SHARED = 10;

/** A repository with so many files more, a hundred to a folder, and some long ones that branches share. */
function makeTree(files) {
  const folder = makeRepository();
  const project = path.join(folder, 'project');
  const write = (name, text) => {
    mkdirSync(path.dirname(path.join(project, name)), { recursive: true });
    writeFileSync(path.join(project, name), text);
  };
  for (let i = 0; i < files; i += 1) write(`tree/${Math.floor(i / 1000)}/${Math.floor(i / 100)}/file-${i}.txt`, `file ${i}\n`);
  for (let i = 0; i < SHARED; i += 1) write(`shared/${i}.txt`, Array.from({ length: LINES }, (_, line) => `line ${line}\n`).join(''));
  const git = (...args) => execFileSync('git', args, { cwd: project, env, encoding: 'utf8', maxBuffer: 1 << 26 }).trim();
  git('add', '.');
  git('commit', '-q', '-m', 'Tree');
  return { folder, project, git };
}

/** What a task does. Overlapping ones change a line of their own, ten lines from the next one's, in two files that ten share. */
const COMMANDS = {
  disjoint: (i) => `echo ${i} >> tree/0/${i % 10}/file-${(i % 10) * 100 + i}.txt; mkdir -p new/${i}; echo ${i} > new/${i}/file.txt`,
  overlapping: (i) => [i % SHARED, (i + 1) % SHARED].map((file) => `sed -i 's/^line ${Math.floor(i / SHARED) * 20 + (file === i % SHARED ? 10 : 300)}$/& by ${i}/' shared/${file}.txt`).join('; '),
};

function oneByOne({ folder, git }, branches) {
  const worktree = path.join(folder, 'by-git');
  git('worktree', 'add', '-q', '--detach', worktree, 'main');
  const ended = timed('sh', ['-c', 'for branch; do git merge -q --no-ff --no-edit "$branch" || exit 1; done', 'sh', ...branches], { cwd: worktree });
  if (ended.code !== 0) throw new Error(`git merge: ${ended.stderr.slice(-500)}`);
  const tree = execFileSync('git', ['rev-parse', 'HEAD^{tree}'], { cwd: worktree, env, encoding: 'utf8' }).trim();
  git('worktree', 'remove', '--force', worktree);
  return { ...ended, tree };
}

function byOrch({ project, git }, into) {
  git('branch', '-f', into, 'main');
  const ended = timed(process.execPath, [CLI, 'merge', 'bench', '--into', into, '--reporter', 'plain'], { cwd: project });
  if (ended.code !== 0) throw new Error(`orch merge: exit ${ended.code}\n${ended.stderr.slice(-2000)}`);
  return { ...ended, tree: git('rev-parse', `${into}^{tree}`) };
}

function measure(kind, { files, count, repeats }) {
  const at = makeTree(files);
  const manifest = writeManifest(at.folder, count, (i) => ({ run: COMMANDS[kind](i) }), 'max-parallel: 4');
  const ran = timed(process.execPath, [CLI, 'run', manifest, '--run-id', 'bench', '--reporter', 'plain'], { cwd: at.project });
  if (ran.code !== 0) throw new Error(`orch run: exit ${ran.code}\n${ran.stderr.slice(-2000)}`);
  const branches = Array.from({ length: count }, (_, i) => `orch/bench/t${i}`);
  const runs = { git: [], orch: [] };
  for (let i = 0; i < repeats; i += 1) {
    runs.git.push(oneByOne(at, branches));
    runs.orch.push(byOrch(at, `into-${i}`));
  }
  const trees = new Set([...runs.git, ...runs.orch].map(({ tree }) => tree));
  if (trees.size !== 1) throw new Error(`the trees of ${kind} branches differ: ${[...trees].join(', ')}`);
  const tracked = at.git('ls-files').split('\n').length;
  rmSync(at.folder, { recursive: true, force: true });
  const told = (name) => `${round(medianOf(runs[name], 'seconds'))} s, ${round(medianOf(runs[name], 'cpu'))} s CPU`;
  return { tracked, ratio: medianOf(runs.orch, 'seconds') / medianOf(runs.git, 'seconds'), note: `orch ${told('orch')}; git ${told('git')}` };
}

export function merging({ isQuick }) {
  const size = isQuick ? { files: 2000, count: 30, repeats: 1 } : { files: 20_000, count: 100, repeats: 3 };
  return [['disjoint', 0.05], ['overlapping', 0.15]].map(([kind, aim]) => {
    const seen = measure(kind, size);
    return {
      what: `(f) \`orch merge\` of ${size.count} ${kind} branches of ${seen.tracked} files, over \`git merge\` one by one in a worktree; same trees`,
      aim, measured: round(seen.ratio, 3), unit: '×', note: seen.note,
      reason: 'what it takes hardly depends on the branches: starting, some twenty-five questions to git, the journal. The more branches or files, the smaller the share',
    };
  });
}

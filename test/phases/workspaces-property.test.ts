// Whatever is done to the files of a worktree, the tree that is collected is the files that are there, but for what is
// ignored. The expected tree is built by an ordinary `git add -A` in an unrelated repository.
import { chmodSync, cpSync, lstatSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Workspace } from '../../src/effects/effects.ts';
import { agentGit, runGit, writeFiles } from '../support/repo.ts';
import { makeRig, type Rig } from '../support/workspace-rig.ts';
import { patience, tries } from '../support/tries.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await makeRig();
  writeFiles(path.join(rig.repo.home, 'outside'), { 'index.ts': 'export const one = 1;\n', b: 'outside\n' });
});
afterAll(() => rig.repo.dispose());

const names = ['README.md', 'src', 'src/index.ts', 'src/lib', 'src/lib/deep/file.ts', 'bin/tool.sh', 'docs', 'docs/link.md', 'data.bin', 'a', 'a/b', 'a/b/c', 'x.log', 'build/y', 'new\nline', 'quo"te\\', 'ü ✓', '-option', ' lead', ':colon', '*glob*', '.gitignore', 'b/.gitignore', 'b/k'];
const name = fc.constantFrom(...names);
const content = fc.oneof(fc.constantFrom('', 'x\n', '# Example\n', 'a\r\nb\r\n', '*.skip\n/k\n'), fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)));
const edit = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), name, content }),
  fc.record({ kind: fc.constant('delete' as const), name }),
  fc.record({ kind: fc.constant('rename' as const), name, to: name }),
  fc.record({ kind: fc.constant('link' as const), name, to: fc.constantFrom('README.md', '..', '@outside', 'nowhere', 'src') }),
  fc.record({ kind: fc.constant('mode' as const), name, executable: fc.boolean() }),
  fc.record({ kind: fc.constant('git' as const), args: fc.constantFrom(['add', '-A'], ['commit', '-qam', 'mine'], ['rm', '-rq', '--cached', 'src'], ['reset', '-q'], ['add', '-N', '.']) }),
  fc.record({ kind: fc.constant('collect' as const) }),
);

/** Edits stay in the worktree: nothing is done to or through what a link leads to. */
function isBeyondLink(root: string, relative: string): boolean {
  return relative.split('/').some((_, index, parts) => lstatSync(path.join(root, ...parts.slice(0, index + 1)), { throwIfNoEntry: false })?.isSymbolicLink() === true);
}

/** The tree of a folder's files by git's own rules, as its tree and the index of the agent's git have it. */
function expectedTree(worktree: string): string {
  const folder = mkdtempSync(path.join(rig.repo.home, 'expected-'));
  const indexed = runGit(worktree, ['rev-parse', '--git-path', 'index']);
  runGit(folder, ['init', '-q']);
  cpSync(path.resolve(worktree, indexed), path.join(folder, '.git/index'));
  writeFileSync(path.join(folder, '.git/objects/info/alternates'), `${path.join(rig.repo.path, '.git/objects')}\n`);
  const env = { GIT_DIR: path.join(folder, '.git'), GIT_WORK_TREE: worktree };
  runGit(worktree, ['add', '-A', '.'], env);
  const tree = runGit(worktree, ['write-tree'], env);
  rmSync(folder, { recursive: true, force: true });
  return tree;
}

type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

async function apply(made: Workspace, step: Edit): Promise<void> {
  if (step.kind === 'collect') {
    await rig.collect(made);
    return;
  }
  if (step.kind === 'git') {
    agentGit(made.path, ...step.args);
    return;
  }
  const file = path.join(made.path, step.name);
  if (step.kind === 'write') writeFiles(made.path, { [step.name]: step.content });
  else if (step.kind === 'link') writeFiles(made.path, { [step.name]: { link: step.to === '@outside' ? path.join(rig.repo.home, 'outside') : step.to } });
  else if (isBeyondLink(made.path, path.dirname(step.name))) return;
  else if (step.kind === 'delete') rmSync(file, { recursive: true, force: true });
  else if (step.kind === 'mode') {
    if (lstatSync(file).isFile()) chmodSync(file, step.executable ? 0o755 : 0o644);
  } else if (!isBeyondLink(made.path, path.dirname(step.to))) {
    mkdirSync(path.dirname(path.join(made.path, step.to)), { recursive: true });
    renameSync(file, path.join(made.path, step.to));
  }
}

it('collects the files that are there', async () => {
  let count = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(edit, { maxLength: 12 }), async (edits) => {
      const made = await rig.create(`t${++count}`);
      for (const step of edits) {
        try {
          await apply(made, step);
        } catch (error) {
          // Into itself, over a folder, through a file, not there: nothing was edited.
          if ((error as NodeJS.ErrnoException).code === undefined) throw error;
        }
      }
      const expected = expectedTree(made.path);
      const { delivery } = await rig.collect(made);
      expect(runGit(rig.repo.path, ['rev-parse', `${delivery.head}^{tree}`])).toBe(expected);
      expect(await rig.workspaces.remove(made)).toBeNull();
    }),
    { numRuns: tries(40) },
  );
  await rig.workspaces.flush();
}, patience(240_000));

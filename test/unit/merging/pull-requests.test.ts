// Asking for merges: what is pushed, asked, found and left alone, over a host that is a few maps; and what requests say.
import { expect, test } from 'vitest';
import { coAuthorOf } from '../../../src/merging/co-author.ts';
import { requestMerges, type BranchRequest, type RequestHost } from '../../../src/merging/pull-requests.ts';
import { runRequestText, taskRequestText, type RequestedTask } from '../../../src/merging/pull-request-text.ts';
import type { MergeSettings } from '../../../src/plan/plan.ts';
import type { Fact, PullRequest } from '../../../src/run/events.ts';
import { agentTask, plan as planOf, task as taskOf } from '../../support/plan.ts';

type Found = PullRequest & { readonly head: string };
interface World {
  readonly remote: Map<string, string>;
  readonly found: Record<string, readonly Found[]>;
  /** `descendant>ancestor` */
  readonly ancestry: readonly string[];
  readonly failing?: Partial<Record<keyof RequestHost, string>>;
}
const request = (number: number, state: PullRequest['state'], head: string): Found => ({ number, url: `https://host/${number}`, state, head });
const branch = (name: string, head: string, heads: readonly string[] = []): BranchRequest =>
  ({ branch: name, head, tasks: [name], heads, text: (urlOf) => ({ title: name, body: String(urlOf('a')) }) });

async function ask(branches: readonly BranchRequest[], world: World, stop = new AbortController()): Promise<{ told: string[]; facts: Fact[] }> {
  const told: string[] = [];
  const facts: Fact[] = [];
  const fail = (name: keyof RequestHost): void => {
    if (world.failing?.[name] !== undefined) throw new Error(world.failing[name]);
  };
  const host: RequestHost = {
    heads: async () => { await Promise.resolve(); fail('heads'); return world.remote; },
    contains: async (commit, part) => await Promise.resolve(world.ancestry.includes(`${commit}>${part}`)),
    find: async (name) => { await Promise.resolve(); fail('find'); return world.found[name] ?? []; },
    async push(pushes) {
      await Promise.resolve();
      // Whatever is pushed was written down first.
      for (const { branch: name, head, expected } of pushes) {
        expect(facts).toContainEqual({ type: 'pull-request-pushing', branch: name, head, tasks: [name] });
        told.push(`push ${name} ${expected ?? 'new'} ${head}`);
      }
      fail('push');
      return new Map();
    },
    async open(name, { body }) { await Promise.resolve(); told.push(`open ${name} ${body}`); fail('open'); return request(9, 'open', ''); },
  };
  await requestMerges(branches, { host, stop: stop.signal, record: async (recorded) => { await Promise.resolve(); facts.push(...recorded); } });
  return { told, facts };
}
const ends = (facts: readonly Fact[]): string[] =>
  facts.flatMap((fact) => (fact.type === 'pull-request-seen' ? [`${fact.branch} #${fact.request.number} ${fact.request.state}${fact.isNew ? ' new' : ''}`] : fact.type === 'task-unmerged' ? [`${fact.task}: ${fact.message}`] : []));

test.each<[what: string, branch: BranchRequest, world: World, told: readonly string[], ends: readonly string[]]>([
  ['nothing there', branch('a', '1'), { remote: new Map(), found: {}, ancestry: [] }, ['push a new 1', 'open a null'], ['a #9 open new']],
  ['pushed, not asked', branch('a', '1'), { remote: new Map([['a', '1']]), found: {}, ancestry: [] }, ['open a null'], ['a #9 open new']],
  ['all there', branch('a', '1'), { remote: new Map([['a', '1']]), found: { a: [request(3, 'open', '1')] }, ancestry: [] }, [], ['a #3 open']],
  ['more of it', branch('a', '2'), { remote: new Map([['a', '1']]), found: { a: [request(3, 'open', '1')] }, ancestry: ['2>1'] }, ['push a 1 2'], ['a #3 open']],
  ['rewritten, and what is there is ours', branch('a', '2', ['0', '1']), { remote: new Map([['a', '1']]), found: {}, ancestry: [] }, ['push a 1 2', 'open a null'], ['a #9 open new']],
  ['somebody went on from it', branch('a', '1'), { remote: new Map([['a', '2']]), found: { a: [request(3, 'open', '2')] }, ancestry: ['2>1'] }, [], ['a #3 open']],
  ['somebody else’s', branch('a', '1', ['0']), { remote: new Map([['a', '7']]), found: {}, ancestry: [] }, [], ['a: not pushed: a of the remote has commits that orch did not put there (7)']],
  ['merged, the branch deleted', branch('a', '1'), { remote: new Map(), found: { a: [request(3, 'merged', '1')] }, ancestry: [] }, [], ['a #3 merged']],
  ['merged, and there is more now', branch('a', '2'), { remote: new Map(), found: { a: [request(3, 'merged', '1')] }, ancestry: [] }, ['push a new 2', 'open a null'], ['a #9 open new']],
  ['merged after others had added to it', branch('a', '1'), { remote: new Map(), found: { a: [request(3, 'merged', '2')] }, ancestry: ['2>1'] }, [], ['a #3 merged']],
  ['turned down', branch('a', '1'), { remote: new Map([['a', '1']]), found: { a: [request(3, 'closed', '1')] }, ancestry: [] }, [], ['a #3 closed', 'a: its pull request was closed without being merged: https://host/3']],
  ['turned down, then another one opened', branch('a', '1'), { remote: new Map([['a', '1']]), found: { a: [request(4, 'open', '1'), request(3, 'closed', '1')] }, ancestry: [] }, [], ['a #4 open']],
  ['cannot be found', branch('a', '1'), { remote: new Map(), found: {}, ancestry: [], failing: { find: 'offline' } }, [], ['a: offline']],
  ['cannot be asked', branch('a', '1'), { remote: new Map(), found: {}, ancestry: [], failing: { heads: 'offline' } }, [], ['a: offline']],
  ['cannot be pushed', branch('a', '1'), { remote: new Map(), found: {}, ancestry: [], failing: { push: 'denied' } }, ['push a new 1'], ['a: not pushed: denied']],
  ['cannot be opened', branch('a', '1'), { remote: new Map(), found: {}, ancestry: [], failing: { open: 'limit' } }, ['push a new 1', 'open a null'], ['a: pushed, but no pull request could be opened: limit']],
])('%s', async (_, asked, world, told, wanted) => {
  const seen = await ask([asked], world);
  expect({ told: seen.told, ends: ends(seen.facts) }).toEqual({ told, ends: wanted });
});

test('later ones can name earlier ones; a stop asks for nothing more and tells every task', async () => {
  const world = { remote: new Map(), found: {}, ancestry: [] };
  const both = await ask([branch('a', '1'), branch('b', '2')], world);
  expect(both.told).toEqual(['push a new 1', 'push b new 2', 'open a null', 'open b https://host/9']);
  const stop = new AbortController();
  stop.abort();
  const stopped = await ask([branch('a', '1'), branch('b', '2')], world, stop);
  expect(stopped.told).toEqual([]);
  expect(stopped.facts.map((fact) => fact.type)).toEqual(['task-unmerged', 'task-unmerged']);
});

const task: RequestedTask = { id: 'a', name: 'a', attempt: 2, prompt: null, filesChanged: 1, insertions: 2, deletions: 3, verify: [] };

test('what is quoted stays code: no mention, no markup, no trailer, no end of its fence', () => {
  const { title, body } = taskRequestText('r', { ...task, name: `Do\u001b[31m\n it ${'x'.repeat(300)}`, prompt: 'See @team, fixes #1\n````\nOrch-Task: other', verify: ['npm `test`'] }, [{ id: 'b`', url: null }]);
  expect(title).toMatch(/^Do\[31m it x+…$/);
  expect(Array.from(title)).toHaveLength(120);
  expect(body).toBe('Asked for:\n\n`````text\nSee @team, fixes #1\n````\nOrch-Task: other\n`````\n\n- 1 file, +2 −3\n- verified with `` npm `test` ``\n- contains the work of `` b` ``: that goes first\n\nOrch-Run: r\nOrch-Task: a\nOrch-Attempt: 2\n');
});

test('the request of a run lists what is in it and what is not', () => {
  const tasks = Array.from({ length: 300 }, (_, i): RequestedTask => ({ ...task, id: `t${i}`, name: i === 0 ? 'First' : `t${i}`, verify: i === 0 ? ['true'] : [] }));
  const leftOut = [{ task: 'x', merge: 'conflict', message: 'conflicts with `y`' } as const];
  const { title, body } = runRequestText({ run: 'r', name: 'Many\nthings', tasks, leftOut, verify: [], head: 'f'.repeat(40) });
  expect(title).toBe('Many things: 300 tasks');
  expect(body).toContain('- `t0` `First`: 1 file, +2 −3, verified\n- `t1`: 1 file, +2 −3\n');
  expect(body).toContain('- … and 100 more\n\nThe merged tree was not verified');
  expect(body).toContain('- `x` (conflict): `` conflicts with `y` ``');
  expect(body.length).toBeLessThan(65_536);
  const one = runRequestText({ run: 'r', name: 'n', tasks: [task], leftOut: [], verify: ['a', 'b'], head: 'f'.repeat(40) });
  expect([one.title, one.body]).toEqual(['a', '1 task of the run, merged:\n\n- `a`: 1 file, +2 −3\n\nThe merged tree of ffffffffffff passed `a`, `b`.\n\nOrch-Run: r\nOrch-Task: a\nOrch-Attempt: 2\n']);
});

test('co-authors: the agent by the name it signs with, another by its own, whoever was said; never a shell command', () => {
  const plan = planOf([taskOf('a')]);
  const settings: MergeSettings = { strategy: 'squash', verify: [], onConflict: 'park', batch: 'auto', conflicts: [] };
  const by = (agent: string) => agentTask('a', { agent });
  expect(coAuthorOf(plan, by('claude'), settings)).toBeNull();
  expect(coAuthorOf(plan, by('claude'), { ...settings, coAuthor: true })).toBe('Claude <noreply@anthropic.com>');
  expect(coAuthorOf(plan, by('mine'), { ...settings, coAuthor: true })).toBe('mine <mine@localhost>');
  expect(coAuthorOf(plan, by('mine'), { ...settings, coAuthor: 'B <b@c>' })).toBe('B <b@c>');
  expect(coAuthorOf(plan, taskOf('a'), { ...settings, coAuthor: true })).toBeNull();
});

// The page as a file: what may run in it, what is data in it, and how much of a run is held while it is written.
import { createHash } from 'node:crypto';
import { inflateRawSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { decode85 } from '../../../src/reporters/html/base85.ts';
import type { RunPayload, TaskPayload } from '../../../src/reporters/html/payload.ts';
import { htmlReport } from '../../../src/reporters/report-html.ts';
import { failedTask, materialOf, pageOf, statusOf, taskDocument, TINY_VIEWER } from '../../support/report.ts';

function blockOf(page: string, id: string): string {
  const found = new RegExp(`<script type="text/plain" id="${id}">([^<]*)</script>`).exec(page)?.[1];
  if (found === undefined) throw new Error(`the page has no block ${id}`);
  return found;
}

function payloadOf(page: string, index: number): TaskPayload {
  const from = Math.max(...[...page.matchAll(/id="tasks-(\d+)"/g)].map(([, first]) => Number(first)).filter((first) => first <= index));
  const lines = inflateRawSync(decode85(blockOf(page, `tasks-${from}`)), { dictionary: decode85(blockOf(page, 'dictionary')) }).toString().split('\n');
  return JSON.parse(lines[index - from] ?? '') as TaskPayload;
}

const HOSTILE = '</script><script>alert(1)</script><img src=x onerror=alert(2)><!-- \u001B]0;t\u0007 "\'` & \u2028';

test('hostile text is in the page as data only', async () => {
  const task = failedTask('a', { name: HOSTILE, message: HOSTILE, branch: HOSTILE, worktree: HOSTILE });
  const material = materialOf({ diff: HOSTILE, log: HOSTILE, prompt: HOSTILE, result: HOSTILE });
  const page = await pageOf(statusOf([task], { run: HOSTILE, target: HOSTILE }), { load: async () => material });
  expect(page.match(/<script/g)).toHaveLength(4);
  expect(page.match(/<\/script/g)).toHaveLength(4);
  expect(page).not.toMatch(/<img|<!--/);
  expect(page.match(/<title>(.*)<\/title>/)?.[1]).not.toMatch(/[<>]/);
  const run = JSON.parse(page.match(/id="run">([^<]*)</)?.[1] ?? '') as RunPayload;
  expect(run.run).toBe(HOSTILE);
  expect(run.rows[0]?.name).toBe(HOSTILE);
  expect(payloadOf(page, 0)).toMatchObject({ task: { message: HOSTILE }, material: { diff: { text: HOSTILE, dropped: 0 }, prompt: { text: HOSTILE } } });
});

test('the policy allows the viewer by its hash, and nothing else', async () => {
  const viewer = { script: 'void "äöü";', style: 'body{color:red}' };
  const page = await pageOf(statusOf([]), { viewer });
  const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  const policy = /Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1]?.split('; ') ?? [];
  expect(policy.slice(0, 3)).toEqual(["default-src 'none'", `script-src ${hash(viewer.script)}`, `style-src ${hash(viewer.style)}`]);
  expect(policy).toContain("require-trusted-types-for 'script'");
  expect(page.indexOf('Content-Security-Policy')).toBeLessThan(page.indexOf('<title'));
});

test('a viewer that would end its own element is refused', async () => {
  await expect(pageOf(statusOf([]), { viewer: { ...TINY_VIEWER, script: '"</SCRIPT>"' } })).rejects.toThrow(/would end its own element/);
});

test('a task whose material cannot be had is in the page with the reason', async () => {
  const page = await pageOf(statusOf([taskDocument('a'), taskDocument('b')]), {
    load: async ({ id }) => {
      if (id === 'a') throw new Error('the branch is gone');
      return materialOf({ diff: 'x' });
    },
  });
  expect(payloadOf(page, 0)).toMatchObject({ task: { id: 'a' }, material: null, missing: 'the branch is gone' });
  expect(payloadOf(page, 1)).toMatchObject({ task: { id: 'b' }, missing: null });
});

test('texts are cut to their limits, logs at their beginning and without escape sequences', async () => {
  const lines = Array.from({ length: 100 }, (_, i) => `\u001B[32mline ${i}\u001B[0m`).join('\n');
  const page = await pageOf(statusOf([taskDocument('a')]), {
    load: async () => materialOf({ diff: lines, log: lines, result: lines }), limits: { diff: 200, log: 200, text: 100 },
  });
  const { material } = payloadOf(page, 0);
  expect(material?.diff.text.startsWith('\u001B[32mline 0')).toBe(true);
  expect(material?.diff.text.length).toBeLessThanOrEqual(200);
  expect(material?.log.text.endsWith('line 98\nline 99')).toBe(true);
  expect(material?.log.text).not.toContain('\u001B');
  expect(material?.log.dropped).toBeGreaterThan(1000);
  expect(material?.result?.dropped).toBeGreaterThan(1000);
});

test('a file that has become too large goes on without material', async () => {
  const page = await pageOf(statusOf(Array.from({ length: 20 }, (_, i) => taskDocument(`t${i}`))), { limits: { file: 1 } });
  expect(payloadOf(page, 0).missing).toMatch(/too large/);
  expect(payloadOf(page, 19).task.id).toBe('t19');
});

test('no more than a few tasks are loaded ahead of what was written', async () => {
  const tasks = Array.from({ length: 200 }, (_, i) => taskDocument(`t${i}`));
  let loaded = 0;
  let written = 0;
  let furthest = 0;
  const pieces = htmlReport(statusOf(tasks), {
    viewer: TINY_VIEWER, now: 0, load: async () => {
      loaded += 1;
      return materialOf();
    },
  });
  for await (const piece of pieces) {
    const [, from] = /id="tasks-(\d+)"/.exec(piece) ?? [];
    if (from === undefined) continue;
    written += 1;
    // Sixteen of the tasks are looked at before the first is written.
    furthest = Math.max(furthest, loaded - 16 - Number(from));
  }
  expect(written).toBe(13);
  expect(furthest).toBeLessThanOrEqual(20);
});

test('a run of nothing is a page', async () => {
  const page = await pageOf(statusOf([]));
  expect(page.endsWith('</body>\n</html>\n')).toBe(true);
});

// The report's page in a real browser, from a file: what a reviewer does, what hostile work tries, and how soon it is there.
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHROMIUM, openChromium } from '../support/chromium.ts';
import type { Browser, Tab } from '../support/chromium.ts';
import { failedTask, materialOf, sampleDiff, seeded, statusOf, taskDocument, writePage } from '../support/report.ts';

let folder = '';
const fileOf = (name: string): string => path.join(folder, `${name}.html`);
let browser: Browser;

const DIFF = `diff --git a/src/a.ts b/src/a.ts
index 1..2 100644
--- a/src/a.ts
+++ b/src/a.ts
@@ -1,2 +1,2 @@
 same
-const a = 1;
+const a = 22;
diff --git a/logo.png b/logo.png
index 1..2 100644
Binary files a/logo.png and b/logo.png differ
`;
const ATTACK = '<img src=x onerror="window.owned=1"></script><script>window.owned=2</script><svg onload=window.owned=3> javascript:alert(1) \u001B]0;owned\u0007 \u202Eevil';

const textOf = async (tab: Tab, selector: string): Promise<string> => await tab.evaluate(`document.querySelector(${JSON.stringify(selector)})?.textContent ?? ''`);
const shownIds = async (tab: Tab): Promise<string[]> => await tab.evaluate(`[...document.querySelectorAll('.task:not([hidden]) .id')].map((e) => e.textContent)`);

describe.skipIf(CHROMIUM === null)(CHROMIUM === null ? 'skipped: no Chromium or Chrome in PATH' : 'the report in a browser', () => {
  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'orch-report-'));
    browser = await openChromium(CHROMIUM ?? '');
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('filter, read, go on with keys, tick as reviewed; ticks are there again the next time', async () => {
    const tasks = [taskDocument('api.one', { name: 'The first' }), failedTask('api.two'), taskDocument('docs')];
    const url = await writePage(fileOf('keys'), statusOf(tasks), { load: async ({ id }) => materialOf({ diff: DIFF, log: `log of ${id}\n\u001B[31mred\u001B[0m`, prompt: `prompt of ${id}`, result: id === 'docs' ? null : `result of ${id}` }) });
    const tab = await browser.newTab();
    await tab.look({ width: 1200, height: 800 });
    await tab.open(url);

    await tab.until(`document.querySelectorAll('.panel .row').length === 3`);
    expect(await textOf(tab, 'h2')).toContain('api.one The first');
    expect(await tab.evaluate(`[...document.querySelectorAll('.row')].map((e) => e.className + ' ' + [...e.querySelectorAll('[data-n]')].map((n) => n.dataset.n).join(',') + ' ' + e.querySelector('.code').textContent)`)).toEqual([
      'row same 1,1,  same', 'row removed 2,,− const a = 1;', 'row added ,2,+ const a = 22;',
    ]);
    expect(await textOf(tab, '.row.added mark')).toBe('22');
    expect(await tab.evaluate(`[...document.querySelectorAll('.file .path')].map((e) => e.textContent)`)).toEqual(['src/a.ts', 'logo.png']);

    await tab.key('j');
    await tab.until(`document.querySelector('.why')?.textContent.includes('npm test: exit 1')`);
    await tab.key('2');
    await tab.until(`document.querySelector('.panel').textContent === 'log of api.twored'`);
    await tab.key('3');
    expect(await textOf(tab, '.panel')).toBe('prompt of api.two');
    await tab.key('4');
    expect(await textOf(tab, '.panel')).toBe('result of api.two');
    expect(await tab.evaluate(`document.querySelector('[role=tab][aria-selected=true]').textContent`)).toBe('Result');

    // The focus goes with the keys, so that Enter reads what is current and not what was clicked before.
    await tab.click('.task:nth-child(1) .pick');
    await tab.key('j');
    expect(await tab.evaluate(`document.activeElement.querySelector('.id').textContent`)).toBe('api.two');
    await tab.key('Enter');
    expect(await tab.evaluate(`document.activeElement.id`)).toBe('panel');
    await tab.key('Escape');
    expect(await tab.evaluate(`document.activeElement.querySelector('.id').textContent`)).toBe('api.two');
    expect(await textOf(tab, 'h2')).toContain('api.two');

    await tab.key('x');
    expect(await textOf(tab, '.count')).toBe('1/3 reviewed');
    await tab.key('/');
    await tab.type('API j');
    expect(await shownIds(tab)).toEqual([]);
    expect(await tab.evaluate(`document.querySelector('.none').hidden`)).toBe(false);
    await tab.evaluate(`(() => { const f = document.querySelector('.filter'); f.value = 'API'; f.dispatchEvent(new Event('input')); })()`);
    expect(await shownIds(tab)).toEqual(['api.one', 'api.two']);
    await tab.key('Enter');
    expect(await tab.evaluate(`document.activeElement.id`)).toBe('panel');
    await tab.key('j');
    expect(await textOf(tab, 'h2')).toContain('api.two');
    await tab.click('.chip.bad');
    expect(await shownIds(tab)).toEqual(['api.two']);
    await tab.click('.chip.bad');
    await tab.click('.chip.plain');
    expect(await shownIds(tab)).toEqual(['api.one']);
    await tab.click('.task:not([hidden]) input');
    expect(await textOf(tab, '.count')).toBe('1 shown · 2/3 reviewed');

    await tab.open(`${url}?again`);
    await tab.until(`document.querySelector('.count')?.textContent === '2/3 reviewed'`);
    expect(await tab.evaluate(`[...document.querySelectorAll('.task.reviewed .id')].map((e) => e.textContent)`)).toEqual(['api.one', 'api.two']);
    expect(tab.complaints).toEqual([]);
    expect(tab.requests.filter((request) => !request.startsWith('file://'))).toEqual([]);
  });

  test('hostile work is shown, and does nothing', async () => {
    const diff = `diff --git "a/<img src=x onerror=window.owned=4>" "b/<img src=x onerror=window.owned=4>"\n--- a/x\n+++ "b/<img src=x onerror=window.owned=4>"\n@@ -1 +1,3 @@ ${ATTACK}\n-${ATTACK}\n+${ATTACK}\n+${'x'.repeat(1_000_000)}\n+\u0000\u0001\u009B31m\ndiff --git a/b.bin b/b.bin\nGIT binary patch\nliteral 9\n${ATTACK}\n`;
    const task = failedTask('evil', { name: ATTACK, message: ATTACK, branch: ATTACK, worktree: ATTACK, sessionId: ATTACK, model: ATTACK, ref: ATTACK });
    const url = await writePage(fileOf('evil'), statusOf([task], { run: ATTACK, target: ATTACK }), { load: async () => materialOf({ diff, log: ATTACK, prompt: ATTACK, result: ATTACK }) });
    const tab = await browser.newTab();
    await tab.look({ width: 1000, height: 800 });
    await tab.open(url);
    await tab.until(`document.querySelectorAll('.row').length === 4`);
    expect(await tab.evaluate(`[...document.querySelectorAll('.row')].map((e) => e.textContent.length)`)).toEqual([expect.any(Number), expect.any(Number), expect.any(Number), 13]);
    expect(await textOf(tab, '.row:nth-child(3)')).toContain('<img src=x onerror="window.owned=1"></script>');
    expect(await textOf(tab, '.row .cut')).toBe(' … 996,000 more characters');
    expect(await textOf(tab, '.panel')).toContain('A binary file: its content is not shown.');
    expect(await tab.evaluate(`[...document.querySelectorAll('.row .hid')].map((e) => e.textContent)`)).toEqual(expect.arrayContaining(['^[', '^G', 'U+202E', '^@', 'U+009B']));
    for (const key of ['2', '3', '4']) {
      await tab.key(key);
      expect(await textOf(tab, '.panel')).toContain('<img src=x');
    }
    expect(await tab.evaluate(`[window.owned, document.querySelectorAll('img, svg, iframe, a, object').length, document.querySelectorAll('script').length, document.title]`)).toEqual([null, 0, 4, expect.any(String)]);
    // What would put markup into the page is refused by the browser itself.
    expect(await tab.evaluate(`(() => { try { document.body.innerHTML = '<b>x</b>'; return 'done'; } catch (error) { return error.name; } })()`)).toBe('TypeError');
    expect(await tab.evaluate(`(() => { const s = document.createElement('style'); s.textContent = 'body{opacity:0}'; document.head.append(s); return getComputedStyle(document.body).opacity; })()`)).toBe('1');
    expect(tab.requests.filter((request) => !request.startsWith('file://'))).toEqual([]);
  });

  test('a thousand tasks with 14 MB of diffs: under 4.5 MB, painted within a second, quick to go through', async () => {
    const random = seeded(11);
    const tasks = Array.from({ length: 1000 }, (_, i) => (i % 9 === 4 ? failedTask : taskDocument)(`group-${i % 7}.task-${i}`, { insertions: i, durationMs: i * 997 }));
    const diffs = new Map(tasks.map(({ id }) => [id, sampleDiff(14_500, random)]));
    expect([...diffs.values()].reduce((sum, diff) => sum + diff.length, 0)).toBeGreaterThan(14e6);
    const url = await writePage(fileOf('thousand'), statusOf(tasks), { load: async ({ id }) => materialOf({ diff: diffs.get(id) ?? '' }) });
    expect(statSync(fileOf('thousand')).size).toBeLessThan(4.5e6);

    const tab = await browser.newTab();
    await tab.look({ width: 1280, height: 800 });
    const paints: number[] = [];
    // The best of three: the first pays for the browser's own start, and other tests use the same machine.
    for (const round of [1, 2, 3]) {
      await tab.open(`${url}?${round}`);
      await tab.until(`document.querySelector('.panel .row') !== null && performance.getEntriesByType('paint').length > 0`);
      paints.push(await tab.evaluate<number>(`performance.getEntriesByType('paint').find((e) => e.name === 'first-contentful-paint').startTime`));
    }
    expect(Math.min(...paints)).toBeLessThan(1000);
    const filtered = [];
    for (const text of ['group-2', 'group-4', 'group-3 failed']) {
      filtered.push(await tab.evaluate<number>(`(() => { const before = performance.now(); const f = document.querySelector('.filter'); f.value = '${text}'; f.dispatchEvent(new Event('input')); document.body.offsetHeight; return performance.now() - before; })()`));
    }
    expect(Math.min(...filtered)).toBeLessThan(300);
    expect(await shownIds(tab)).toHaveLength(tasks.filter(({ id, outcome }) => id.startsWith('group-3.') && outcome === 'failed').length);
    expect(await tab.evaluate(`document.querySelectorAll('.file').length`)).toBeLessThan(20);
  });

  test('a diff of fifty thousand lines opens in parts', async () => {
    const rows = Array.from({ length: 50_000 }, (_, i) => `+line ${i}`);
    const diff = `diff --git a/big b/big\n--- a/big\n+++ b/big\n@@ -0,0 +1,50000 @@\n${rows.join('\n')}\n${sampleDiff(20_000, seeded(2))}`;
    const url = await writePage(fileOf('big'), statusOf([taskDocument('a')]), { load: async () => materialOf({ diff }), limits: { diff: 700_000 } });
    const tab = await browser.newTab();
    await tab.look({ width: 1200, height: 800 });
    await tab.open(url);
    await tab.until(`document.querySelectorAll('.row').length > 1000`);
    expect(await tab.evaluate<number>(`document.querySelectorAll('.row').length`)).toBeLessThan(2000);
    expect(await textOf(tab, '.file .more')).toMatch(/^Show 1500 more of 50001 lines$/);
    await tab.evaluate(`document.querySelector('.file .more').click()`);
    expect(await tab.evaluate<number>(`document.querySelectorAll('.row').length`)).toBe(2999);
    await tab.evaluate(`document.querySelectorAll('.file .title')[1].click()`);
    expect(await tab.evaluate<number>(`document.querySelectorAll('.file')[1].querySelectorAll('.row').length`)).toBeGreaterThan(10);
  });

  test('without a way to unpack, and in a file that was cut off, the list works and the page says why the rest does not', async () => {
    const url = await writePage(fileOf('old'), statusOf([taskDocument('a'), taskDocument('b')]), { load: async () => materialOf({ diff: DIFF }) });
    const tab = await browser.newTab();
    await tab.send('Page.addScriptToEvaluateOnNewDocument', { source: 'delete window.DecompressionStream; Object.defineProperty(window, "localStorage", { get() { throw new Error("denied"); } });' });
    await tab.look({ width: 1200, height: 800 });
    await tab.open(url);
    await tab.until(`document.querySelector('.panel').textContent.includes('no DecompressionStream')`);
    expect(await textOf(tab, '.panel')).toContain('orch diff a');
    expect(await shownIds(tab)).toEqual(['a', 'b']);
    await tab.key('x');
    expect(await textOf(tab, '.warning')).toContain('keeps nothing');
    expect(await textOf(tab, '.count')).toBe('1/2 reviewed');

    const { readFile, writeFile } = await import('node:fs/promises');
    const whole = await readFile(fileOf('old'), 'utf8');
    await writeFile(fileOf('half'), whole.slice(0, whole.indexOf('id="tasks-0"') - 30));
    const other = await browser.newTab();
    await other.look({ width: 1200, height: 800 });
    await other.open(`${url.replace('old.html', 'half.html')}#b`);
    await other.until(`document.querySelector('.panel').textContent.includes('not written to its end')`);
  });

  test('on a phone a task takes the place of the list, and the way back leads to it', async () => {
    const url = await writePage(fileOf('phone'), statusOf([taskDocument('a'), taskDocument('b')]), { load: async () => materialOf({ diff: DIFF }) });
    const tab = await browser.newTab();
    await tab.look({ width: 390, height: 800, mobile: true });
    await tab.open(url);
    await tab.until(`document.querySelector('.task .id')?.offsetParent !== null`);
    expect(await tab.evaluate(`getComputedStyle(document.querySelector('.pane')).display`)).toBe('none');
    // Keys go through the list without leaving it.
    await tab.key('j');
    await tab.key('j');
    await tab.key('k');
    await tab.until(`document.querySelector('.task.current .id')?.textContent === 'a' && document.querySelector('.row') !== null`);
    await tab.evaluate(`new Promise((resolve) => setTimeout(resolve))`);
    expect(await tab.evaluate(`document.querySelector('.side').offsetParent !== null`)).toBe(true);
    await tab.click('.task:nth-child(2) .pick');
    await tab.until(`document.querySelector('.row') !== null && document.querySelector('.side').offsetParent === null`);
    expect(await textOf(tab, 'h2')).toContain('b');
    expect(await tab.evaluate<number>(`document.documentElement.scrollWidth`)).toBeLessThanOrEqual(390);
    await tab.evaluate(`history.back()`);
    await tab.until(`document.querySelector('.side').offsetParent !== null`);
    await tab.evaluate(`history.forward()`);
    await tab.until(`document.querySelector('.side').offsetParent === null`);
    await tab.click('.back');
    await tab.until(`document.querySelector('.side').offsetParent !== null`);
  });
});

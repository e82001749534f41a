// Records `npm start` on a terminal of 80×24 as an SVG with its colours, for the README:
//   node test/bench/record.mjs     writes .ci/demo.svg
// Needs tmux. Frames are CSS keyframes; where nothing moves, the page with the summary stands still.
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CLI, env } from './measure.mjs';

const COLUMNS = 80;
const ROWS = 24;
const FRAME_MS = 200;
const PAGE_MS = 4000;
const CELL = { width: 8.4, height: 18 };
const MARGIN = 14;
const COLORS = { 31: '#ff7b72', 32: '#56d364', 33: '#e3b341', 34: '#79c0ff', 35: '#d2a8ff', 36: '#56d4dd', 90: '#8b949e' };

const socket = `orch-record-${process.pid}`;
const tmux = (...args) => execFileSync('tmux', ['-L', socket, '-f', '/dev/null', ...args], { env: { ...env, TMPDIR: '/tmp' }, encoding: 'utf8' });
const capture = (...range) => tmux('capture-pane', '-e', '-p', ...range).split('\n');

/** What the terminal showed, each change once, and everything that it holds at the end. */
async function record() {
  tmux('new-session', '-d', '-x', String(COLUMNS), '-y', String(ROWS), `printf '$ npm start\\n'; '${process.execPath}' '${CLI}' demo; sleep 60`);
  const frames = [];
  try {
    for (let at = 0; ; at += FRAME_MS) {
      await pause(FRAME_MS);
      if (tmux('display-message', '-p', '#{history_size}').trim() !== '0') break;
      const rows = capture();
      if (rows.join('\n') !== frames.at(-1)?.rows.join('\n')) frames.push({ rows, ms: FRAME_MS });
      else frames.at(-1).ms += FRAME_MS;
      if (at > 60_000) throw new Error('the demo does not end');
    }
    await pause(1500);
    return { frames, all: capture('-S', '-', '-E', '-').join('\n').trimEnd().split('\n') };
  } finally {
    tmux('kill-server');
  }
}

/** The runs of a row with one style each: text, first column, colour, bold, dim. The style goes on into the next row. */
function runsOf(row, style) {
  const runs = [];
  let column = 0;
  for (const part of row.split(STYLE)) {
    const codes = STYLE.exec(part)?.[1]?.slice(2, -1);
    if (codes === undefined) {
      const lead = part.length - part.trimStart().length;
      if (part.trim() !== '') runs.push({ text: part.trim(), column: column + lead, ...style });
      column += part.length;
    } else for (const code of codes.split(';').map(Number)) apply(style, code);
  }
  return runs;
}

function apply(style, code) {
  if (code === 0) Object.assign(style, { color: null, bold: false, dim: false });
  else if (code === 1) style.bold = true;
  else if (code === 2) style.dim = true;
  else if (code === 22) Object.assign(style, { bold: false, dim: false });
  else if (code === 39) style.color = null;
  else if (code in COLORS) style.color = COLORS[code];
}

const ESC = '\u001B';
const STYLE = new RegExp(`(${ESC}\\[[\\d;]*m)`);
const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

function textOf(run) {
  const look = [run.color === null ? '' : ` fill="${run.color}"`, run.bold ? ' font-weight="bold"' : '', run.dim ? ' fill-opacity=".62"' : ''].join('');
  // With its width, so that columns stay columns whatever font is found.
  return `<tspan x="${(run.column * CELL.width).toFixed(1)}" textLength="${(run.text.length * CELL.width).toFixed(1)}"${look}>${escaped(run.text)}</tspan>`;
}

function draw({ frames, all }) {
  // What scrolled by when the run had ended: its first page, then its last.
  const pages = [all.slice(0, ROWS - 1), all.slice(-(ROWS - 1))].map((rows) => ({ rows, ms: PAGE_MS }));
  const shown = [...frames, ...pages];
  const totalMs = shown.reduce((sum, { ms }) => sum + ms, 0);
  const ids = new Map();
  const keyframes = [];
  const groups = [];
  let at = 0;
  for (const [index, { rows, ms }] of shown.entries()) {
    const percent = (value) => `${((value / totalMs) * 100).toFixed(2)}%`;
    const style = { color: null, bold: false, dim: false };
    const uses = rows.flatMap((row, line) => {
      const text = runsOf(row, style).map(textOf).join('');
      if (text === '') return [];
      if (!ids.has(text)) ids.set(text, `r${ids.size}`);
      return [`<use href="#${ids.get(text)}" y="${line * CELL.height}"/>`];
    });
    keyframes.push(`@keyframes f${index}{0%{visibility:${at === 0 ? 'visible' : 'hidden'}}${percent(at)}{visibility:visible}${percent(at + ms)}{visibility:hidden}}`);
    groups.push(`<g class="f${index === shown.length - 2 ? ' still' : ''}" style="animation-name:f${index}">${uses.join('')}</g>`);
    at += ms;
  }
  const size = [COLUMNS * CELL.width + 2 * MARGIN, ROWS * CELL.height + 2 * MARGIN].map(Math.round);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${size[0]}" height="${size[1]}" viewBox="0 0 ${size.join(' ')}" role="img" aria-label="npm start: seven tasks, three at a time, and what they left on their branches">`,
    `<style>text{font:14px ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#d0d7de;white-space:pre}.f{visibility:hidden;animation:${totalMs}ms step-end infinite}.still{visibility:visible}@media(prefers-reduced-motion:reduce){.f{animation:none}}${keyframes.join('')}</style>`,
    `<rect width="100%" height="100%" rx="8" fill="#0d1117"/>`,
    `<defs>${[...ids].map(([text, id]) => `<text id="${id}">${text}</text>`).join('\n')}</defs>`,
    `<g transform="translate(${MARGIN} ${MARGIN + 13})">`, ...groups, '</g></svg>', '',
  ].join('\n');
}

const recorded = await record();
writeFileSync(path.join(import.meta.dirname, '..', '..', '.ci', 'demo.svg'), draw(recorded));
const folder = /(\/tmp\/orch-demo-\w+)\/project/.exec(recorded.all.join('\n'))?.[1];
if (folder !== undefined) rmSync(folder, { recursive: true, force: true });

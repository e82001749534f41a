// Makes .ci/demo.svg, the README's picture: the demo in a real terminal (tmux, 80×24), a few moments of it as frames of
// one SVG that a browser plays without script. `node test/bench/record.mjs` after a build.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const SESSION = `orch-record-${process.pid}`;
const [COLUMNS, ROWS, CELL, LINE] = [80, 24, 8.4, 17];
const COLORS = { 30: '#6b7280', 31: '#f87171', 32: '#4ade80', 33: '#facc15', 34: '#60a5fa', 35: '#c084fc', 36: '#22d3ee', 37: '#e5e7eb', 90: '#9ca3af' };
const tmux = (...args) => execFileSync('tmux', ['-L', SESSION, ...args], { encoding: 'utf8' });
const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** A line with colour codes as tspans, each at its column: fonts differ, the grid does not. */
function lineOf(text, y) {
  let style = '';
  let column = 0;
  const spans = [];
  for (const part of `0m${text}`.split('\u001B[')) {
    const [, codes, plain] = /^([\d;]*)m(.*)$/s.exec(part) ?? [null, '', part];
    for (const code of (codes || '0').split(';').map(Number)) {
      if (code === 0) style = '';
      else if (code === 1) style += ' font-weight="bold"';
      else if (code === 2) style += ' opacity="0.6"';
      else if (code === 39) style = style.replaceAll(/ fill="[^"]*"/g, '');
      else if (code === 22) style = style.replaceAll(/ (?:font-weight|opacity)="[^"]*"/g, '');
      else if (COLORS[code] !== undefined) style += ` fill="${COLORS[code]}"`;
    }
    // A later colour replaces an earlier one.
    const attributes = [...new Map([...style.matchAll(/ ([\w-]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]))].map(([name, value]) => ` ${name}="${value}"`).join('');
    if (plain.trim() !== '') spans.push(`<tspan x="${(16 + column * CELL).toFixed(1)}" textLength="${(plain.trimEnd().length * CELL).toFixed(1)}"${attributes}>${escaped(plain.trimEnd())}</tspan>`);
    column += plain.length;
  }
  return spans.length === 0 ? '' : `<text y="${y}">${spans.join('')}</text>`;
}

const frames = [];
tmux('-f', '/dev/null', 'new-session', '-d', '-x', String(COLUMNS), '-y', String(ROWS), `cd ${root}; clear; echo '$ npm start'; env -u CI TERM=tmux-256color node dist/cli.js demo 2>&1; sleep 30`);
try {
  const capture = () => tmux('capture-pane', '-e', '-p').split('\n').slice(0, ROWS).map((line) => line.replaceAll(/\/[\w./-]*\/orch-demo-\w+/g, '/tmp/orch-demo'));
  for (let i = 0; i < 60; i += 1) {
    await new Promise((resolve) => { setTimeout(resolve, 250); });
    const frame = capture();
    if (frame.join('\n') !== frames.at(-1)?.join('\n')) frames.push(frame);
    if (frame.join('\n').includes('Look around')) break;
  }
} finally {
  tmux('kill-server');
}
const isRunning = (frame) => /[█░]/.test(frame.join(''));
const summary = frames.findLast((frame) => frame.join('\n').includes('Look around')) ?? frames.at(-1);
const running = frames.filter(isRunning);
const picked = [0.12, 0.35, 0.6, 0.85].map((at) => running[Math.floor(at * running.length)]).filter(Boolean);
const shown = [...picked, summary];
const seconds = shown.map((_, i) => (i === shown.length - 1 ? 5 : 1.6));
const total = seconds.reduce((a, b) => a + b, 0);
let from = 0;
const style = seconds.map((duration, i) => {
  const [start, end] = [(from / total) * 100, ((from + duration) / total) * 100];
  from += duration;
  return `@keyframes f${i}{0%,${Math.max(0, start - 0.01).toFixed(2)}%{opacity:${i === 0 ? 1 : 0}}${start.toFixed(2)}%,${(end - 0.01).toFixed(2)}%{opacity:1}${end.toFixed(2)}%,100%{opacity:${i === seconds.length - 1 ? 1 : 0}}}.f${i}{animation:f${i} ${total}s steps(1) infinite}`;
}).join('');
const [width, height] = [Math.round(COLUMNS * CELL + 32), ROWS * LINE + 52];
const groups = shown.map((frame, i) => `<g class="f${i}">${frame.map((line, row) => lineOf(line, 50 + row * LINE)).join('')}</g>`).join('\n');
writeFileSync(path.join(root, '.ci', 'demo.svg'), `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="orch runs seven tasks in a terminal, three at once, and sums up">
<style>text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#e5e7eb;white-space:pre}${style}@media (prefers-reduced-motion:reduce){g{animation:none!important;opacity:0}.f${shown.length - 1}{opacity:1}}</style>
<rect width="100%" height="100%" rx="10" fill="#111827"/>
<circle cx="20" cy="18" r="6" fill="#ef4444"/><circle cx="40" cy="18" r="6" fill="#f59e0b"/><circle cx="60" cy="18" r="6" fill="#22c55e"/>
${groups}
</svg>
`);
console.log(`${frames.length} frames seen, ${shown.length} kept`);

// A real codemod as an agent: reads the names of files from its prompt (or its arguments), and makes every `var` and
// `const` of their code a `let`, token by token: what stands in strings, comments and regular expressions is left alone.
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { text } from 'node:stream/consumers';

const TOKEN = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*'|[A-Za-z_$][\w$]*|\d[\w.]*|\s+|[^\s]/y;
const REGEX = /\/(?![*/])(?:[^\\/[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
// After these a slash begins a regular expression and is no division.
const BEFORE_REGEX = /^(?:[([{,;=:?!&|+\-*%<>~^]|return|typeof|case|in|of|do|else|void|delete|throw|new|=>|)$/;

/** The code with its declarations rewritten. */
export function rewrite(code) {
  let out = '';
  let last = '';
  const templates = [];
  for (let at = 0; at < code.length; ) {
    const char = code[at];
    if (char === '`' || (char === '}' && templates.at(-1) === 0)) {
      if (char === '}') templates.pop();
      const end = endOfTemplate(code, at + 1);
      out += code.slice(at, end.at);
      if (end.opens) templates.push(0);
      [at, last] = [end.at, end.opens ? '{' : '`'];
      continue;
    }
    if (templates.length > 0 && (char === '{' || char === '}')) templates[templates.length - 1] += char === '{' ? 1 : -1;
    const pattern = char === '/' && BEFORE_REGEX.test(last) ? [REGEX, TOKEN] : [TOKEN];
    const token = pattern.map((one) => ((one.lastIndex = at), one.exec(code)?.[0])).find((text) => text !== undefined) ?? char;
    const isCode = !/^(?:\s|\/[/*])/.test(token);
    const isName = last === '.' || /^\s*:/.test(code.slice(at + token.length, at + token.length + 5));
    out += (token === 'var' || token === 'const') && !isName ? 'let' : token;
    if (isCode) last = token;
    at += token.length;
  }
  return out;
}

/** Where a template text ends: after its backtick, or after a `${`. */
function endOfTemplate(code, from) {
  for (let at = from; at < code.length; at += 1) {
    if (code[at] === '\\') at += 1;
    else if (code[at] === '`') return { at: at + 1, opens: false };
    else if (code[at] === '$' && code[at + 1] === '{') return { at: at + 2, opens: true };
  }
  return { at: code.length, opens: false };
}

if (process.argv[1]?.endsWith('codemod.mjs')) {
  const files = (process.argv.length > 2 ? process.argv.slice(2) : (await text(process.stdin)).split(/\s+/)).filter((word) => /\.[cm]?js$/.test(word));
  for (const file of files) writeFileSync(file, rewrite(readFileSync(file, 'utf8')));
  process.stdout.write(`rewrote ${files.length} files\n`);
}

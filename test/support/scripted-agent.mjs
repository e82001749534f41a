// A program that does what a test says, well or badly: `scripted-agent.mjs STEP…`, or one step per line on standard input
// when there are no arguments. Steps run in order; files named by `touch` tell the test how far it is.
import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, rmSync, watch, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

const git = (...args) => {
  const done = spawnSync('git', ['-c', 'user.name=Agent', '-c', 'user.email=agent@example.invalid', ...args], { encoding: 'utf8' });
  if (done.status !== 0) process.stderr.write(`git ${args.join(' ')}: ${done.stderr}`);
};
const forever = () => new Promise(() => setInterval(() => undefined, 60_000));
const write = (stream, text) => new Promise((resolve) => stream.write(text, resolve));
const put = (file, text) => {
  mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
  writeFileSync(file, text);
};
const background = (script, options = {}) => spawn('sh', ['-c', script], { stdio: 'ignore', ...options }).unref();

const steps = {
  /** say TEXT */
  say: (...text) => write(process.stdout, `${text.join(' ')}\n`),
  /** err TEXT */
  err: (...text) => write(process.stderr, `${text.join(' ')}\n`),
  /** edit FILE TEXT: writes a file */
  edit: (file, ...text) => put(file, `${text.join(' ')}\n`),
  /** unique FILE: writes what no other run writes */
  unique: (file) => put(file, `${randomUUID()}\n`),
  append: (file, ...text) => appendFileSync(file, `${text.join(' ')}\n`),
  remove: (file) => rmSync(file, { recursive: true, force: true }),
  /** commit MESSAGE: everything, as an agent would */
  commit: (...message) => {
    git('add', '-A');
    git('commit', '-q', '-m', message.join(' ') || 'work');
  },
  git: (...args) => git(...args),
  nothing: () => undefined,
  /** fail CODE: leaves at once */
  fail: (code = '1') => process.exit(Number(code)),
  die: (signal = 'SIGKILL') => (process.kill(process.pid, signal), forever()),
  /** touch FILE: a signal to the test */
  touch: (file) => put(file, String(process.pid)),
  /** wait FILE: until the test makes it */
  wait: async (file) => {
    mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
    await new Promise((resolve) => {
      const look = () => existsSync(file) && resolve(watcher.close());
      const watcher = watch(path.dirname(path.resolve(file)), look);
      look();
    });
  },
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, Number(ms))),
  hang: forever,
  /** deaf: no signal but KILL ends it */
  deaf: () => ['SIGTERM', 'SIGINT', 'SIGHUP'].forEach((name) => process.on(name, () => undefined)),
  /** on-term FILE CODE MS: tidies up when asked to stop, which takes a while */
  'on-term': (file, code = '0', ms = '0') =>
    process.on('SIGTERM', () => setTimeout(() => {
      put(file, 'tidy');
      process.exit(Number(code));
    }, Number(ms))),
  /** daemon PIDFILE: a double fork in a session of its own, which keeps our standard output open */
  daemon: (file) => void spawnSync('sh', ['-c', `setsid sh -c 'echo $$ > "${file}.tmp"; mv "${file}.tmp" "${file}"; exec sleep 300' &`], { stdio: ['ignore', 'inherit', 'inherit'] }),
  /** deaf-daemon PIDFILE: as above, and ignores TERM */
  'deaf-daemon': (file) => void spawnSync('sh', ['-c', `setsid sh -c 'trap "" TERM HUP INT; echo $$ > "${file}.tmp"; mv "${file}.tmp" "${file}"; while :; do sleep 300; done' &`], { stdio: 'ignore' }),
  /** bare-daemon PIDFILE: clears its environment as well, but stays in the session */
  'bare-daemon': (file) => void spawnSync('sh', ['-c', `env -i PATH="$PATH" sh -c 'echo $$ > "${file}.tmp"; mv "${file}.tmp" "${file}"; exec sleep 300' &`], { stdio: 'ignore' }),
  /** child PIDFILE: an ordinary child that goes on */
  child: (file) => background(`echo $$ > "${file}.tmp"; mv "${file}.tmp" "${file}"; exec sleep 300`),
  /** print MB [LINE-BYTES]: that much output, as fast as it goes; without LINE-BYTES one single line */
  print: async (mb, lineBytes) => {
    const line = lineBytes === undefined ? 'x'.repeat(65_536) : `${'x'.repeat(Number(lineBytes) - 1)}\n`;
    const block = Buffer.from(line.repeat(Math.max(1, Math.floor(65_536 / line.length))));
    for (let left = Number(mb) * 1024 * 1024; left > 0; left -= block.length) await write(process.stdout, block);
    if (lineBytes === undefined) await write(process.stdout, '\n');
  },
  /** chatty MS COUNT: a line each MS */
  chatty: async (ms, count) => {
    for (let n = 1; n <= Number(count); n += 1) {
      await write(process.stdout, `line ${n}\n`);
      await steps.sleep(ms);
    }
  },
  /** env NAME: prints a variable */
  env: (name) => write(process.stdout, `${name}=${process.env[name] ?? ''}\n`),
  /** escape: what a terminal must never be shown */
  escape: () => write(process.stdout, '\u001B[2J\u001B]0;owned\u0007\u001B[31mred\u001B[0m \u009B31m \u202Eevil\u0008\r\n'),
  'switch-branch': (name = 'elsewhere') => git('checkout', '-q', '-b', name),
  detach: () => git('checkout', '-q', '--detach'),
  /** delete-worktree: the folder in which it runs */
  'delete-worktree': () => rmSync(process.cwd(), { recursive: true, force: true }),
  /** merge-in-progress FILE: leaves a conflict in the index */
  'merge-in-progress': (file) => {
    const branch = spawnSync('git', ['symbolic-ref', '--short', 'HEAD'], { encoding: 'utf8' }).stdout.trim();
    for (const [name, text] of [['conflict-side', 'theirs'], [branch, 'ours']]) {
      git('checkout', '-q', ...(name === branch ? [name] : ['-b', name]));
      put(file, `${text}\n`);
      steps.commit(text);
    }
    spawnSync('git', ['-c', 'user.name=Agent', '-c', 'user.email=agent@example.invalid', 'merge', '-q', 'conflict-side'], { stdio: 'ignore' });
  },
};

async function readInput() {
  let text = '';
  for await (const chunk of process.stdin) text += chunk;
  return text;
}

/** `edit "a b" c` as words; quotes keep spaces. */
const words = (line) => [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2]);

const script = process.argv.length > 2 ? process.argv.slice(2) : (await readInput()).split('\n');
for (const line of script) {
  const [name, ...args] = words(line);
  if (name !== undefined && Object.hasOwn(steps, name)) await steps[name](...args);
}
process.exit(process.exitCode ?? 0);

// An agent with sessions, which speaks as claude does. Headless it names its session and does what its prompt says, one
// step per line: `edit FILE TEXT`, `fail`, `hang FILE` (made to say so). With --resume and no -p it is a person's: it writes down how it was
// started, makes by-hand.txt, commits when BY_HAND=commit, and ends with the code in BY_HAND_EXIT.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import process from 'node:process';

const args = process.argv.slice(2);
const valueOf = (flag) => args[args.indexOf(flag) + 1];
const emit = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

if (!args.includes('-p')) {
  writeFileSync(process.env.STARTED_FILE, JSON.stringify({ args, cwd: process.cwd(), env: process.env, isTTY: process.stdin.isTTY === true }));
  writeFileSync('by-hand.txt', 'by hand\n');
  if (process.env.BY_HAND === 'commit') {
    spawnSync('git', ['add', '-A']);
    spawnSync('git', ['-c', 'user.name=P', '-c', 'user.email=p@example.invalid', 'commit', '-q', '-m', 'By hand']);
  }
  process.stdout.write('a person is here\n');
  process.exit(Number(process.env.BY_HAND_EXIT ?? 0));
}

let prompt = '';
for await (const chunk of process.stdin) prompt += chunk;
const session_id = args.includes('--resume') ? valueOf('--resume') : valueOf('--session-id');
emit({ type: 'system', subtype: 'init', session_id, model: 'fake' });
let isFailed = false;
for (const line of prompt.split('\n')) {
  const [step, file, ...text] = line.split(' ');
  if (step === 'edit') writeFileSync(file, `${text.join(' ')}\n`);
  if (step === 'fail') isFailed = true;
  if (step === 'hang') {
    writeFileSync(file, '');
    await new Promise(() => setInterval(() => undefined, 60_000));
  }
}
emit({ type: 'result', subtype: 'success', is_error: isFailed, result: isFailed ? 'could not' : 'done', session_id, num_turns: 1, total_cost_usd: 0.01 });
process.exit(isFailed ? 1 : 0);

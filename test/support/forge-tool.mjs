// Stands in for gh and glab: `auth status` and the few `api` calls that orch makes. Writes down what it was asked.
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const [tool, folder, ...args] = process.argv.slice(2);
const stdin = args.includes('--input') ? readFileSync(0, 'utf8') : '';
appendFileSync(path.join(folder, 'calls'), `${JSON.stringify({ tool, args, stdin })}\n`);
const file = path.join(folder, 'requests.json');
const requests = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : [];
const isGithub = tool === 'gh';

function fail(answer, said) {
  process.stdout.write(JSON.stringify(answer));
  process.stderr.write(`${said}\n`);
  process.exit(1);
}

function tip(branch) {
  try {
    return execFileSync('git', ['rev-parse', '--verify', `refs/heads/${branch}`], { cwd: path.join(folder, 'remote.git'), encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return null;
  }
}

/** As the host shows it; a request that is open follows its branch. */
function shown(request) {
  const sha = request.state === 'open' ? (tip(request.head) ?? request.sha) : request.sha;
  if (isGithub) return { number: request.number, html_url: `https://github.com/acme/demo/pull/${request.number}`, state: request.state === 'open' ? 'open' : 'closed', merged_at: request.state === 'merged' ? '2026-01-01T00:00:00Z' : null, head: { sha, ref: request.head } };
  return { iid: request.number, web_url: `https://gitlab.com/acme/demo/-/merge_requests/${request.number}`, state: request.state === 'open' ? 'opened' : request.state, sha };
}

// The test ends what hangs, by ending orch.
if (args[0] === 'api' && existsSync(path.join(folder, 'hang'))) {
  writeFileSync(path.join(folder, 'hangs'), String(process.pid));
  setInterval(() => undefined, 60_000);
  await new Promise(() => undefined);
}
if (args[0] === 'auth') {
  process.stdout.write('Token: gho_never-to-be-told\n');
  process.exit(existsSync(path.join(folder, 'logged-out')) ? 1 : 0);
}
const [endpoint, query = ''] = args[1].split('?');
const wanted = isGithub ? 'repos/acme/demo/pulls' : 'projects/acme%2Fdemo/merge_requests';
if (endpoint !== wanted) fail({ message: 'Not Found' }, `${tool}: Not Found (HTTP 404)`);
if (stdin === '') {
  const words = new URLSearchParams(query);
  const head = isGithub ? words.get('head').replace(/^acme:/, '') : words.get('source_branch');
  const base = words.get(isGithub ? 'base' : 'target_branch');
  process.stdout.write(JSON.stringify(requests.filter((each) => each.head === head && each.base === base).toReversed().map(shown)));
} else {
  const said = JSON.parse(stdin);
  const request = { number: requests.length + 1, state: 'open', title: said.title, ...(isGithub ? { body: said.body, head: said.head, base: said.base } : { body: said.description, head: said.source_branch, base: said.target_branch }) };
  if (existsSync(path.join(folder, 'refusal'))) fail({ message: 'Validation Failed', errors: [{ message: JSON.parse(readFileSync(path.join(folder, 'refusal'), 'utf8')) }] }, `${tool}: Validation Failed (HTTP 422)`);
  if (requests.some((each) => each.state === 'open' && each.head === request.head && each.base === request.base)) fail({ message: 'Validation Failed', errors: [{ message: 'A pull request already exists' }] }, `${tool}: Validation Failed (HTTP 422)`);
  if (tip(request.head) === null || tip(request.base) === null) fail({ message: 'Validation Failed', errors: [{ message: 'no such branch' }] }, `${tool}: Validation Failed (HTTP 422)`);
  const stored = { ...request, sha: tip(request.head) };
  writeFileSync(file, JSON.stringify([...requests, stored]));
  process.stdout.write(JSON.stringify(shown(stored)));
}

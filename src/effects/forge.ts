// The host of a repository (GitHub, GitLab) through its own program, gh or glab, which keeps the credentials: orch never
// sees one. Titles and bodies go in by standard input.
import { findProgram, gitEnvironment } from './git/environment.ts';
import { runProgram, type GitCall } from './git/plumbing.ts';
import { withoutCredentials } from './git/remote.ts';
import type { PullRequest } from '../run/events.ts';
import type { Sha } from '../plan/plan.ts';

export type ForgeTool = 'gh' | 'glab';
export interface Project {
  readonly host: string;
  /** `owner/name`, or with groups. */
  readonly path: string;
}
/** A pull request and the commit that its branch was at when it was last looked at. */
export type FoundRequest = PullRequest & { readonly head: Sha };

export interface Forge {
  readonly tool: ForgeTool;
  readonly project: Project;
  /** All from this branch into the target, newest first. Throws an Error that says why it cannot be told. */
  find(branch: string, target: string): Promise<readonly FoundRequest[]>;
  /** Where the remote keeps the commits of a request, also when its branch is gone. */
  refOf(number: number): string;
  /** Throws an Error that says why it was refused. */
  open(request: { branch: string; target: string; title: string; body: string }): Promise<PullRequest>;
}

/** Which program serves a remote: found, or what is missing. */
export type ForgeChoice =
  | { readonly ok: true; readonly tool: ForgeTool; readonly program: string; readonly project: Project }
  | { readonly ok: false; readonly message: string; readonly hint: string };

const TOOLS: readonly { readonly tool: ForgeTool; readonly host: RegExp; readonly name: string }[] = [
  { tool: 'gh', host: /github/i, name: 'GitHub' }, { tool: 'glab', host: /gitlab/i, name: 'GitLab' },
];
/** Where their ssh also listens. */
const ALIASES: Readonly<Record<string, string>> = { 'ssh.github.com': 'github.com', 'altssh.gitlab.com': 'gitlab.com' };

/** The project that a URL names; null for a folder or anything else that has no host. */
export function projectOf(url: string): Project | null {
  const found = /^(?:https?|ssh|git(?:\+ssh)?):\/\/(?:[^/@]*@)?([^/:]+)(?::\d+)?\/(.+)$/i.exec(url) ?? /^(?:[^@/\s:]+@)?([^@/\s:]+\.[^@/\s:]+):(?!\/\/)(.+)$/.exec(url);
  const host = found?.[1]?.toLowerCase();
  const path = found?.[2]?.replace(/^\/+|\/+$|\.git\/*$/g, '');
  return host === undefined || path === undefined || !path.includes('/') ? null : { host: ALIASES[host] ?? host, path };
}

/** Finds the program for a remote of these URLs, and sees that it is logged in there. */
export async function chooseForge(urls: readonly string[], call: Pick<GitCall, 'cwd' | 'signal' | 'timeoutMs'>): Promise<ForgeChoice> {
  const projects = urls.map(projectOf).filter((project) => project !== null);
  const project = projects.find(({ host }) => TOOLS.some((each) => each.host.test(host))) ?? projects[0];
  if (project === undefined) return { ok: false, message: `the remote ${withoutCredentials(urls[0] ?? '')} is neither on GitHub nor on GitLab`, hint: 'leave out `via`, or give the repository a remote there: git remote add origin URL' };
  const named = TOOLS.filter(({ host }) => host.test(project.host));
  const fitting = named.length > 0 ? named : TOOLS;
  const present = fitting.flatMap(({ tool, name }) => {
    const program = findProgram(tool);
    return program === null ? [] : [{ tool, name, program }];
  });
  const names = fitting.map(({ tool, name }) => `${tool} (${name})`).join(' or ');
  if (present.length === 0) return { ok: false, message: `pull requests on ${project.host} need ${names}, which is not installed`, hint: `install it and log in: ${fitting.map(({ tool }) => `${tool} auth login --hostname ${project.host}`).join(', or ')}` };
  for (const { tool, program } of present) {
    const status = await runProgram(program, ['auth', 'status', '--hostname', project.host], { ...call, env: toolEnvironment() });
    if (status.code === 0) return { ok: true, tool, program, project };
  }
  return { ok: false, message: `${present.map(({ tool }) => tool).join(' and ')} cannot be used on ${project.host}: not logged in, or it cannot be reached`, hint: `try it: ${present[0]?.tool ?? ''} auth status --hostname ${project.host}` };
}

/** The forge that was chosen. */
export function createForge({ tool, program, project }: Extract<ForgeChoice, { ok: true }>, call: Pick<GitCall, 'cwd' | 'env' | 'signal' | 'timeoutMs'>): Forge {
  const api = async (endpoint: string, body: Readonly<Record<string, unknown>> | null): Promise<unknown> => {
    const input = body === null ? [] : ['--method', 'POST', '--input', '-', '--header', 'Content-Type: application/json'];
    const output = await runProgram(program, ['api', endpoint, '--hostname', project.host, ...input], { ...call, env: { ...toolEnvironment(), ...call.env }, ...(body === null ? {} : { input: JSON.stringify(body) }) });
    const answer = parse(output.stdout.toString());
    if (output.code !== 0) throw new Error(`${tool}: ${withoutCredentials(complaintOf(answer) ?? output.stderr.split('\n').at(-1) ?? `exit code ${output.code}`)}`);
    return answer;
  };
  const q = encodeURIComponent;
  const [owner = ''] = project.path.split('/');
  const isGithub = tool === 'gh';
  const requests = isGithub ? `repos/${project.path}/pulls` : `projects/${q(project.path)}/merge_requests`;
  const query = (branch: string, target: string): string =>
    isGithub ? `?head=${q(`${owner}:${branch}`)}&base=${q(target)}&state=all&per_page=20` : `?source_branch=${q(branch)}&target_branch=${q(target)}&state=all&per_page=20`;
  const read = (value: unknown): FoundRequest => {
    const request = isGithub ? readPull(value) : readMergeRequest(value);
    if (request === null) throw new Error(`${tool} gave no pull request: ${complaintOf(value) ?? 'its answer cannot be read'}`);
    return request;
  };
  return {
    tool, project,
    refOf: (number) => (isGithub ? `refs/pull/${number}/head` : `refs/merge-requests/${number}/head`),
    async find(branch, target) {
      const answer = await api(`${requests}${query(branch, target)}`, null);
      if (!Array.isArray(answer)) throw new Error(`${tool} gave no list: ${complaintOf(answer) ?? 'its answer cannot be read'}`);
      return answer.map(read);
    },
    async open({ branch, target, title, body }) {
      const { number, url, state } = read(await api(requests, isGithub ? { title, body, head: branch, base: target } : { title, description: body, source_branch: branch, target_branch: target }));
      return { number, url, state };
    },
  };
}

function toolEnvironment(): Record<string, string> {
  const env = gitEnvironment();
  for (const name of ['GH_REPO', 'GH_FORCE_TTY', 'CLICOLOR_FORCE', 'GH_DEBUG', 'GLAB_DEBUG_HTTP', 'DEBUG']) delete env[name];
  return { ...env, GH_PROMPT_DISABLED: '1', GH_NO_UPDATE_NOTIFIER: '1', NO_PROMPT: '1', GLAB_CHECK_UPDATE: 'false', NO_COLOR: '1' };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

type Json = Readonly<Record<string, unknown>>;
const isMap = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** What both say when they refuse. */
function complaintOf(answer: unknown): string | null {
  if (!isMap(answer)) return null;
  const errors = Array.isArray(answer['errors']) ? answer['errors'].map((each: unknown) => (isMap(each) ? textOf(each['message']) : textOf(each))) : [];
  const message = [answer['message']].flat().map((each) => (typeof each === 'string' ? each : each === undefined ? '' : JSON.stringify(each)));
  const said = [...message, ...errors].filter((part) => part !== '').join('; ');
  return said === '' ? null : said.slice(0, 500);
}

function requestFrom(number: unknown, url: unknown, { state, head }: { state: PullRequest['state']; head: unknown }): FoundRequest | null {
  // The host is asked over a network: what it says goes into commands only as what it should be.
  if (!Number.isSafeInteger(number) || typeof number !== 'number' || number < 1 || !/^https?:\/\/\S+$/.test(textOf(url))) return null;
  return { number, url: withoutCredentials(textOf(url)), state, head: /^[0-9a-f]{40,64}$/.test(textOf(head)) ? textOf(head) : '' };
}

function readPull(value: unknown): FoundRequest | null {
  if (!isMap(value)) return null;
  const isMerged = typeof value['merged_at'] === 'string';
  return requestFrom(value['number'], value['html_url'], { state: isMerged ? 'merged' : value['state'] === 'open' ? 'open' : 'closed', head: isMap(value['head']) ? value['head']['sha'] : null });
}

function readMergeRequest(value: unknown): FoundRequest | null {
  if (!isMap(value)) return null;
  const { state } = value;
  return requestFrom(value['iid'], value['web_url'], { state: state === 'merged' ? 'merged' : state === 'closed' ? 'closed' : 'open', head: value['sha'] });
}

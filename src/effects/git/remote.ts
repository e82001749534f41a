// The remote that pull requests go to: where its branches are, and putting branches of orch's own there. Never pushes to
// any other branch, never replaces a commit that was not told to be there, and never tells a credential of a URL.
import type { RunId, Sha } from '../../plan/plan.ts';
import type { Repository } from '../effects.ts';
import { gitEnvironment } from './environment.ts';
import { gitRaw, type GitCall, type GitOutput } from './plumbing.ts';

export interface PushedBranch {
  /** Without `refs/heads/`. */
  readonly branch: string;
  readonly head: Sha;
  /** Where the remote must have it for this to happen; null = there must be none. */
  readonly expected: Sha | null;
}

export interface Remote {
  readonly name: string;
  /** As configured, and as git rewrites it; may hold credentials. */
  readonly urls: readonly string[];
  /** Where the remote has its branches, of these (globs too). Throws an Error that says why it cannot be asked. */
  heads(branches: readonly string[]): Promise<ReadonlyMap<string, Sha>>;
  /** Brings the objects of one of its references here, and nothing else. What it refuses is not there. */
  fetch(ref: string): Promise<void>;
  /** Puts branches of this run there. Returns why not, for those that were refused. */
  push(run: RunId, branches: readonly PushedBranch[]): Promise<ReadonlyMap<string, string>>;
}

const AT_ONCE = 200;

/** The remote that a branch belongs to: its own, `origin`, or the only one. null = there is none. `env` is added to git's. */
export async function remoteOf(repo: Repository, target: string, { env = {}, ...limits }: Pick<GitCall, 'env' | 'signal' | 'timeoutMs'> = {}): Promise<Remote | null> {
  const askpass = process.env['GIT_ASKPASS'];
  const call: GitCall = {
    cwd: repo.commonDir, ...limits,
    env: { ...gitEnvironment([['push.followTags', 'false']]), GIT_DIR: repo.commonDir, ...(askpass === undefined ? {} : { GIT_ASKPASS: askpass }), ...env },
  };
  const ask = async (...args: string[]): Promise<string | null> => {
    const output = await gitRaw(args, call);
    return output.code === 0 ? output.stdout.toString().replace(/\n$/, '') : null;
  };
  const names = ((await ask('remote')) ?? '').split('\n').filter((name) => name !== '');
  const own = await ask('config', '--get', `branch.${target}.remote`);
  const name = [own, 'origin', names.length === 1 ? names[0] : null].find((each) => each != null && names.includes(each)) ?? null;
  if (name === null) return null;
  const urls = [await ask('config', '--get', `remote.${name}.url`), await ask('remote', 'get-url', name)].filter((url) => url !== null);
  return {
    name, urls: [...new Set(urls)],
    async heads(branches) {
      const output = await gitRaw(['ls-remote', '--heads', '--', name, ...branches.map((branch) => `refs/heads/${branch}`)], call);
      if (output.code !== 0) throw new Error(`remote ${name} cannot be asked: ${saidBy(output)}`);
      return new Map(output.stdout.toString().split('\n').flatMap((line) => {
        const [sha = '', ref = ''] = line.split('\t');
        return ref === '' ? [] : [[ref.replace(/^refs\/heads\//, ''), sha] as const];
      }));
    },
    async fetch(ref) {
      await gitRaw(['fetch', '-q', '--no-tags', '--no-write-fetch-head', '--refmap=', '--recurse-submodules=no', '--', name, ref], call);
    },
    async push(run, branches) {
      const refused = new Map<string, string>();
      for (let i = 0; i < branches.length; i += AT_ONCE) await pushSome(call, { name, run, target, branches: branches.slice(i, i + AT_ONCE) }, refused);
      return refused;
    },
  };
}

interface Push {
  readonly name: string;
  readonly run: RunId;
  readonly target: string;
  readonly branches: readonly PushedBranch[];
}

async function pushSome(call: GitCall, { name, run, target, branches }: Push, refused: Map<string, string>): Promise<void> {
  const foreign = branches.find(({ branch }) => !branch.startsWith(`orch/${run}/`) || branch === target);
  if (foreign !== undefined) throw new Error(`${foreign.branch} is not a branch of ${run}, so it is not pushed`);
  const leases = branches.map(({ branch, expected }) => `--force-with-lease=refs/heads/${branch}:${expected ?? ''}`);
  const specs = branches.map(({ branch, head }) => `${head}:refs/heads/${branch}`);
  const output = await gitRaw(['push', '--porcelain', '--no-verify', '--no-follow-tags', '--recurse-submodules=no', ...leases, '--', name, ...specs], call);
  const told = new Map(output.stdout.toString().split('\n').flatMap((line) => {
    const [flag = '', refs = '', summary = ''] = line.split('\t');
    return refs === '' ? [] : [[refs.slice(refs.indexOf(':') + 1).replace(/^refs\/heads\//, ''), flag === '!' ? withoutCredentials(summary) : null] as const];
  }));
  for (const { branch } of branches) {
    // A connection that was lost leaves branches untold.
    const why = told.has(branch) ? told.get(branch) : output.code === 0 ? null : saidBy(output);
    if (why != null) refused.set(branch, why);
  }
}

function saidBy({ stderr, code }: GitOutput): string {
  const lines = stderr.split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('hint:'));
  return withoutCredentials(lines.find((line) => /^(fatal|error|remote):/i.test(line)) ?? lines.at(-1) ?? `exit code ${code}`);
}

/** A text without what may stand between `//` and `@` of a URL. */
export function withoutCredentials(text: string): string {
  return text.replaceAll(/(\w:\/\/)[^/\s'"]*@/g, '$1');
}

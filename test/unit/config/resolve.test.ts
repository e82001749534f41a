// Flag > variable > manifest > .orchestrator.yml > default, for every setting, by removing the layers one after another.
import { describe, expect, it } from 'vitest';
import { knownAdapters } from '../../../src/agents/adapters.ts';
import { flagOverrides, variableOverrides } from '../../../src/config/overrides.ts';
import type { Flags } from '../../../src/config/overrides.ts';
import { resolveSettings } from '../../../src/config/resolve.ts';
import { formatDiagnostics } from '../../../src/manifest/diagnostic.ts';
import { parseConfig } from '../../../src/manifest/parse-config.ts';
import { parseManifest } from '../../../src/manifest/parse.ts';
import { pick, pickForAgent } from '../../../src/plan/layers.ts';
import type { Settings } from '../../../src/plan/settings.ts';

interface Said {
  readonly flags?: Flags;
  readonly env?: Readonly<Record<string, string>>;
  readonly manifest?: string;
  readonly config?: string;
}
function resolve(said: Said): ReturnType<typeof resolveSettings> {
  const manifest = parseManifest(`${said.manifest ?? ''}\ntasks: [x]`, { file: 'dir/my.tasks.yml' });
  const config = parseConfig(said.config ?? '', { file: '.orchestrator.yml' });
  if (!manifest.ok || !config.ok) throw new Error(formatDiagnostics([...(manifest.ok ? [] : manifest.diagnostics), ...(config.ok ? [] : config.diagnostics)]));
  return resolveSettings({ file: config.config, flags: flagOverrides(said.flags ?? {}, []), variables: variableOverrides(said.env ?? {}, []) }, manifest.manifest);
}
function settings(said: Said): Settings {
  const result = resolve(said);
  if (!result.ok) throw new Error(formatDiagnostics(result.diagnostics));
  return result.settings;
}
function wrong(said: Said): string {
  const result = resolve(said);
  return result.ok ? 'nothing wrong' : formatDiagnostics(result.diagnostics);
}
const own = (said: Said) => {
  const { over, under } = settings(said);
  return [...over, ...under];
};

type Row = [name: string, layers: readonly [Said, Said, Said, Said], values: readonly unknown[], read: (said: Said) => unknown];
const rows: Row[] = [
  ['max-parallel', [{ flags: { maxParallel: 5 } }, { env: { ORCH_MAX_PARALLEL: '6' } }, { manifest: 'max-parallel: 7' }, { config: 'max-parallel: 8' }], [5, 6, 7, 8, 4], (said) => settings(said).maxParallel],
  ['base', [{ flags: { base: 'a' } }, { env: { ORCH_BASE: 'b' } }, { manifest: 'base: c' }, { config: 'base: d' }], ['a', 'b', 'c', 'd', 'HEAD'], (said) => settings(said).base],
  ['max-wait', [{ flags: { maxWait: '1s' } }, { env: { ORCH_MAX_WAIT: '2s' } }, { manifest: 'max-wait: 3s' }, { config: 'max-wait: 0s' }], [1000, 2000, 3000, 0, 1_800_000], (said) => settings(said).maxWaitMs],
  ['grace', [{ flags: { grace: '1s' } }, { env: { ORCH_GRACE: '2s' } }, { manifest: 'grace: 3s' }, { config: 'grace: 4s' }], [1000, 2000, 3000, 4000, 10_000], (said) => settings(said).graceMs],
  ['max-fail', [{ flags: { maxFail: '5%' } }, { env: { ORCH_MAX_FAIL: '6' } }, { manifest: 'max-fail: 7' }, { config: 'max-fail: 8%' }], [{ kind: 'percent', percent: 5 }, { kind: 'count', count: 6 }, { kind: 'count', count: 7 }, { kind: 'percent', percent: 8 }, null], (said) => settings(said).maxFail],
  ['fail-fast', [{ flags: { failFast: true } }, { env: { ORCH_MAX_FAIL: '6' } }, { manifest: 'fail-fast: true' }, { config: 'max-fail: 8' }], [{ kind: 'count', count: 1 }, { kind: 'count', count: 6 }, { kind: 'count', count: 1 }, { kind: 'count', count: 8 }, null], (said) => settings(said).maxFail],
  ['agent', [{ flags: { agent: 'a' } }, { env: { ORCH_AGENT: 'b' } }, { manifest: 'agent: c' }, { config: 'agent: d' }], ['a', 'b', 'c', 'd', 'claude'], (said) => pick(own(said), 'agent')?.value],
  ['model', [{ flags: { model: 'a' } }, { env: { ORCH_MODEL: 'b' } }, { manifest: 'model: c' }, { config: 'model: d' }], ['a', 'b', 'c', 'd', undefined], (said) => pickForAgent(own(said), 'model', 'claude')?.value],
  ['model of an agent', [{ flags: { model: 'a' } }, { env: { ORCH_MODEL: 'b' } }, { manifest: 'model: x\nagents: { claude: { model: c } }' }, { config: 'model: x\nagents: { claude: { model: d } }' }], ['a', 'b', 'c', 'd', undefined], (said) => pickForAgent(own(said), 'model', 'claude')?.value],
  ['timeout', [{ flags: { timeout: '1s' } }, { env: { ORCH_TIMEOUT: '2s' } }, { manifest: 'defaults: { timeout: 3s }' }, { config: 'defaults: { timeout: 4s }' }], [1000, 2000, 3000, 4000, 1_800_000], (said) => pick(own(said), 'timeout')?.value],
  ['name', [{ manifest: 'name: a', config: 'name: b' }, { manifest: 'name: a' }, { manifest: 'name: a' }, { config: 'name: b' }], ['a', 'a', 'a', 'b', 'my.tasks'], (said) => settings(said).name],
];

describe('precedence', () => {
  it.each(rows)('%s', (_, layers, values, read) => {
    values.forEach((value, index) => {
      const left = layers.slice(index);
      expect(read(Object.assign({}, ...left.toReversed()) as Said)).toEqual(value);
    });
  });
  it('says who decided', () => {
    const { origins } = settings({ flags: { maxParallel: 2 }, env: { ORCH_GRACE: '1s' }, manifest: 'base: x', config: '\nmax-wait: 5m' });
    expect([...origins].map(([name, { file, line }]) => [name, file, line])).toEqual([
      ['base', 'dir/my.tasks.yml', 1], ['max-parallel', '--max-parallel', 0], ['max-wait', '.orchestrator.yml', 2], ['grace', 'ORCH_GRACE', 0],
    ]);
  });
  it('takes fail-fast: false back only to a limit that was said', () => {
    expect(settings({ flags: { failFast: false }, manifest: 'fail-fast: true' }).maxFail).toBeNull();
    expect(settings({ flags: { failFast: false }, manifest: 'fail-fast: true', config: 'max-fail: 3' }).maxFail).toEqual({ kind: 'count', count: 3 });
    expect(settings({ env: { ORCH_FAIL_FAST: '0' }, manifest: 'max-fail: 10%' }).maxFail).toEqual({ kind: 'percent', percent: 10 });
  });
  it('does not take what another orch told its agent for a setting', () => {
    expect(settings({ env: { ORCH_BASE: 'abc', ORCH_TASK_ID: 't', ORCH_MODEL: 'm' } }).base).toBe('HEAD');
  });
  it('takes an empty variable for none', () => {
    expect(settings({ env: { ORCH_MAX_PARALLEL: '' }, config: 'max-parallel: 3' }).maxParallel).toBe(3);
  });
  it('lets a task stand between variables and its defaults', () => {
    const { over, under } = settings({ env: { ORCH_TIMEOUT: '1s' }, manifest: 'agent: x' });
    expect([over.map(({ kind }) => kind), under.map(({ kind }) => kind)]).toEqual([['flag', 'variable'], ['manifest', 'manifest', 'config', 'config', 'config', 'default']]);
  });
});

describe('what only the configuration says', () => {
  it('has defaults', () => {
    const { worktrees, passEnv, isolation } = settings({});
    expect([worktrees.root, worktrees.keep, worktrees.copy, worktrees.link, passEnv, isolation]).toEqual(['../{repo}.orch', 'failed', [], [], [], { kind: 'process', network: 'on', credential: null, read: [] }]);
  });
  it('is read', () => {
    const said = settings({ config: 'worktrees: { root: ../w, setup: npm ci, copy: .env*, link: [node_modules], keep: never }\nenv: { pass: [JAVA_HOME, "PNPM_*"] }\nisolation: sandbox\nsandbox: { network: none, credential: API_KEY }' });
    expect([said.worktrees.root, said.worktrees.keep, said.worktrees.copy, said.worktrees.link, said.passEnv, said.isolation]).toEqual(['../w', 'never', ['.env*'], ['node_modules'], ['JAVA_HOME', 'PNPM_*'], { kind: 'sandbox', network: 'none', credential: 'API_KEY', read: [] }]);
    expect(pick(said.under, 'setup')?.value).toEqual(['npm ci']);
  });
});

describe('agents', () => {
  it('has every client that orch knows', () => {
    const { agents } = settings({});
    expect([...agents.keys(), 'command'].sort()).toEqual([...knownAdapters].sort());
    expect(agents.get('claude')).toEqual({ name: 'claude', adapter: 'claude', command: ['claude'], prompt: 'stdin', output: 'text', args: [], env: {} });
  });
  it('refines it, the manifest over the configuration, env by key', () => {
    const { agents } = settings({ config: 'agents: { claude: { command: /opt/claude, args: [-a], env: { A: 1, B: 2 } } }', manifest: 'agents: { claude: { args: [-b], env: { B: 3 } } }' });
    expect(agents.get('claude')).toEqual({ name: 'claude', adapter: 'claude', command: ['/opt/claude'], prompt: 'stdin', output: 'text', args: ['-b'], env: { A: '1', B: '3' } });
  });
  it('takes any program', () => {
    const { agents } = settings({ config: 'agents: { mine: { command: "./a.sh --x \'y z\'", prompt: file }, other: { command: [codex, exec], output: text } }' });
    expect(agents.get('mine')).toEqual({ name: 'mine', adapter: 'command', command: ['./a.sh', '--x', 'y z'], prompt: 'file', output: 'text', args: [], env: {} });
    expect(agents.get('other')?.adapter).toBe('command');
  });
  it.each([
    ['agents: { mine: { prompt: arg } }', '.orchestrator.yml:1:11 agents.mine: the agent "mine" has no `command`; write `command: [program, --flag]`'],
    ['agents: { mine: { command: a | b } }', '.orchestrator.yml:1:28 agents.mine.command: cannot be started without a shell: `|` needs a shell; write `[sh, -c, "a | b"]`'],
    ['agents: { mine: { command: [""] } }', '.orchestrator.yml:1:28 agents.mine.command: the program is empty'],
    ['agents: { claude: { prompt: arg } }', '.orchestrator.yml:1:29 agents.claude.prompt: `prompt` cannot be chosen for the built-in agent "claude"; remove it, or define an agent of another name'],
  ])('%s', (config, message) => {
    expect(wrong({ config })).toBe(message);
  });
});

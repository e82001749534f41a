// What agents see of the environment of whoever starts orch.
import { describe, expect, it } from 'vitest';
import { adapterFor } from '../../../src/agents/adapters.ts';
import { agentEnvironment } from '../../../src/effects/env.ts';

const parent = {
  PATH: '/bin', HOME: '/home/u', LC_ALL: 'C', XDG_CONFIG_HOME: '/c', https_proxy: 'http://p', NODE_EXTRA_CA_CERTS: '/ca', SSH_AUTH_SOCK: '/s', GITHUB_TOKEN: 't', AWS_PROFILE: 'p',
  ANTHROPIC_API_KEY: 'k', CLAUDE_CODE_OAUTH_TOKEN: 'o', CLAUDECODE: '1', CLAUDE_CODE_ENTRYPOINT: 'cli', GIT_DIR: '/g', GIT_INDEX_FILE: '/i', GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'a.b', ORCH_RUN_ID: 'outer', NODE_OPTIONS: '--x', PNPM_HOME: '/p', UNSET: undefined,
};
const git = { GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_COUNT: '2', GIT_CONFIG_KEY_0: 'gc.auto', GIT_CONFIG_VALUE_0: '0', GIT_CONFIG_KEY_1: 'maintenance.auto', GIT_CONFIG_VALUE_1: 'false' };
const base = { PATH: '/bin', HOME: '/home/u', LC_ALL: 'C', XDG_CONFIG_HOME: '/c', https_proxy: 'http://p', NODE_EXTRA_CA_CERTS: '/ca', ...git };

describe('the environment of an agent', () => {
  it('is an allow-list', () => {
    expect(agentEnvironment({ parent, pass: [], set: {} })).toEqual(base);
  });

  it('has what the configuration passes and sets', () => {
    expect(agentEnvironment({ parent, pass: ['PNPM_*', 'SSH_AUTH_SOCK'], set: { PATH: '/mine', LOG: '1' } })).toEqual({ ...base, PNPM_HOME: '/p', SSH_AUTH_SOCK: '/s', PATH: '/mine', LOG: '1' });
  });

  it('never has what would lead git or a nested agent astray', () => {
    const all = agentEnvironment({ parent, pass: ['*'], set: {} });
    expect(Object.keys(all).filter((name) => /^(GIT_DIR|GIT_INDEX_FILE|CLAUDECODE|CLAUDE_CODE_ENTRYPOINT|ORCH_)/.test(name))).toEqual([]);
    expect(all).toMatchObject({ GITHUB_TOKEN: 't', NODE_OPTIONS: '--x', ...git });
  });

  it('has the credentials of its own client, and of no other', () => {
    const env = agentEnvironment({ parent, pass: adapterFor('claude').passEnv, set: {} });
    expect(env).toMatchObject({ ANTHROPIC_API_KEY: 'k', CLAUDE_CODE_OAUTH_TOKEN: 'o', AWS_PROFILE: 'p' });
    expect(env).not.toHaveProperty('GITHUB_TOKEN');
    expect(env).not.toHaveProperty('CLAUDECODE');
  });

  it("keeps git settings that a task brings, and adds orch's after them", () => {
    const env = agentEnvironment({ parent, pass: [], set: { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'user.name', GIT_CONFIG_VALUE_0: 'me' } });
    expect(env).toMatchObject({ GIT_CONFIG_COUNT: '3', GIT_CONFIG_KEY_0: 'user.name', GIT_CONFIG_KEY_1: 'gc.auto', GIT_CONFIG_KEY_2: 'maintenance.auto' });
  });
});

// What an agent's environment is made of: an allow-list of the caller's variables, what the configuration passes, and
// what orch sets. Pure; the caller hands in its own environment.
import { isNamed } from '../lib/name-pattern.ts';

// Who and where one is, language, temporary files, and the way to the network (proxies and their certificates).
// Left out on purpose: everything that grants access (SSH_AUTH_SOCK, GH_TOKEN, AWS_*, …). An agent gets the credentials
// of its own client from its adapter, and anything else only by `env.pass`.
const ALLOWED = [
  'PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'TERM', 'LANG', 'LANGUAGE', 'LC_*', 'TZ', 'TMPDIR', 'TMP', 'TEMP', 'XDG_*',
  'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'no_proxy', 'all_proxy',
  'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'GIT_SSL_CAINFO', 'CURL_CA_BUNDLE', 'REQUESTS_CA_BUNDLE',
];

// Never inherited, not even by `env.pass: ["*"]`: they would point git at another repository, or tell an agent that it
// runs inside the session of another one.
const REFUSED = [
  'GIT_DIR', 'GIT_WORK_TREE', 'GIT_COMMON_DIR', 'GIT_INDEX_FILE', 'GIT_OBJECT_DIRECTORY', 'GIT_ALTERNATE_OBJECT_DIRECTORIES',
  'GIT_NAMESPACE', 'GIT_PREFIX', 'GIT_QUARANTINE_PATH', 'GIT_SHALLOW_FILE', 'GIT_GRAFT_FILE', 'GIT_REPLACE_REF_BASE', 'GIT_CONFIG*',
  'CLAUDECODE', 'CLAUDE_PID', 'CLAUDE_CODE_ENTRYPOINT', 'CLAUDE_CODE_SSE_PORT', 'CLAUDE_CODE_SESSION_ID', 'CLAUDE_CODE_CHILD_SESSION',
  'CODEX_SANDBOX*', 'GEMINI_CLI', 'ORCH_*',
];

// A collection that an agent's commit starts in the background locks the repository that all tasks share, and outlives the agent.
const GIT_SETTINGS = [['gc.auto', '0'], ['maintenance.auto', 'false']] as const;

export interface EnvironmentSources {
  /** The environment that orch was started with. */
  readonly parent: Readonly<Record<string, string | undefined>>;
  /** Names or `PREFIX_*` of variables to inherit beyond the allow-list. */
  readonly pass: readonly string[];
  /** Set over everything else; later layers are merged by the caller. */
  readonly set: Readonly<Record<string, string>>;
}

/** The whole environment of a task's processes: allow-list, passed variables, git made quiet, then what is set. */
export function agentEnvironment(sources: EnvironmentSources): Record<string, string> {
  const allowed = [...ALLOWED, ...sources.pass];
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(sources.parent)) {
    if (value !== undefined && isNamed(name, allowed) && !isNamed(name, REFUSED)) env[name] = value;
  }
  env['GIT_TERMINAL_PROMPT'] = '0';
  Object.assign(env, sources.set);
  const first = Number.parseInt(env['GIT_CONFIG_COUNT'] ?? '0', 10) || 0;
  for (const [index, [key, value]] of GIT_SETTINGS.entries()) {
    env[`GIT_CONFIG_KEY_${first + index}`] = key;
    env[`GIT_CONFIG_VALUE_${first + index}`] = value;
  }
  env['GIT_CONFIG_COUNT'] = String(first + GIT_SETTINGS.length);
  return env;
}

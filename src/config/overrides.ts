// Flags and ORCH_* variables → settings, checked by the same schema as the manifest. Pure: both are handed in.
import { problem } from '../manifest/diagnostic.ts';
import type { Diagnostic, Path, Source } from '../manifest/diagnostic.ts';
import { settingSchemas } from '../manifest/schema.ts';

/** What the command line may say; absent = not said. Numbers may come as text. */
export interface Flags {
  readonly maxParallel?: number | string | undefined;
  readonly maxFail?: number | string | undefined;
  readonly maxWait?: string | undefined;
  readonly failFast?: boolean | undefined;
  readonly grace?: string | undefined;
  readonly base?: string | undefined;
  readonly agent?: string | undefined;
  readonly model?: string | undefined;
  readonly timeout?: string | undefined;
}

type SettingName = keyof typeof settingSchemas;
/** Checked values by their name in the manifest. */
export type OverrideValues = { readonly [Name in SettingName]?: Exclude<ReturnType<(typeof settingSchemas)[Name]['parse']>, undefined> };
export interface Overrides {
  readonly kind: 'flag' | 'variable';
  readonly source: Source;
  readonly values: OverrideValues;
}

const FLAGS: Readonly<Record<SettingName, keyof Flags>> = {
  'max-parallel': 'maxParallel', 'max-fail': 'maxFail', 'max-wait': 'maxWait', 'fail-fast': 'failFast', grace: 'grace',
  base: 'base', agent: 'agent', model: 'model', timeout: 'timeout',
};
const NAMES = Object.keys(FLAGS) as SettingName[];

/** Adds a diagnostic for each flag that is wrong; its `file` is the flag. */
export function flagOverrides(flags: Flags, diagnostics: Diagnostic[]): Overrides {
  return overrides('flag', (name) => flags[FLAGS[name]], diagnostics);
}

/**
 * The same for variables; an empty one counts as absent. Inside a task of another orch, ORCH_BASE is what that orch told
 * its agent and not a setting.
 */
export function variableOverrides(env: Readonly<Record<string, string | undefined>>, diagnostics: Diagnostic[]): Overrides {
  const isInsideTask = env['ORCH_TASK_ID'] !== undefined;
  const read = (name: SettingName): unknown => {
    if (name === 'base' && isInsideTask) return undefined;
    const value = env[variableOf(name)];
    return value === '' ? undefined : name === 'fail-fast' && value !== undefined ? (BOOLEANS.get(value.toLowerCase()) ?? value) : value;
  };
  return overrides('variable', read, diagnostics);
}

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([['1', true], ['true', true], ['yes', true], ['on', true], ['0', false], ['false', false], ['no', false], ['off', false]]);

function variableOf(name: string): string {
  return `ORCH_${name.toUpperCase().replaceAll('-', '_')}`;
}

function overrides(kind: Overrides['kind'], read: (name: SettingName) => unknown, diagnostics: Diagnostic[]): Overrides {
  const fileOf = (name: string): string => (kind === 'flag' ? `--${name}` : variableOf(name));
  const source: Source = { at: ([name = '']: Path) => ({ file: fileOf(String(name)), line: 0, col: 0, path: '' }) };
  const values: Record<string, unknown> = {};
  for (const name of NAMES) {
    const given = read(name);
    if (given === undefined) continue;
    const isCount = (name === 'max-parallel' || name === 'max-fail') && typeof given === 'string' && /^\d+$/.test(given);
    const checked = settingSchemas[name].safeParse(isCount ? Number(given) : given);
    if (checked.success) values[name] = checked.data;
    else {
      const [message = '', hint] = (checked.error.issues[0]?.message ?? '').split('; ');
      diagnostics.push(problem(source.at([name]), message, hint));
    }
  }
  return { kind, source, values };
}

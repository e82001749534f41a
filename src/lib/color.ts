// Whether to colour, and the palette. The library's own detection is not used: it ignores FORCE_COLOR=0 and colours
// pipes when CI is set. Reads no environment itself.
import picocolors from 'picocolors';

export type Palette = ReturnType<typeof picocolors.createColors>;

/** What the decision depends on; `env` holds NO_COLOR, FORCE_COLOR, TERM and GITHUB_ACTIONS. */
export interface ColorSources {
  /** `--color` / `--no-color`; undefined when neither was given. */
  readonly flag: boolean | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isTTY: boolean;
}

/** Flag, then NO_COLOR (non-empty), then FORCE_COLOR (`0` and `false` = off), then a capable terminal or GitHub's log. */
export function wantsColor({ flag, env, isTTY }: ColorSources): boolean {
  if (flag !== undefined) return flag;
  if (env['NO_COLOR']) return false;
  const forced = env['FORCE_COLOR'];
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  if (env['GITHUB_ACTIONS'] === 'true') return true;
  return isTTY && env['TERM'] !== 'dumb';
}

/** Functions that wrap text in colours, or that return it as it is. */
export function createPalette(enabled: boolean): Palette {
  return picocolors.createColors(enabled);
}

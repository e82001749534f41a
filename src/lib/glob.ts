// Globs over ids and repository paths, always with `/`, dots not special. Pure.
import picomatch from 'picomatch';

/** A test for "one of these globs matches"; `!glob` takes back what an earlier one matched. */
export function globMatcher(globs: readonly string[]): (text: string) => boolean {
  const rules = globs.map((glob) => {
    const negated = glob.startsWith('!');
    const pattern = negated ? glob.slice(1) : glob;
    return { negated, matches: picomatch(pattern, { dot: true, nonegate: true }) };
  });
  return (text) => {
    let is = false;
    for (const rule of rules) {
      if (is === rule.negated && rule.matches(text)) is = !rule.negated;
    }
    return is;
  };
}

/** The leading path segments that hold no wildcard, and whether that is all of the glob. */
export function staticPrefix(glob: string): { readonly segments: readonly string[]; readonly whole: boolean } {
  const segments = glob.split('/').filter((segment) => segment !== '' && segment !== '.');
  const firstWild = segments.findIndex((segment) => /[*?[\]{}()!+@\\]/.test(segment));
  return firstWild === -1 ? { segments, whole: true } : { segments: segments.slice(0, firstWild), whole: false };
}

/** True for a glob that stays in its root: relative, with `/`, without `..`; `!` may come first. */
export function staysInside(glob: string): boolean {
  const plain = glob.replace(/^!/, '');
  return plain !== '' && !/^(?:\/|[A-Za-z]:)/.test(plain) && !plain.includes('\\') && !plain.split('/').includes('..');
}

const SPECIAL = /[*?[\]{}()!+@|,\\]/g;

/** A glob that matches this path and nothing else: folders called `[id]` are common. */
export function escapeGlob(path: string): string {
  return path.replace(SPECIAL, '\\$&');
}

/** A glob without the escapes that `escapeGlob` made, for looking at where it leads. */
export function unescapeGlob(glob: string): string {
  return glob.replace(/\\([*?[\]{}()!+@|,\\])/g, '$1');
}

// What git accepts as a branch name, decided without asking git. Pure.

/** Whether `refs/heads/<name>` is a well-formed reference that also cannot be read as an option. */
export function isBranchName(name: string): boolean {
  if (name === '' || name === 'HEAD' || name.startsWith('-') || name.endsWith('.') || name.includes('..') || name.includes('@{')) return false;
  // oxlint-disable-next-line no-control-regex -- git forbids exactly these
  if (/[\u0000-\u0020\u007f~^:?*[\\]/.test(name)) return false;
  return name.split('/').every((part) => part !== '' && !part.startsWith('.') && !part.endsWith('.lock'));
}

// What a task wrote to $ORCH_OUTPUT: `name=value` lines, and `name<<END … END` for values of several lines, as in
// GITHUB_OUTPUT. Pure, bounded, and strict: a line that means nothing is an error, and not lost.

/** Bytes of the whole file. */
export const MAX_OUTPUT_BYTES = 1024 * 1024;

const NAME = /^[A-Za-z_][\w-]*$/;

export type ReadOutputs = { readonly ok: true; readonly outputs: Readonly<Record<string, string>> } | { readonly ok: false; readonly message: string };

/** The outputs in a text; a later value of a name replaces an earlier one. */
export function parseOutputs(text: string): ReadOutputs {
  if (Buffer.byteLength(text) > MAX_OUTPUT_BYTES) return { ok: false, message: `$ORCH_OUTPUT holds more than ${MAX_OUTPUT_BYTES / 1024 / 1024} MB` };
  if (text.includes('\0')) return { ok: false, message: '$ORCH_OUTPUT holds a NUL character' };
  const outputs = new Map<string, string>();
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    if (line.trim() === '') continue;
    const equals = line.indexOf('=');
    const heredoc = line.indexOf('<<');
    const isHeredoc = heredoc !== -1 && (equals === -1 || heredoc < equals);
    const name = line.slice(0, isHeredoc ? heredoc : equals).trim();
    if ((!isHeredoc && equals === -1) || !NAME.test(name)) return { ok: false, message: `line ${at + 1} of $ORCH_OUTPUT is neither \`name=value\` nor \`name<<END\`: ${JSON.stringify(line.slice(0, 60))}` };
    if (!isHeredoc) outputs.set(name, line.slice(equals + 1));
    else {
      const delimiter = line.slice(heredoc + 2).trim();
      const end = lines.indexOf(delimiter, at + 1);
      if (delimiter === '' || end === -1) return { ok: false, message: `line ${at + 1} of $ORCH_OUTPUT begins the value of ${name}, and no line ${JSON.stringify(delimiter)} ends it` };
      outputs.set(name, lines.slice(at + 1, end).join('\n'));
      at = end;
    }
  }
  return { ok: true, outputs: Object.fromEntries(outputs) };
}

// The git commands that one attempt ran, as git itself wrote them down (`GIT_TRACE2_EVENT`): evidence of who changed what,
// when several attempts were at work. An agent that writes without git, or clears its environment, leaves none.
import { open } from 'node:fs/promises';
import { parseObject, textAt } from '../../lib/json.ts';

/** A git process that an attempt ran; times in milliseconds since the Unix epoch. */
export interface TracedCommand {
  readonly argv: readonly string[];
  readonly from: number;
  readonly to: number;
}

const MAX_BYTES = 32 * 1024 * 1024;

/** The commands of a trace, as far as its first 32 MiB tell; none when there is no trace. */
export async function loadTrace(file: string): Promise<TracedCommand[]> {
  const handle = await open(file, 'r').catch(() => null);
  if (handle === null) return [];
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.min(MAX_BYTES, (await handle.stat()).size)));
    return commandsIn(buffer.toString('utf8', 0, bytesRead));
  } finally {
    await handle.close();
  }
}

function commandsIn(text: string): TracedCommand[] {
  const commands = new Map<string, TracedCommand>();
  for (const line of text.split('\n')) {
    const event = parseObject(line);
    const [sid, at] = event === null ? [null, Number.NaN] : [textAt(event, 'sid'), Date.parse(textAt(event, 'time') ?? '')];
    if (event === null || sid === null || Number.isNaN(at)) continue;
    const known = commands.get(sid);
    if (known !== undefined) commands.set(sid, { ...known, to: Math.max(known.to, at) });
    else if (Array.isArray(event['argv'])) commands.set(sid, { argv: event['argv'].map(String), from: at, to: at });
  }
  return [...commands.values()];
}

// A file's times come from a clock of the kernel that ticks every few milliseconds, and so lies behind.
const CLOCK_LAG_MS = 12;

// That some command ran at that instant says nothing: agents ask git for its status all the time.
const WRITERS = /^(config|remote|branch|push|submodule|sparse-checkout|init|clone|lfs|fetch|pull|maintenance|update-ref|reset|tag|symbolic-ref|checkout|switch|commit|merge|rebase)$/;

/** How much speaks for these commands having done something: 2 = one of them names it, 1 = one that writes such things ran at that instant, 0 = nothing. */
export function evidence(commands: readonly TracedCommand[], of: { readonly at: number | null; readonly names: readonly string[] }): 0 | 1 | 2 {
  const { at } = of;
  const names = of.names.map((name) => name.toLowerCase());
  const isNamed = (word: string): boolean => names.some((name) => word === name || word === `refs/heads/${name}` || word.endsWith(`:${name}`) || word.startsWith(`${name}=`));
  if (commands.some(({ argv }) => argv.slice(1).some((word) => isNamed(word.toLowerCase())))) return 2;
  return at !== null && commands.some(({ argv, from, to }) => argv.some((word) => WRITERS.test(word)) && from - CLOCK_LAG_MS <= at && at <= to + 2) ? 1 : 0;
}

// What models cost, for clients that tell tokens and no money. Only a fallback: prices change without notice, which is why
// every sum that comes from here is marked as an estimate, and `prices:` in .orchestrator.yml goes before this table.
import type { Price } from '../plan/plan.ts';
import type { AgentReport, Tokens } from '../run/events.ts';

/** When the table below was written down from the providers' lists. */
export const PRICES_AS_OF = '2025-11';

/** By the beginning of a model's name without its provider; the longest that fits. US dollars per million tokens. */
const LISTED: Readonly<Record<string, readonly [input: number, output: number, cacheRead: number, cacheWrite: number]>> = {
  'claude-opus-4-5': [5, 25, 0.5, 6.25], 'claude-opus': [15, 75, 1.5, 18.75], 'claude-sonnet': [3, 15, 0.3, 3.75], 'claude-haiku-4-5': [1, 5, 0.1, 1.25], 'claude-3-5-haiku': [0.8, 4, 0.08, 1],
  'gpt-5': [1.25, 10, 0.125, 1.25], 'gpt-5-mini': [0.25, 2, 0.025, 0.25], 'gpt-5-nano': [0.05, 0.4, 0.005, 0.05],
  'gemini-2.5-pro': [1.25, 10, 0.31, 1.25], 'gemini-2.5-flash': [0.3, 2.5, 0.075, 0.3], 'gemini-2.5-flash-lite': [0.1, 0.4, 0.025, 0.1],
};

/** The price of a model; null = unknown. `own`: what the configuration says, by the beginning of the name, too. */
export function priceOf(model: string, own: Readonly<Record<string, Price>> = {}): Price | null {
  const name = model.toLowerCase();
  // A provider stands before a slash, and a variant of the context window behind a bracket.
  const short = name.replace(/^.*\//, '').replace(/\[.*$/, '');
  const named = longest(Object.keys(own), (key) => name.startsWith(key.toLowerCase()) || short.startsWith(key.toLowerCase()));
  if (named !== undefined) return own[named] ?? null;
  const [input, output, cacheRead, cacheWrite] = LISTED[longest(Object.keys(LISTED), (key) => short.startsWith(key)) ?? ''] ?? [];
  return input === undefined || output === undefined ? null : { input, output, cacheRead: cacheRead ?? input, cacheWrite: cacheWrite ?? input };
}

function longest(names: readonly string[], fits: (name: string) => boolean): string | undefined {
  return names.filter(fits).sort((a, b) => b.length - a.length)[0];
}

/** A report with what its tokens cost, if its client did not say and the price of its model is known. `asked`: the model that was asked for. */
export function priced(report: AgentReport, { asked, prices }: { readonly asked: string | null; readonly prices: Readonly<Record<string, Price>> | undefined }): AgentReport {
  const model = report.model ?? asked;
  if (report.costUsd !== null || report.tokens === null || model === null) return report;
  const price = priceOf(model, prices);
  return price === null ? report : { ...report, costUsd: costOf(report.tokens, price), isCostEstimate: true };
}

function costOf(tokens: Tokens, price: Price): number {
  return (tokens.input * price.input + tokens.output * price.output + tokens.cacheRead * price.cacheRead + tokens.cacheWrite * price.cacheWrite) / 1e6;
}

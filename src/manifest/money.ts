// The shape of what a manifest says about money: amounts, budgets and prices, in US dollars.
import * as z from 'zod';
import { expected, type Issue } from './expected.ts';

const notMoney = ({ input }: Issue): string =>
  typeof input === 'string' && /^\$?\d+(\.\d+)?$/.test(input) ? `must be a number, without quotes or \`$\`: ${input.replace('$', '')}` : expected('a number of US dollars such as `20` or `0.5`')({ input });
const money = z.number({ error: notMoney }).max(1_000_000, { error: 'must be at most 1000000' });
const usd = money.positive({ error: 'must be more than nothing' });
const budgetShape = { usd: usd.describe('Of the whole run.').optional(), 'usd-per-task': usd.describe('Of each task, all its attempts together.').optional() };
/** What may be spent. */
export const budget = z
  .strictObject(budgetShape, { error: expected('a map such as `{ usd: 20, usd-per-task: 1 }`') })
  .refine((value) => value.usd !== undefined || value['usd-per-task'] !== undefined, { error: 'limits nothing; write for example `{ usd: 20 }`' });
const perMillion = money.min(0, { error: 'must not be negative' });
const priceShape = { input: perMillion, output: perMillion, 'cache-read': perMillion.optional(), 'cache-write': perMillion.optional() };
/** US dollars per million tokens of a model. */
export const price = z.strictObject(priceShape, { error: expected('a map such as `{ input: 3, output: 15 }`') });

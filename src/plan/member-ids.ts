// Ids of the tasks that one task stands for: readable, and the same for the same manifest on the same base, for ever. Pure.
import { createHash } from 'node:crypto';
import { foldId, slug } from '../lib/slug.ts';
import type { TaskId } from './plan.ts';

const MAX_ID = 64;
const HASH = 8;

/** What a member is named after. */
export interface Label {
  /** For people; its slug is the end of the id. */
  readonly text: string;
  /** What tells it from the other members of its task. */
  readonly key: string;
}

/**
 * `<of>.<slug of the label>`. Where slugs are equal, empty, too long or `isTaken`, a hash of the key is added to all of
 * them, so that which comes first does not matter.
 */
export function memberIds(of: string, labels: readonly Label[], isTaken: (id: TaskId) => boolean): TaskId[] {
  const plain = labels.map(({ text }) => {
    const name = slug(text, 4096);
    return name === '' || of.length + 1 + name.length > MAX_ID ? null : `${of}.${name}`;
  });
  const counts = new Map<string, number>();
  for (const id of plain) if (id !== null) counts.set(id, (counts.get(id) ?? 0) + 1);
  return labels.map(({ text, key }, index) => {
    const id = plain[index] ?? null;
    return id !== null && counts.get(id) === 1 && !isTaken(foldId(id)) ? id : hashed(of, text, key);
  });
}

function hashed(of: string, text: string, key: string): TaskId {
  const hash = createHash('sha256').update(`${of}\0${key}`).digest('hex').slice(0, HASH);
  const stem = of.slice(0, MAX_ID - HASH - 1).replace(/[._-]+$/, '');
  const name = slug(text, MAX_ID - stem.length - HASH - 2);
  return name === '' ? `${stem}.${hash}` : `${stem}.${name}-${hash}`;
}

// A short soak: one minute of random plans and kills (`npm run soak` goes on for longer).
import { expect, test } from 'vitest';
import { soak } from '../soak/soak.ts';

test('a minute of kills at random moments: everything holds', async () => {
  const report = await soak({ seed: 20_261_120, forMs: 60_000 });
  expect(report.kills).toBeGreaterThan(3);
}, 300_000);

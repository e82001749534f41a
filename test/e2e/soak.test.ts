// A short soak: random plans and kills for some twenty seconds (`npm run soak` goes on for longer).
import { expect, test } from 'vitest';
import { soak } from '../soak/soak.ts';

test('kills at random moments: everything holds', async () => {
  const report = await soak({ seed: 20_261_120, forMs: 20_000 });
  expect(report.kills).toBeGreaterThan(1);
}, 300_000);

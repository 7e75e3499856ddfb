import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { gatewayFault } from './errors.ts';
import { until } from './gateway-kit.contract.ts';
import { createWatch, type Watched } from './watch.ts';

function watchedOf(confirm?: () => Promise<void>): Watched & { cuts: string[] } {
  const cuts: string[] = [];
  return { place: -1, confirm, tick: () => undefined, cut: ({ code }) => void cuts.push(code), cuts };
}

test('whatever comes and goes in whatever order, exactly those that are open are cut', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(15), { maxLength: 100 }), (steps) => {
      const watch = createWatch(() => undefined);
      const all = Array.from({ length: 16 }, () => watchedOf());
      const open = new Set<Watched>();
      for (const step of steps) {
        const one = all[step];
        if (one === undefined) continue;
        if (open.delete(one)) watch.delete(one);
        else {
          open.add(one);
          watch.add(one);
        }
      }
      watch.delete(watchedOf()); // a stranger
      watch.cutAll(gatewayFault('GATEWAY_CLOSING'));
      watch.stop();
      for (const one of all) assert.equal(one.cuts.length, open.has(one) ? 1 : 0);
    }),
  );
});

// Attack: the store is slowed down, so that the question whether a caller is still good has no answer.
test('one whose question is not answered does not hold up the others, and is cut in the end', async () => {
  const watch = createWatch(() => undefined);
  const hanging = Array.from({ length: 100 }, () => watchedOf(() => new Promise(() => undefined)));
  const revoked = watchedOf(() => Promise.reject(gatewayFault('GATEWAY_CLOSING')));
  for (const one of [...hanging, revoked]) watch.add(one);
  await until(() => revoked.cuts.length > 0, 2_000);
  assert.deepEqual(revoked.cuts[0], 'GATEWAY_CLOSING');
  assert.equal(hanging[0]?.cuts.length, 0);
  await until(() => hanging.every(({ cuts }) => cuts.length > 0), 9_000);
  assert.equal(hanging[0]?.cuts[0], 'GATEWAY_DOWN');
  watch.stop();
});

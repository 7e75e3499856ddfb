import assert from 'node:assert/strict';
import { test } from 'node:test';
import { epochMs, tenantId } from '../kernel/brand.ts';
import { createExternal } from './external.ts';

const place = { table: 'users', column: 'email', row: '17' };

/** How often others have a turn while values are opened, on a machine where each look at the clock finds 10 ms gone. */
async function turnsWhile(values: readonly string[]): Promise<number> {
  let now = 0;
  const clock = {
    now: () => {
      now += 10;
      return epochMs(now);
    },
  };
  const sealer = { version: '', seal: () => '', open: () => '', index: () => '', indexes: () => [] };
  const keys = { markExternal: async () => undefined, legacyKeys: async () => [] };
  const external = createExternal({ vault: { fields: async () => sealer }, keys, clock });
  let turns = 0;
  let isOver = false;
  const watch = (): void => {
    if (isOver) return;
    turns += 1;
    setImmediate(watch);
  };
  setImmediate(watch);
  const items = values.map((value) => ({ kind: 'value', place, value }) as const);
  const outcomes = await external.openMany(tenantId('main'), items);
  isOver = true;
  assert.equal(outcomes.length, values.length);
  return turns;
}

// Attack: a batch of legacy values, each tried under every imported key, keeps all other requests waiting.
test('others have a turn after every legacy value and every large one that took its time', async () => {
  const legacy = 'A'.repeat(80);
  const large = `tk1.v_20261121_120000_0001.${'A'.repeat(66_000)}`;
  const small = 'tk1.v_20261121_120000_0001.AAAA';
  const times = (value: string): readonly string[] => Array.from({ length: 24 }, () => value);
  for (const value of [legacy, large]) assert.ok((await turnsWhile(times(value))) >= 23, value.slice(0, 4));
  assert.ok((await turnsWhile(times(small))) <= 1, 'small ones go through together');
});

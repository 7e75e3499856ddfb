import assert from 'node:assert/strict';
import { test } from 'node:test';
import { epochMs } from '../kernel/brand.ts';
import type { Block } from './block.ts';
import { createHeldBlocks } from './held-blocks.ts';

const blockOf = (value: string, endsAt: number | undefined, more: Partial<Block> = {}): Block => ({
  id: `block of ${value}`,
  kind: 'address',
  value,
  profile: undefined,
  violation: 'ip_blocked',
  reason: 'too_many_failed_attempts',
  evidence: {},
  strikes: 1,
  createdAt: epochMs(0),
  createdBy: 'detection',
  endsAt: endsAt === undefined ? undefined : epochMs(endsAt),
  liftedAt: undefined,
  liftedBy: undefined,
  stored: true,
  ...more,
});

const few = Array.from({ length: 2_000 }, (_, at) => `10.0.${at >> 8}.${at & 255}`);

// Attack: a flood from many addresses pushes out the block that an operator made.
test('memory is bounded, and the blocks that end last stay', () => {
  const held = createHeldBlocks(100);
  held.keep(blockOf('operator', undefined));
  for (const [at, value] of few.entries()) held.keep(blockOf(value, 1_000 + at));
  const kept = few.filter((value) => held.get('address', value) !== undefined);
  assert.ok(held.get('address', 'operator') !== undefined);
  assert.ok(kept.length >= 99 && kept.length < 105, String(kept.length));
  assert.deepEqual(kept, few.slice(-kept.length));
});

test('memory is bounded also where all end at the same time', () => {
  const held = createHeldBlocks(100);
  for (const value of few) held.keep(blockOf(value, undefined));
  const kept = few.filter((value) => held.get('address', value) !== undefined);
  assert.ok(kept.length >= 99 && kept.length < 105, String(kept.length));
});

// Attack: a word that was on its way when the block was lifted puts it back.
test('a block that was lifted does not come back by a late word', () => {
  const held = createHeldBlocks();
  const block = blockOf('10.0.0.1', 1_000);
  held.keep(block);
  held.lift(block);
  held.keep(block);
  assert.equal(held.get('address', block.value), undefined);
  const next = { ...block, id: 'another' };
  held.keep(next);
  held.lift(block);
  assert.equal(held.get('address', block.value), next, 'the lift of an older block leaves the newer one');
});

test('an older block does not take the place of a newer one', () => {
  const held = createHeldBlocks();
  const newer = blockOf('10.0.0.1', 1_000, { id: 'newer', createdAt: epochMs(5) });
  held.keep(newer);
  held.keep(blockOf('10.0.0.1', 9_000, { id: 'older', createdAt: epochMs(4) }));
  assert.equal(held.get('address', '10.0.0.1'), newer);
});

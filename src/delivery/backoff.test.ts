import assert from 'node:assert/strict';
import { test } from 'node:test';
import { days } from '../kernel/clock.ts';
import { type Kind, LIFE_MS, waitAfter } from './backoff.ts';
import { isWanted } from './event-type.ts';

const random = (byte: number) => ({ bytes: (size: number) => Buffer.alloc(size, byte) });

function waitsOf(kind: Kind, byte: number): readonly number[] {
  const waits: number[] = [];
  for (let tries = 1; ; tries++) {
    const wait = waitAfter(kind, tries, random(byte));
    if (wait === undefined) return waits;
    waits.push(wait);
  }
}

test('webhooks are tried for three days, e-mails for two, SMS for a quarter of an hour', () => {
  const total = (kind: Kind) => waitsOf(kind, 128).reduce((sum, wait) => sum + wait, 0);
  assert.ok(Math.abs(total('webhook') / days(1) - 2.87) < 0.05);
  assert.ok(Math.abs(total('email') / days(1) - 1.87) < 0.05);
  assert.ok(Math.abs(total('sms') / 60_000 - 12.6) < 0.2);
});

test('waits are spread by a fifth both ways, and all attempts fit into the life of a message', () => {
  for (const kind of ['webhook', 'email', 'sms'] as const) {
    const [least, most] = [waitsOf(kind, 0), waitsOf(kind, 255)];
    for (const [at, wait] of most.entries()) assert.equal(Math.round(wait / 1.2), Math.round((least[at] ?? 0) / 0.8));
    assert.ok(most.reduce((sum, wait) => sum + wait, 0) < LIFE_MS[kind]);
  }
});

test('a pattern admits a name, or all below one', () => {
  assert.ok(isWanted(['address.blocked'], 'address.blocked'));
  assert.ok(isWanted(['session.*', 'address.*'], 'address.block.ended'));
  assert.ok(isWanted(['*'], 'address.blocked'));
  for (const pattern of ['address.*', 'addresses.*', 'address.blocked.*', 'a*'])
    assert.ok(!isWanted([pattern], 'address'));
  assert.ok(!isWanted(['address.*'], 'addresses.blocked'));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hours, minutes } from '../kernel/clock.ts';
import { createTestClock } from '../testing/index.ts';
import { type AttackNewsDeps, createAttackNews } from './attack-news.ts';

type AttackEvent = Parameters<AttackNewsDeps['delivery']['publish']>[1];

function setUp() {
  const clock = createTestClock();
  const told: AttackEvent[] = [];
  const storage = { write: async (_scope: unknown, work: (tx: never) => unknown) => work(undefined as never) };
  const publish = async (_tx: unknown, event: AttackEvent) => void told.push(event);
  const onError = (error: unknown) => assert.fail(String(error));
  const news = createAttackNews({ storage, delivery: { publish }, clock, onError } as unknown as AttackNewsDeps);
  return { clock, told, news };
}

test('the same attack of the same sender is told once an hour', () => {
  const { clock, told, news } = setUp();
  for (let n = 0; n < 5; n++) news.tell('one', { data: { class: 'sqli' } });
  assert.deepEqual(
    told.map(({ type, data }) => [type, data['class'], data['untold_before']]),
    [['attack.detected', 'sqli', 0]],
  );
  clock.advance(hours(1));
  news.tell('one', { data: {} });
  assert.equal(told.length, 2);
});

// Attack: a flood of different attacks is to fill the outbox, or to hide one among a million.
test('of a flood thirty a minute are told, and how many were not', () => {
  const { clock, told, news } = setUp();
  for (let n = 0; n < 100; n++) news.tell(`attack ${n}`, { data: {} });
  assert.equal(told.length, 30);
  clock.advance(minutes(1));
  news.tell('the next', { data: {} });
  assert.equal(told.at(-1)?.data['untold_before'], 70);
});

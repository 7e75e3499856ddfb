import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tenantId } from '../kernel/brand.ts';
import { createTestClock } from '../testing/index.ts';
import { ALERT_ENDPOINT } from './alerts.ts';
import { createPlaces, OWN_LANES, type Placed } from './places.ts';
import { createSlowLanes } from './slow-lanes.ts';

const never = (): boolean => false;
const hook = (tenant: string, n: number): Placed => ({ lane: `webhook:${tenant}${n}`, tenantId: tenantId(tenant) });
const hooks = (tenant: string): readonly Placed[] => Array.from({ length: 50 }, (_, n) => hook(tenant, n));

/** Reserves for each. @returns how many places they were given in all */
const reserveAll = (places: ReturnType<typeof createPlaces>, wanted: readonly Placed[]): number =>
  wanted.reduce((sum, one) => sum + places.reserve(one), 0);

// Attack: a tenant points fifty webhooks at a receiver that never answers.
test('a tenant has a quarter of the places for webhooks, and at least one', () => {
  for (const [concurrency, most] of [
    [1, 1],
    [3, 1],
    [16, 4],
    [64, 16],
  ] as const) {
    const places = createPlaces(concurrency, [], never);
    assert.equal(reserveAll(places, hooks('a')), most);
    assert.equal(reserveAll(places, hooks('a')), 0);
    assert.equal(reserveAll(places, hooks('b')), Math.min(most, concurrency - most));
  }
});

test('what is being sent counts as taken', () => {
  const places = createPlaces(16, [hook('a', 1), hook('a', 1), hook('a', 2)], never);
  assert.equal(places.reserve(hook('a', 1)), 0);
  assert.equal(places.reserve(hook('a', 2)), 1);
  assert.equal(places.reserve(hook('a', 3)), 0);
  assert.equal(places.webhooksLeft(), 12);
});

test('webhooks that take every place leave e-mail, SMS and events theirs', () => {
  const places = createPlaces(16, [], never);
  for (const tenant of ['a', 'b', 'c', 'd', 'e']) reserveAll(places, hooks(tenant));
  assert.equal(places.webhooksLeft(), 0);
  assert.deepEqual(
    OWN_LANES.map((lane) => places.reserve({ lane, tenantId: undefined })),
    [4, 4, 4],
  );
});

test('the webhook of the alert file takes no place of a tenant of whom it tells', () => {
  const places = createPlaces(16, hooks('a').slice(0, 4), never);
  assert.equal(places.reserve(hook('a', 9)), 0);
  assert.equal(places.reserve({ lane: `webhook:${ALERT_ENDPOINT}`, tenantId: tenantId('a') }), 2);
});

// Attack: many tenants together hold every place with receivers that never answer.
test('webhooks that were slow just now have half of the places in all, and one each', () => {
  const places = createPlaces(16, [], ({ length }) => length > 0);
  const slow = ['a', 'b', 'c', 'd', 'e', 'f'].map((tenant) => reserveAll(places, hooks(tenant)));
  assert.deepEqual(slow, [4, 4, 0, 0, 0, 0]);
  assert.equal(createPlaces(16, [], () => true).reserve(hook('a', 1)), 1);
  assert.equal(createPlaces(1, [], () => true).reserve(hook('a', 1)), 1);
});

test('a lane is slow after a timeout or a late answer, until a quick one or for ten minutes', () => {
  const clock = createTestClock();
  const lanes = createSlowLanes(clock);
  lanes.note('quick', { kind: 'retry', reason: 'http_500' }, 2_999);
  lanes.note('hangs', { kind: 'retry', reason: 'timeout' }, 1_000);
  lanes.note('late', { kind: 'sent' }, 3_000);
  const slow = (): readonly string[] => ['quick', 'hangs', 'late'].filter(lanes.has);
  assert.deepEqual(slow(), ['hangs', 'late']);
  lanes.note('late', { kind: 'sent' }, 10);
  assert.deepEqual(slow(), ['hangs']);
  clock.advance(600_000);
  assert.deepEqual(slow(), []);
});

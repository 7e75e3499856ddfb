import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../kernel/clock.ts';
import { createSqliteStorage } from '../storage/index.ts';
import { type AnomalyKit, day, hour, keyOf, minute, openKit, useOf } from './anomalies-kit.contract.ts';
import { createSteadyClock } from './steady-clock.ts';

const key = keyOf('busy');

function use({ anomalies, clock }: AnomalyKit, minutes: number, perMinute = 50): void {
  for (let each = 0; each < minutes; each++) {
    for (let n = 0; n < perMinute; n++) anomalies.note(useOf(key, { bytes: 20_000 }));
    clock.advance(minute);
  }
}

async function days(kit: AnomalyKit, count: number): Promise<void> {
  for (let each = 0; each < count; each++) {
    use(kit, 100);
    await kit.anomalies.sweep();
    kit.clock.advance(day - 100 * minute);
  }
}

const limits = async ({ anomalies }: AnomalyKit) =>
  (await anomalies.baseline('api-key:busy'))?.measures.map(({ limit }) => limit ?? 0) ?? [];

// Attack: whoever can move the clock for two minutes makes the plant's own use an anomaly for weeks, or a theft usual.
for (const jump of [-400, -30, 3, 30, 365])
  test(`a clock that is ${jump} days off for two minutes moves no limit and makes no anomaly`, async () => {
    const storage = createSqliteStorage({ file: ':memory:', clock: systemClock });
    const kit = await openKit(storage);
    kit.anomalies.note(useOf(key));
    await kit.anomalies.sweep();
    await days(kit, 10);
    const before = await limits(kit);
    kit.clock.advance(jump * day);
    use(kit, 2);
    await kit.anomalies.sweep();
    kit.clock.advance(-jump * day);
    await days(kit, 3);
    const after = await limits(kit);
    for (const [index, limit] of before.entries()) {
      const ratio = (after[index] ?? 0) / Math.max(1, limit);
      assert.ok(limit === 0 || (ratio > 0.8 && ratio < 1.25), `${before} became ${after}`);
    }
    assert.deepEqual(kit.told, []);
    await storage.close();
  });

test('a clock that stays where it is is believed after an hour, and one that goes on always is', () => {
  const clock = createSteadyClock(0);
  for (let at = 0; at < 3 * day; at += 12 * hour) assert.equal(clock.isSteady(at), true);
  const later = 40 * day;
  for (let at = 0; at < hour; at += minute) assert.equal(clock.isSteady(later + at), false);
  assert.equal(clock.isSteady(later + hour), true);
  assert.equal(clock.isSteady(later + 2 * hour), true);
  assert.equal(clock.isSteady(3 * day), false, 'it was the wrong one');
  assert.equal(clock.isSteady(3 * day + hour), true);
});

test('jumps to and fro are never believed, however long they go on', () => {
  const clock = createSteadyClock(0);
  for (let at = 0; at < 5 * hour; at += minute) {
    assert.equal(clock.isSteady(at), true);
    assert.equal(clock.isSteady(at + 30 * day), false);
  }
});

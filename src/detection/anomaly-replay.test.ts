import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../kernel/clock.ts';
import { anonymous } from '../kernel/principal.ts';
import { createSqliteStorage } from '../storage/index.ts';
import { type AnomalyKit, day, hour, keyOf, minute, openKit, useOf } from './anomalies-kit.contract.ts';

const { CI, TWINKEEP_VECTORS } = process.env;
const vectors = TWINKEEP_VECTORS ?? resolve(import.meta.dirname, '../../../shared/vectors');
const file = resolve(vectors, 'energy/steel_readings_2018-01_07.csv');

/** A quarter of an hour of the steelworks: when it was sent, and how much was used in it. */
interface Quarter {
  readonly at: number;
  readonly kwh: number;
}

async function readQuarters(): Promise<readonly Quarter[]> {
  const [, ...rows] = (await readFile(file, 'utf8')).trimEnd().split('\n');
  return rows.map((row) => {
    const [, time = '', kwh] = row.split(',');
    return { at: Date.parse(time), kwh: Number(kwh) };
  });
}

const meter = keyOf('meter');
const panel = keyOf('panel');

/** The post of the meter, and the panel of the works, which reads more the more there is to do. */
async function playQuarter({ anomalies, clock }: AnomalyKit, { at, kwh }: Quarter): Promise<void> {
  clock.advance(Math.max(0, at - clock.now()));
  anomalies.note(useOf(meter, { bytes: 650 + (at % 7) }));
  for (let n = 0; n < 4; n++)
    anomalies.note(useOf(panel, { bytes: 20_000 + Math.round(kwh * 200), records: 96, status: 200 }));
  if ((at / (15 * minute)) % 96 === 0) await anomalies.sweep();
}

/** Plays on until it is found. @returns what was found, and after how long of the attack */
async function attack(
  kit: AnomalyKit,
  kind: string,
  everyMs: number,
  step: () => void,
): Promise<{ readonly afterMs: number; readonly requests: number }> {
  const start = kit.clock.now();
  for (let requests = 1; requests <= 2_000; requests++) {
    step();
    const before = kit.told.length;
    if (kit.told.some((one) => one.kind === kind)) return { afterMs: kit.clock.now() - start, requests };
    await Promise.resolve();
    if (kit.told.length > before) continue;
    kit.clock.advance(everyMs);
  }
  return assert.fail(`${kind} was not found`);
}

const isMissing = !existsSync(file) && CI === undefined ? 'the readings of the steelworks are not here' : false;

test('seven months of a real plant are usual, and what is done with its keys in a night is not', {
  skip: isMissing,
}, async (t) => {
  const quarters = await readQuarters();
  const [first] = quarters;
  assert.ok(first);
  const storage = createSqliteStorage({ file: ':memory:', clock: systemClock });
  const kit = await openKit(storage, {}, first.at);
  for (const one of [meter, panel, anonymous]) kit.anomalies.note(useOf(one));
  await kit.anomalies.sweep();
  for (const quarter of quarters) {
    await playQuarter(kit, quarter);
    for (let n = 0; n < 3; n++)
      kit.anomalies.note(useOf(anonymous, { address: `192.0.2.${n}`, status: n ? 200 : 401 }));
  }
  await kit.anomalies.sweep();
  assert.deepEqual(kit.told, [], 'no false alarm');

  kit.clock.advance(day - (kit.clock.now() % day) + 17 * hour); // two in the night over there
  const usual = 4 * (20_000 + 3 * 200) * 4;
  const theft = await attack(kit, 'volume', 30_000, () =>
    kit.anomalies.note(useOf(panel, { bytes: (usual * 50) / 120, records: 0, status: 200 })),
  );
  kit.anomalies.note(useOf(meter)); // at home, as ever
  const abroad = await attack(kit, 'travel', 1_000, () =>
    kit.anomalies.note(useOf(meter, { address: '198.51.100.7' })),
  );
  const scan = await attack(kit, 'errors', 500, () =>
    kit.anomalies.note(useOf(anonymous, { address: '198.51.100.99', status: 404 })),
  );
  await kit.anomalies.sweep();
  t.diagnostic(`theft of 50 times an hour's volume: after ${theft.afterMs / minute} min, ${theft.requests} requests`);
  t.diagnostic(`key used from another country: after ${abroad.afterMs / 1_000} s, ${abroad.requests} requests`);
  t.diagnostic(`scanner: after ${scan.afterMs / 1_000} s, ${scan.requests} requests`);
  assert.ok(theft.afterMs <= 30 * minute && abroad.requests <= 3 && scan.requests <= 40);
  assert.deepEqual(kit.events.map(({ data }) => data.kind).sort(), ['errors', 'travel', 'volume']);
  await storage.close();
});

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Readings } from './readings.ts';
import { inFile, linesOf, north, streamOf, withKit } from './readings-kit.contract.ts';

const { CI, TWINKEEP_VECTORS } = process.env;
const vectors = TWINKEEP_VECTORS ?? resolve(import.meta.dirname, '../../../shared/vectors');
const file = resolve(vectors, 'energy/steel_readings_2018-01_07.csv');
const ROWS = 20_352;
const SUM = 602_874.17;
const ROW = /^([^,]+),([^,]+),([^,]+),([^,]*),"([^"]*)"$/;

/** The file as it is sent: its rows are simple enough for one pattern, and one that isn't fails the test. */
async function readRows() {
  const [, ...rows] = (await readFile(file, 'utf8')).trimEnd().split('\n');
  return rows.map((row) => {
    const [, meter_id, timestamp, energy, power, location] = ROW.exec(row) ?? assert.fail(`not a row: ${row}`);
    return { meter_id, timestamp, energy_consumption: Number(energy), power_factor: Number(power), location };
  });
}

async function totalsOf(readings: Readings) {
  const totals = { pages: 0, count: 0, sum: 0, locations: new Set<string | null>() };
  let cursor: string | undefined;
  do {
    const page = await readings.list(north.tenantId, { meter_id: 'STEEL-GWANGYANG-01', limit: 1_000, cursor });
    totals.pages += 1;
    totals.count += page.items.length;
    for (const item of page.items) {
      totals.sum += item.energy_consumption;
      totals.locations.add(item.location);
    }
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return totals;
}

/** In CI an absent file is a failure, for there nobody reads what was skipped. */
function isAbsent(t: TestContext): boolean {
  if (existsSync(file) || CI === 'true') return false;
  t.skip(`${file} is not there; set TWINKEEP_VECTORS`);
  return true;
}

test('half a year of a steel plant goes in once, however often it is sent, and comes out whole', async (t) => {
  if (isAbsent(t)) return;
  await withKit(inFile, async ({ readings }) => {
    const text = linesOf(await readRows());
    const first = await readings.takeLines(north, streamOf(text));
    assert.deepEqual([first.lines, first.stored, first.repeated], [ROWS, ROWS, 0]);
    const again = await readings.takeLines(north, streamOf(text));
    assert.deepEqual([again.lines, again.stored, again.repeated], [ROWS, 0, ROWS]);

    const totals = await totalsOf(readings);
    assert.deepEqual([totals.pages, totals.count, totals.sum.toFixed(2)], [21, ROWS, SUM.toFixed(2)]);
    assert.deepEqual([...totals.locations], ['Gwangyang, KR']);
  });
});

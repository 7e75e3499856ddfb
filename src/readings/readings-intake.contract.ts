import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  expectFault,
  linesOf,
  type MakeStorage,
  north,
  readAll,
  sample,
  sampleItem,
  series,
  streamOf,
  withKit,
} from './readings-kit.contract.ts';

/** How a stream of lines is taken, on any database. */
export function intakeContract(make: MakeStorage): void {
  describe('taking a stream', () => {
    goodLinesTests(make);
    badLinesTests(make);
  });
}

function goodLinesTests(make: MakeStorage): void {
  test('lines are stored in batches, each with an entry of its own', () =>
    withKit(make, async (kit) => {
      const text = linesOf(series(250));
      const answer = await kit.with({ batchLines: 100 }).takeLines(north, streamOf(text));
      assert.deepEqual(answer, {
        lines: 250,
        accepted: 250,
        stored: 250,
        repeated: 0,
        resume_line: 251,
        resume_byte: text.length,
        bad_lines: [],
      });
      assert.deepEqual(
        kit.entries.map((entry) => entry.facts?.['count']),
        [100, 100, 50],
      );
      assert.equal((await readAll(kit.readings, north)).length, 250);
    }));

  test('a stream sent twice is stored once', () =>
    withKit(make, async (kit) => {
      const readings = kit.with({ batchLines: 100 });
      const text = linesOf(series(250).map((reading) => ({ ...reading, location: 'hall 1' })));
      await readings.takeLines(north, streamOf(text));
      const answer = await readings.takeLines(north, streamOf(text));
      assert.deepEqual([answer.accepted, answer.stored, answer.repeated], [250, 0, 250]);
    }));
}

function badLinesTests(make: MakeStorage): void {
  test('a bad line keeps its batch and all later ones out, and says where to go on', () =>
    withKit(make, async (kit) => {
      const good = series(60);
      const values: unknown[] = [...good];
      values[34] = { ...good[34], energy_consumption: '34' };
      values[57] = 'not JSON';
      const facts = await expectFault(
        'READING_LINES_REFUSED',
        kit.with({ batchLines: 10 }).takeLines(north, streamOf(linesOf(values))),
      );
      assert.deepEqual(facts, {
        lines: 60,
        accepted: 30,
        stored: 30,
        repeated: 0,
        resume_line: 31,
        resume_byte: linesOf(good.slice(0, 30)).length,
        bad_lines: [
          { line: 35, field: 'energy_consumption', reason: 'Invalid input: expected number, received string' },
          { line: 58, field: null, reason: 'is not JSON' },
        ],
      });
      assert.equal((await readAll(kit.readings, north)).length, 30);
      assert.equal(kit.entries.length, 3);
    }));

  test('a conflict refuses its batch and names every line of it with both values', () =>
    withKit(make, async (kit) => {
      await kit.send(north, sample);
      const offered = { ...sample, location: 'Pohang' };
      const values = [...series(15), offered, { ...sample, energy_consumption: 4 }, ...series(30, 'N')];
      const facts = await expectFault(
        'READING_LINES_REFUSED',
        kit.with({ batchLines: 10 }).takeLines(north, streamOf(linesOf(values))),
      );
      const stored = { energy_consumption: 3.17, power_factor: 0.7321 };
      const reason = 'differs from the reading of this meter and time that came first';
      assert.deepEqual(facts['bad_lines'], [
        {
          line: 16,
          field: 'location',
          reason,
          stored: { ...stored, location: 'Gwangyang, KR' },
          offered: { ...stored, location: 'Pohang' },
        },
        { line: 17, field: 'energy_consumption', reason, stored, offered: { ...stored, energy_consumption: 4 } },
      ]);
      assert.deepEqual([facts['lines'], facts['accepted'], facts['resume_line']], [47, 10, 11]);
      assert.deepEqual(await readAll(kit.readings, north, 100).then((items) => items.length), 11);
      assert.deepEqual((await readAll(kit.readings, north)).at(-1), sampleItem);
    }));
}

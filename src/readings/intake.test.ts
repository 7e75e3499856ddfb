import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  expectFault,
  inFile,
  inMemory,
  linesOf,
  north,
  readAll,
  series,
  streamOf,
  withKit,
} from './readings-kit.contract.ts';

const SLICE = Buffer.alloc(65_536, 'x');

/** Gives the same chunk for as long as it is asked, and counts how often. */
function endless(chunk: Buffer, most = Number.POSITIVE_INFINITY) {
  const count = { bytes: 0 };
  function* chunks() {
    while (count.bytes < most) {
      count.bytes += chunk.length;
      yield chunk;
    }
  }
  return { stream: Readable.from(chunks(), { objectMode: true, highWaterMark: 1 }), count };
}

async function peakMemory(work: () => Promise<unknown>): Promise<number> {
  const used = () => process.memoryUsage().rss;
  const before = used();
  let peak = before;
  const timer = setInterval(() => {
    peak = Math.max(peak, used());
  }, 5);
  await work().finally(() => clearInterval(timer));
  return peak - before;
}

const MIB = 1_048_576;

describe('a stream that goes on after a refusal', () => {
  test('what is sent again from the resume position, mended, makes the whole', () =>
    withKit(inMemory, async (kit) => {
      const broken = fc.constantFrom('{', '{}', '[]', 'null', '"\\u0000"', '\u0000', '{"meter_id":1}');
      const place = fc.record({
        at: fc.nat(60),
        with: fc.option(broken),
        ending: fc.constantFrom('\n', '\r\n', '\n\n \n'),
      });
      let meter = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(place, { maxLength: 4, selector: ({ at }) => at }),
          fc.integer({ min: 1, max: 20 }),
          async (places, batchLines) => {
            const readings = kit.with({ batchLines });
            const lines = series(61, `M${meter++}`).map((value) => JSON.stringify(value));
            const ends = lines.map((_, index) => places.find(({ at }) => at === index)?.ending ?? '\n');
            const bad = new Set(places.filter((each) => each.with !== null).map(({ at }) => at));
            const textOf = (mended: boolean) =>
              lines
                .map(
                  (line, index) =>
                    (mended || !bad.has(index) ? line : (places.find(({ at }) => at === index)?.with ?? line)) +
                    ends[index],
                )
                .join('');
            let stored = 0;
            let from = 0;
            if (bad.size > 0) {
              const facts = await expectFault(
                'READING_LINES_REFUSED',
                readings.takeLines(north, streamOf(textOf(false), 99)),
              );
              assert.equal(Number(facts['accepted']), Math.floor(Math.min(...bad) / batchLines) * batchLines);
              stored = Number(facts['stored']);
              from = Number(facts['resume_byte']);
            }
            const rest = await readings.takeLines(north, streamOf(Buffer.from(textOf(true)).subarray(from), 99));
            assert.deepEqual([stored + rest.stored, rest.repeated, rest.bad_lines.length], [61, 0, 0]);
          },
        ),
        { numRuns: 60 },
      );
    }));

  test('reading stops at 100 bad lines, and the source is left whole', () =>
    withKit(inMemory, async ({ readings }) => {
      const { stream, count } = endless(Buffer.from('{"meter_id":"<script>"}\n'.repeat(50)));
      const facts = await expectFault('READING_LINES_REFUSED', readings.takeLines(north, stream));
      const badLines = facts['bad_lines'];
      assert.equal(Array.isArray(badLines) && badLines.length, 100);
      assert.ok(count.bytes < 10_000, String(count.bytes));
      assert.equal(stream.destroyed, false); // destroying it would cut the connection under the answer
    }));
});

describe('a stream that is cut', () => {
  test('keeps the batches that are stored, drops the unfinished one, and says where to go on', () =>
    withKit(inMemory, async (kit) => {
      const lines = series(25).map((value) => `${JSON.stringify(value)}\n`);
      async function* cut() {
        yield Buffer.from(lines.slice(0, 24).join(''));
        await new Promise((resolve) => setImmediate(resolve));
        throw new Error('aborted');
      }
      const facts = await expectFault(
        'HTTP_BODY_CUT_SHORT',
        kit.with({ batchLines: 10 }).takeLines(north, Readable.from(cut())),
      );
      assert.deepEqual([facts['lines'], facts['accepted'], facts['stored'], facts['resume_line']], [24, 20, 20, 21]);
      assert.equal(facts['resume_byte'], lines.slice(0, 20).join('').length);
      assert.equal((await readAll(kit.readings, north)).length, 20);
    }));

  test('by a storage that is gone, says what was kept before', () =>
    withKit(inFile, async (kit) => {
      const lines = series(40).map((value) => `${JSON.stringify(value)}\n`);
      async function* cut() {
        yield Buffer.from(lines.slice(0, 20).join(''));
        while (kit.entries.length < 2) await new Promise((resolve) => setImmediate(resolve));
        await kit.storage.close();
        yield Buffer.from(lines.slice(20).join(''));
      }
      const facts = await expectFault(
        'STORAGE_UNAVAILABLE',
        kit.with({ batchLines: 10 }).takeLines(north, Readable.from(cut())),
      );
      assert.deepEqual([facts['accepted'], facts['resume_line']], [20, 21]);
    }).catch((error: unknown) => assert.match(String(error), /database is not open/))); // closed twice
});

describe('a hostile stream', () => {
  // Attack: one line without end, so that whoever gathers it runs out of memory, or waits for ever.
  test('a line without end is given up within 64 MiB, in bounded memory', () =>
    withKit(inMemory, async ({ readings }) => {
      const { stream, count } = endless(SLICE);
      const peak = await peakMemory(async () => {
        const facts = await expectFault('READING_LINES_REFUSED', readings.takeLines(north, stream));
        const tooLong = { line: 1, field: null, reason: 'is longer than 16384 bytes' };
        assert.deepEqual([facts['lines'], facts['accepted'], facts['bad_lines']], [1, 0, [tooLong]]);
      });
      assert.ok(count.bytes < 65 * MIB, String(count.bytes));
      assert.ok(peak < 48 * MIB, `${peak} bytes`);
    }));

  test('millions of blank lines cost neither memory nor the turns of others', () =>
    withKit(inMemory, async ({ readings }) => {
      const { stream } = endless(Buffer.alloc(65_536, '\n'), 4 * MIB);
      let turns = 0;
      const timer = setInterval(() => turns++, 1);
      const peak = await peakMemory(async () => {
        const answer = await readings.takeLines(north, stream);
        assert.deepEqual([answer.lines, answer.resume_line], [0, 4 * MIB + 1]);
      });
      clearInterval(timer);
      assert.ok(turns > 10, `${turns} turns`);
      assert.ok(peak < 48 * MIB, `${peak} bytes`);
    }));

  test('deep, binary and half lines are bad lines like any other', () =>
    withKit(inMemory, async ({ readings }) => {
      const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
      const hostile = [
        deep(8_000),
        `{"meter_id":${deep(8)}}`,
        '\0'.repeat(99),
        '{"a":',
        'nul',
        '{"__proto__":{}}',
        '\uFEFF{}',
      ];
      const facts = await expectFault('READING_LINES_REFUSED', readings.takeLines(north, streamOf(linesOf(hostile))));
      const [first, second, ...rest] = Array.isArray(facts['bad_lines']) ? facts['bad_lines'] : [];
      assert.deepEqual(
        [first, second],
        [
          { line: 1, field: null, reason: 'is nested too deeply' },
          { line: 2, field: null, reason: 'is nested too deeply' },
        ],
      );
      assert.equal(rest.length, 5);
    }));
});

// Attack: a sender faster than the disk fills the memory with what waits to be stored.
test('a sender is slowed down to what is stored: at most two batches wait', () =>
  withKit(inFile, async (kit) => {
    let sent = 0;
    let most = 0;
    function* source() {
      for (const value of series(2_000)) {
        sent += 1;
        most = Math.max(most, sent - kit.entries.length * 100);
        yield Buffer.from(`${JSON.stringify(value)}\n`);
      }
    }
    const stream = Readable.from(source(), { objectMode: true, highWaterMark: 1 });
    const answer = await kit.with({ batchLines: 100 }).takeLines(north, stream);
    assert.equal(answer.stored, 2_000);
    assert.ok(most <= 210, `${most} lines ahead`);
  }));

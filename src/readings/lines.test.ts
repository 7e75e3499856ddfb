import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createLineCutter, type Line, MAX_LINE_BYTES } from './lines.ts';

/** Cuts bytes that arrive in chunks of the given sizes, the last size for all the rest. */
function cut(bytes: Buffer, sizes: readonly number[] = [bytes.length]) {
  const cutter = createLineCutter();
  const lines: Line[] = [];
  let from = 0;
  for (let turn = 0; from < bytes.length; turn++) {
    const size = Math.max(1, sizes[turn] ?? sizes.at(-1) ?? 1);
    lines.push(...cutter.cut(bytes.subarray(from, from + size)));
    from += size;
  }
  const last = cutter.rest();
  if (last !== undefined) lines.push(last);
  return { lines, position: cutter.position() };
}

const textsOf = (lines: readonly Line[]) => lines.map((line) => (line.kind === 'text' ? line.text : line.reason));

test('lines end in LF or CR LF, the last one in nothing, and blank ones are counted only', () => {
  const { lines, position } = cut(Buffer.from('one\r\n\n  \t\r\ntwo\n{"a": "ü"}'));
  assert.deepEqual(lines, [
    { number: 1, next: { line: 2, byte: 5 }, kind: 'text', text: 'one' },
    { number: 4, next: { line: 5, byte: 15 }, kind: 'text', text: 'two' },
    { number: 5, next: { line: 6, byte: 26 }, kind: 'text', text: '{"a": "ü"}' },
  ]);
  assert.deepEqual(position, { line: 6, byte: 26 });
});

test('a line of 16 KiB is taken and one byte more is not, however it arrives', () => {
  const longest = 'x'.repeat(MAX_LINE_BYTES);
  for (const sizes of [[1_000_000], [1], [MAX_LINE_BYTES], [MAX_LINE_BYTES + 1], [7, 16_380, 3]]) {
    const { lines, position } = cut(Buffer.from(`${longest}\r\n${longest}x\nok\n${longest}x`), sizes);
    assert.deepEqual(
      lines.map(({ kind, number }) => `${number} ${kind}`),
      ['1 text', '2 bad', '3 text', '4 bad'],
      String(sizes),
    );
    assert.deepEqual(position, { line: 5, byte: 3 * MAX_LINE_BYTES + 2 + 2 + 3 + 1 });
  }
});

// Attack: bytes that are read in two ways by two programs (overlong forms, surrogates, a character cut in two).
test('bytes that are not UTF-8 are bad, and a real U+FFFD is not', () => {
  const bad = [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82], [0x80]];
  for (const bytes of bad) {
    assert.deepEqual(textsOf(cut(Buffer.from([0x22, ...bytes, 0x22, 0x0a])).lines), ['is not UTF-8'], String(bytes));
  }
  assert.deepEqual(textsOf(cut(Buffer.from('"\uFFFD"\n')).lines), ['"\uFFFD"']);
  assert.deepEqual(textsOf(cut(Buffer.from('"€🏭"\n'), [1]).lines), ['"€🏭"']);
});

test('however the bytes are chunked, the lines are the same and each begins where it says', () => {
  const piece = fc.oneof(
    fc.constantFrom('\n', '\r\n', ' ', '', '\r', '\u0000', '€'),
    fc.string({ unit: 'binary', maxLength: 9 }),
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 15 }),
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
      (pieces, sizes) => {
        const bytes = Buffer.from(pieces.join(''));
        const whole = cut(bytes);
        assert.deepEqual(cut(bytes, sizes), whole);
        assert.equal(whole.position.byte, bytes.length);
        const expected = bytes
          .toString()
          .split('\n')
          .map((line) => line.replace(/\r$/, ''));
        assert.deepEqual(
          textsOf(whole.lines),
          expected.filter((line) => line.trim() !== ''),
        );
        for (const { number, next } of whole.lines) {
          const later = whole.lines.filter((line) => line.number > number);
          assert.deepEqual(textsOf(cut(bytes.subarray(next.byte)).lines), textsOf(later));
          assert.equal(cut(bytes.subarray(0, next.byte)).position.line, next.line);
        }
      },
    ),
  );
});

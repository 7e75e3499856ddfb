import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { isFault } from '../kernel/errors.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { createSecret } from '../kernel/secret.ts';
import { masterIdOf } from './master-key.ts';
import { formatShare, parseShare } from './share-text.ts';
import { combineShares, type GivenShare, inspectShares, splitMaster } from './shares.ts';

const random = createSystemRandom();
const bytes = createSecret(random.bytes(32));

const give = (texts: readonly string[], ...numbers: readonly number[]): readonly GivenShare[] =>
  numbers.map((number) => ({ name: `share ${number}`, text: texts[number - 1] ?? '' }));

/** @returns why they were refused */
async function refusal(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (isFault(error, 'VAULT_SHARES')) return `${error.facts['share'] ?? ''}: ${error.facts['reason']}`;
    throw error;
  }
  return assert.fail('it was taken');
}

test('any three of five shares give the key, two do not', async () => {
  const texts = await splitMaster(bytes, { threshold: 3, count: 5 }, random);
  assert.equal(texts.length, 5);
  for (let a = 1; a <= 5; a++) {
    for (let b = a + 1; b <= 5; b++) {
      assert.match(await refusal(() => combineShares(give(texts, a, b))), /2 of the 3/);
      for (let c = b + 1; c <= 5; c++) {
        assert.deepEqual((await combineShares(give(texts, c, a, b))).reveal(), bytes.reveal());
      }
    }
  }
  assert.deepEqual((await combineShares(give(texts, 1, 2, 3, 4, 5))).reveal(), bytes.reveal());
  assert.match(await refusal(() => combineShares(give(texts, 1, 1, 1))), /1 of the 3/);
  const found = { master: masterIdOf(bytes.reveal()), threshold: 3, count: 5, numbers: [2, 4] };
  assert.deepEqual(inspectShares(give(texts, 4, 2, 4)), found);
});

test('numbers that make no sense are refused', async () => {
  const wrong = [
    [1, 1],
    [1, 5],
    [3, 2],
    [2, 256],
    [2.5, 5],
    [2, Number.NaN],
  ] as const;
  for (const [threshold, count] of wrong) {
    assert.match(await refusal(() => splitMaster(bytes, { threshold, count }, random)), /threshold|most/);
  }
  assert.equal((await splitMaster(bytes, { threshold: 2, count: 255 }, random)).length, 255);
});

// Attack: a share is altered where it lies, or was copied with a slip.
test('a share with any byte flipped, cut, repeated, swapped or appended is refused, with its place', async () => {
  const [text = ''] = await splitMaster(bytes, { threshold: 2, count: 3 }, random);
  const place = /(line \d+, character \d+|row \d+, group \d+|groups of 22|too long)/;
  const source = Buffer.from(text);
  for (let at = 0; at < source.length; at++) {
    for (const flip of [1, 0x20, 0x80, 0xff]) {
      const altered = Buffer.from(source);
      altered.writeUInt8(altered.readUInt8(at) ^ flip, at);
      assert.match(await refusal(() => parseShare(altered.toString('latin1'), 's')), place, `${at} ${flip}`);
    }
    if (at < source.length - 1) {
      assert.match(await refusal(() => parseShare(text.slice(0, at), 's')), place, `cut at ${at}`);
    }
    const twice = `${text.slice(0, at + 1)}${text.slice(at)}`;
    assert.match(await refusal(() => parseShare(twice, 's')), place, `repeated ${at}`);
    if (at + 1 >= source.length || source[at] === source[at + 1]) continue;
    const swapped = Buffer.concat([
      source.subarray(0, at),
      Buffer.from(source.subarray(at, at + 2)).reverse(),
      source.subarray(at + 2),
    ]);
    assert.match(await refusal(() => parseShare(swapped.toString('latin1'), 's')), place, `swapped ${at}`);
  }
  for (const more of [' ', '\n', 'X', '\0', text]) {
    assert.match(await refusal(() => parseShare(text + more, 's')), place, JSON.stringify(more));
  }
});

test('a slip in a group is named by its row and group', async () => {
  const [text = ''] = await splitMaster(bytes, { threshold: 2, count: 3 }, random);
  const lines = text.split('\n');
  const row = lines[4] ?? '';
  const letter = row.charAt(17) === 'A' ? 'B' : 'A';
  const slipped = lines.with(4, row.slice(0, 17) + letter + row.slice(18)).join('\n');
  assert.match(
    await refusal(() => parseShare(slipped, 'lid of the piano')),
    /lid of the piano: row 2, group 3 has a slip/,
  );
});

test('the groups alone, typed from paper in small letters, are the share', async () => {
  const texts = await splitMaster(bytes, { threshold: 2, count: 3 }, random);
  const typed = texts.map((text) => text.split('\n').slice(3).join('\r\n\t ').toLowerCase());
  assert.deepEqual((await combineShares(give(typed, 1, 3))).reveal(), bytes.reveal());
  const bare = texts.map((text) => text.split('\n').slice(3).join(' ').replaceAll(/ \d /g, ' '));
  assert.deepEqual((await combineShares(give(bare, 2, 3))).reveal(), bytes.reveal());
  assert.match(await refusal(() => parseShare('', 's')), /0 groups/);
});

// Attack: shares of another key or another splitting are mixed in, to have a key that nobody split.
test('shares of different keys or splittings do not go together', async () => {
  const splitting = { threshold: 2, count: 3 };
  const texts = await splitMaster(bytes, splitting, random);
  const later = await splitMaster(bytes, splitting, random);
  const other = await splitMaster(createSecret(random.bytes(32)), splitting, random);
  const mixed = (from: readonly string[]) => [...give(texts, 1), ...give(from, 2)];
  assert.match(await refusal(() => combineShares(mixed(later))), /share 2: .*another time/);
  assert.match(await refusal(() => combineShares(mixed(other))), /share 2: .*of the master key/);
  assert.match(await refusal(() => combineShares([])), /none/);
});

// Attack: a holder prints a share of their own with the numbers of the set and a right checksum.
test('a forged share gives no key, and the refusal says so', async () => {
  const texts = await splitMaster(bytes, { threshold: 2, count: 3 }, random);
  const real = parseShare(texts[1] ?? '', 'share 2');
  const forged = formatShare({ ...real, bytes: random.bytes(33) });
  const mixed = [...give(texts, 1), { name: 'forged', text: forged }];
  assert.match(await refusal(() => combineShares(mixed)), /forged/);
  const twin = formatShare({ ...real, bytes: parseShare(texts[0] ?? '', 'share 1').bytes });
  assert.match(await refusal(() => combineShares([...give(texts, 1), { name: 'twin', text: twin }])), /forged/);
  assert.match(
    await refusal(() => combineShares([...give(texts, 1, 2), { name: 'forged', text: forged }])),
    /differs from/,
  );
  const odd = formatShare({ ...real, number: 9 });
  assert.match(await refusal(() => parseAll([odd])), /make no sense/);
});

const parseAll = (texts: readonly string[]) => inspectShares(texts.map((text) => ({ name: 's', text })));

test('fewer shares than are needed say nothing of the key', async () => {
  const known = createSecret(Buffer.alloc(32, 0xa5));
  const texts = await splitMaster(known, { threshold: 2, count: 2 }, random);
  for (const text of texts) {
    const { bytes: part } = parseShare(text, 's');
    assert.ok(!part.includes(Buffer.alloc(4, 0xa5)));
    assert.ok(!inspect(text).includes(known.reveal().toString('hex')));
  }
});

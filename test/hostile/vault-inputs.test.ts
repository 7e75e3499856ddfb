import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { vectorTest } from '../vectors/vectors.ts';
import { openVaultKit, PLACE, type VaultKit } from './vault-kit.ts';
import { assertProblem } from './wire.ts';

let vault: VaultKit;
before(async () => {
  vault = await openVaultKit();
});
after(() => vault.close());

const STRINGS = 'robustness/naughty_strings.json';
const MOST_ITEMS = 1_000;
const MOST_BYTES = 4_194_304;
const COLUMN = { table: 'users', column: 'email' };
const stringsOf = (text: string): readonly string[] => z.array(z.string()).min(200).parse(JSON.parse(text));

/** What may be kept: everything of at least so many characters but NUL and lone surrogates. */
const isStorable = (text: string, min: number, max: number): boolean =>
  text.length >= min && text.length <= max && text.isWellFormed() && !text.includes('\0');

vectorTest('every string comes back byte for byte from every place, or is refused there', STRINGS, async (file, t) => {
  const strings = stringsOf(file);
  const kept = { table: 0, column: 0, row: 0, text: 0 };
  for (const name of ['table', 'column', 'row', 'text'] as const) {
    const wishes = strings.map((naughty) => ({ ...PLACE, text: naughty, [name]: naughty }));
    const sealed = (await vault.ask('seal/batch', { items: wishes })).json.items;
    const good = wishes.flatMap((wish, at) => {
      const { table, column, row, text } = wish;
      const isNamed = isStorable(table, 1, 200) && isStorable(column, 1, 200) && isStorable(row, 0, 200);
      const isGood = isNamed && isStorable(text, 0, 65_536);
      assert.equal(sealed[at].error?.code, isGood ? undefined : 'HTTP_INPUT_REFUSED', JSON.stringify(wish[name]));
      return isGood ? [{ place: { table, column, row }, text, sealed: String(sealed[at].sealed) }] : [];
    });
    const items = good.map((one) => ({ ...one.place, sealed: one.sealed }));
    const opened = (await vault.ask('open/batch', { items })).json.items;
    const came = opened.map(({ text }: { text: string }) => Buffer.from(text).toString('hex'));
    assert.deepEqual(
      came,
      good.map(({ text }) => Buffer.from(text).toString('hex')),
    );
    kept[name] = good.length;
  }
  for (const count of Object.values(kept)) assert.ok(count > 200);
  t.diagnostic(JSON.stringify(kept));
});

vectorTest('one by one the strings are answered as in a batch', STRINGS, async (file) => {
  for (const naughty of stringsOf(file).filter((_, at) => at % 4 === 0)) {
    const { status, json } = await vault.ask('seal', { ...PLACE, row: naughty, text: naughty });
    if (!isStorable(naughty, 0, 200)) assert.equal(status, 422, JSON.stringify(naughty));
    else assert.equal((await vault.open(json.sealed, { ...PLACE, row: naughty })).json.text, naughty);
  }
});

vectorTest('no string opens, is sealed anew, or is taken for a key', STRINGS, async (file) => {
  const strings = stringsOf(file);
  const items = strings.map((sealed) => ({ ...PLACE, sealed }));
  for (const path of ['open/batch', 'rewrap/batch']) {
    const { json } = await vault.ask(path, { items });
    assert.equal(json.failed, strings.length);
  }
  const { kit } = vault;
  const token = await kit.signIn();
  for (const key of strings) {
    kit.clock.advance(7_000); // so that no limit is met
    const body = { algorithm: 'aes-gcm', key };
    const { status, text } = await kit.call('POST', '/v1/vault/keys/import', { token, body });
    assert.ok(status === 400 || status === 422, `${status} ${JSON.stringify(key)}`);
    assert.ok(key.length < 12 || !text.includes(key), 'what may have been a key is not said again');
  }
});

vectorTest('every string has an index of its own, or is refused, however it is normalised', STRINGS, async (file) => {
  const strings = [...new Set(stringsOf(file))];
  const stored = new Map<string, string>();
  for (const text of strings) {
    const { status, json } = await vault.ask('index', { ...COLUMN, text });
    if (!isStorable(text, 1, 65_536)) assert.equal(status, 422, JSON.stringify(text));
    else {
      assert.match(json.store, /^bi1\.v_\d{8}_\d{6}_[0-9a-f]{4}\.[A-Za-z0-9_-]{22}$/);
      assert.equal(stored.get(json.store), undefined, `${JSON.stringify(text)} has the index of another`);
      stored.set(json.store, text);
    }
  }
  for (const text of strings.filter((_, at) => at % 3 === 0)) {
    for (const more of [
      { normalise: 'fold' },
      { normalise: 'email' },
      { normalise: 'fold', prefix: 3 },
      { prefix: 1 },
    ]) {
      const { status } = await vault.ask('index', { ...COLUMN, text, ...more });
      assert.ok(status === 200 || status === 422);
    }
  }
  for (const name of ['table', 'column'] as const) {
    for (const naughty of strings.filter((_, at) => at % 3 === 0)) {
      const { status } = await vault.ask('index', { ...COLUMN, text: 'x', [name]: naughty });
      assert.equal(status, isStorable(naughty, 1, 200) ? 200 : 422);
    }
  }
});

// Attack: one request asks for more work than anybody should get for one.
test('a batch of 1,000 values is done, and one of 1,001 or of none is refused whole', async () => {
  const items = Array.from({ length: MOST_ITEMS }, (_, at) => ({ ...PLACE, row: String(at), text: 'x', sealed: 'x' }));
  for (const [path, member] of [
    ['seal/batch', 'text'],
    ['open/batch', 'sealed'],
    ['rewrap/batch', 'sealed'],
  ] as const) {
    const own = items.map((item) => ({ ...PLACE, row: item.row, [member]: 'x' }));
    assert.equal((await vault.ask(path, { items: own })).json.items.length, MOST_ITEMS);
    for (const many of [[...own, own[0]], [], Array.from({ length: 200_000 }, () => 0)]) {
      const refused = await vault.ask(path, { items: many });
      const { status, headers, text, json } = refused;
      assertProblem({ status, headers: new Map(headers), body: text }, 422, 'HTTP_INPUT_REFUSED');
      assert.equal(json.errors[0].at, 'body/items');
    }
  }
});

test('a body of 4 MiB is taken, and one of a byte more is refused', async () => {
  const text = 'x'.repeat(65_536);
  const items = Array.from({ length: 63 }, (_, at) => ({ ...PLACE, row: String(at), text }));
  const body = JSON.stringify({ items }).padEnd(MOST_BYTES);
  assert.equal(Buffer.byteLength(body), MOST_BYTES);
  const done = await vault.ask('seal/batch', body);
  assert.deepEqual([done.status, done.json.failed, done.json.items.length], [200, 0, 63]);
  const refused = await vault.ask('seal/batch', `${body} `);
  const { status, headers, text: answer } = refused;
  assertProblem({ status, headers: new Map(headers), body: answer }, 413, 'HTTP_BODY_TOO_LARGE');
});

test('a text of 65,536 bytes is sealed, and one of a byte more is refused', async () => {
  for (const most of ['x'.repeat(65_536), 'é'.repeat(32_768), '\u0001'.repeat(65_536), '😀'.repeat(16_384)]) {
    const sealed = await vault.seal(most);
    assert.equal((await vault.open(sealed)).json.text, most);
    for (const longer of [`${most}x`, `${most.slice(1)}€`]) {
      const { status, json } = await vault.ask('seal', { ...PLACE, text: longer });
      assert.deepEqual([status, json.code, json.errors[0].at], [422, 'HTTP_INPUT_REFUSED', 'body/text']);
    }
  }
});

import assert from 'node:assert/strict';
import { createCipheriv, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { sealFernet } from '../crypto/index.ts';
import { isFault } from '../kernel/errors.ts';
import { main, other, type RoutesKit, routesKit } from './routes-kit.contract.ts';

const on = (what: string, work: (kit: RoutesKit) => Promise<void>): void => {
  test(what, async () => {
    const kit = await routesKit();
    try {
      await work(kit);
    } finally {
      await kit.close();
    }
  });
};

const place = { table: 'users', column: 'email', row: '17' };
const by = { principal: { kind: 'operator', tenantId: main } } as const;

const seal = async (kit: RoutesKit, text: string, at: object = place): Promise<string> =>
  (await kit.call('POST', '/v1/vault/seal', { body: { ...at, text } })).json.sealed;

const open = (kit: RoutesKit, sealed: string, at: object = place, tenant = main) =>
  kit.call('POST', '/v1/vault/open', { body: { ...at, sealed }, tenant });

const refused = (code: string, answer: Promise<unknown>, what = '') =>
  assert.rejects(answer, (error) => isFault(error, code), `${code} ${what}`);

on('a sealed value opens where it was sealed, and both say the version', async (kit) => {
  const made = await kit.call('POST', '/v1/vault/seal', { body: { ...place, text: 'ada@example.org' } });
  const { version } = await kit.vault.fields(main);
  assert.deepEqual([made.status, made.json.version], [200, version]);
  assert.ok(made.json.sealed.startsWith(`tk1.${version}.`));
  const opened = await open(kit, made.json.sealed);
  assert.deepEqual(opened.json, { text: 'ada@example.org', version, form: 'envelope' });
});

on('opening is noted as a read of the column, never of the row', async (kit) => {
  const opened = await open(kit, await seal(kit, 'x'));
  assert.deepEqual([opened.records, opened.object], [1, 'external.users.email']);
  assert.equal(kit.route('POST', '/v1/vault/open').records, 'read');
  assert.equal(kit.route('POST', '/v1/vault/open/batch').records, 'read');
  const items = [
    { ...place, sealed: await seal(kit, 'x') },
    { ...place, row: '18', sealed: 'junk' },
  ];
  const many = await kit.call('POST', '/v1/vault/open/batch', { body: { items } });
  assert.deepEqual([many.records, many.object], [1, 'external.users.email']);
});

// Attack: a ciphertext is copied to another row, column or table, where somebody may read it.
on('a sealed value opens at no other place', async (kit) => {
  const sealed = await seal(kit, 'secret');
  for (const at of [{ row: '18' }, { column: 'phone' }, { table: 'user' }, { table: 'users.email', column: '' }]) {
    const answer = open(kit, sealed, { ...place, ...at });
    await refused('column' in at && at.column === '' ? 'HTTP_INPUT_REFUSED' : 'VAULT_UNREADABLE', answer);
  }
});

// Attack: a tenant hands in the ciphertext of another.
on('a value of another tenant does not open, and its key is not known there', async (kit) => {
  const sealed = await seal(kit, 'secret');
  await refused('VAULT_KEY_UNKNOWN', open(kit, sealed, place, other));
});

// Attack: an envelope out of our own tables is put before the API by somebody who could read the database.
on('what is sealed inside does not open through the API, nor the other way round', async (kit) => {
  const fields = await kit.vault.fields(main);
  await refused('VAULT_UNREADABLE', open(kit, fields.seal(place, 'inside')));
  const outside = await seal(kit, 'outside');
  assert.throws(() => fields.open(place, outside), { code: 'VAULT_UNREADABLE' });
});

// Attack: bytes of the ciphertext are altered until something opens.
on('a value with any one character altered, cut, repeated or appended does not open', async (kit) => {
  const sealed = await seal(kit, 'secret text');
  const spoilt = [
    sealed.slice(1),
    sealed.slice(0, -1),
    `${sealed}A`,
    `${sealed}=`,
    `${sealed}\n`,
    ` ${sealed}`,
    sealed + sealed,
  ];
  for (let at = 0; at < sealed.length; at++) {
    for (const bit of [1, 2, 16, 32]) {
      const letter = String.fromCharCode(sealed.charCodeAt(at) ^ bit);
      spoilt.push(sealed.slice(0, at) + letter + sealed.slice(at + 1));
    }
  }
  const batches = Array.from({ length: Math.ceil(spoilt.length / 1_000) }, (_, n) =>
    spoilt.slice(n * 1_000, n * 1_000 + 1_000),
  );
  for (const some of batches) {
    const items = some.map((each) => ({ ...place, sealed: each }));
    const { json } = await kit.call('POST', '/v1/vault/open/batch', { body: { items } });
    assert.equal(json.failed, some.length);
    const codes = new Set(json.items.map((one: { error: { code: string } }) => one.error.code));
    for (const code of codes) assert.ok(code === 'VAULT_UNREADABLE' || code === 'VAULT_KEY_UNKNOWN', String(code));
  }
});

on('a version that is not known is named', async (kit) => {
  const sealed = await seal(kit, 'x');
  const unknown = 'v_20200101_000000_0000';
  const foreign = `tk1.${unknown}.${sealed.split('.')[2]}`;
  await assert.rejects(open(kit, foreign), { code: 'VAULT_KEY_UNKNOWN', facts: { version: unknown } });
  const { json } = await kit.call('POST', '/v1/vault/open/batch', { body: { items: [{ ...place, sealed: foreign }] } });
  const { code, at, version } = json.items[0].error;
  assert.deepEqual([code, at, version], ['VAULT_KEY_UNKNOWN', '/items/0/sealed', unknown]);
});

on('a batch keeps its order and every item answers for itself', async (kit) => {
  const good = Array.from({ length: 600 }, (_, at) => ({ ...place, row: String(at), text: `text ${at}` }));
  const bad = [
    [{ ...place, column: '' }, '/column'],
    [{ ...place, row: 'a\0b', text: 'x' }, '/row'],
    [{ ...place, table: 'x'.repeat(201), text: 'x' }, '/table'],
    [{ ...place, column: '\ud800', text: 'x' }, '/column'],
    [{ ...place, column: 7, text: 'x' }, '/column'],
    [{ ...place, text: '\udc00' }, '/text'],
    [{ ...place, text: 'a\0' }, '/text'],
    [{ ...place, text: 'x'.repeat(65_537) }, '/text'],
    [{ ...place, text: 'é'.repeat(32_769) }, '/text'],
    [{ ...place }, '/text'],
    [{ ...place, text: 'x', more: 1 }, '/more'],
    [null, ''],
    [[], '/table'],
    ['text', ''],
  ] as const;
  const items = [...good.slice(0, 300), ...bad.map(([item]) => item), ...good.slice(300)];
  const sealed = (await kit.call('POST', '/v1/vault/seal/batch', { body: { items } })).json;
  assert.deepEqual([sealed.failed, sealed.items.length], [bad.length, items.length]);
  for (const [n, [, at]] of bad.entries()) {
    const { error } = sealed.items[300 + n];
    assert.deepEqual([error.code, error.at], ['HTTP_INPUT_REFUSED', `/items/${300 + n}${at}`]);
  }
  const back = [...sealed.items.slice(0, 300), ...sealed.items.slice(300 + bad.length)].map((one, at) => ({
    ...place,
    row: String(at),
    sealed: one.sealed,
  }));
  const opened = (await kit.call('POST', '/v1/vault/open/batch', { body: { items: back } })).json;
  assert.deepEqual(
    opened.items.map(({ text }: { text: string }) => text),
    good.map(({ text }) => text),
  );
});

on('a body that is no batch is refused whole, with its place', async (kit) => {
  const item = { ...place, text: 'x' };
  const cases: [unknown, string][] = [
    [[], 'body'],
    [null, 'body'],
    [{ items: {} }, 'body/items'],
    [{ items: [] }, 'body/items'],
    [{ items: Array.from({ length: 1_001 }, () => item) }, 'body/items'],
    [{ items: [item], more: 1 }, 'body/more'],
    [JSON.parse('{"items":[],"__proto__":{}}'), 'body/__proto__'],
  ];
  for (const [body, at] of cases) {
    await assert.rejects(kit.call('POST', '/v1/vault/seal/batch', { body: body ?? 'null' }), (error) => {
      assert.ok(isFault(error, 'HTTP_INPUT_REFUSED'));
      assert.deepEqual(JSON.parse(JSON.stringify(error.facts['errors']))[0].at, at);
      return true;
    });
  }
});

on(
  'legacy values open by imported keys, told apart by themselves, and only in the tenant that imported them',
  async (kit) => {
    const bytes = { fernet: randomBytes(32), 'aes-gcm': randomBytes(32) };
    const [fernet, gcm] = ['fernet', 'aes-gcm'] as const;
    const versions = {
      fernet: (await kit.keys.importLegacy(main, { algorithm: fernet, bytes: bytes.fernet }, by)).version,
      'aes-gcm': (await kit.keys.importLegacy(main, { algorithm: gcm, bytes: bytes['aes-gcm'] }, by)).version,
    };
    const token = sealFernet(bytes.fernet, 'by fernet', { now: kit.clock.now(), iv: randomBytes(16) });
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', bytes['aes-gcm'], nonce);
    const bare = Buffer.concat([nonce, cipher.update('by gcm'), cipher.final(), cipher.getAuthTag()]).toString(
      'base64',
    );
    assert.deepEqual((await open(kit, token)).json, { text: 'by fernet', version: versions.fernet, form: 'fernet' });
    assert.deepEqual((await open(kit, bare)).json, { text: 'by gcm', version: versions['aes-gcm'], form: 'aes-gcm' });
    for (const sealed of [token, bare]) await refused('VAULT_UNREADABLE', open(kit, sealed, place, other));

    const items = [token, bare, 'junk'].map((sealed) => ({ ...place, sealed }));
    const { json } = await kit.call('POST', '/v1/vault/rewrap/batch', { body: { items } });
    assert.deepEqual(
      json.items.map((one: { form: string; changed: boolean }) => [one.form, one.changed]),
      [
        ['fernet', true],
        ['aes-gcm', true],
        [undefined, undefined],
      ],
    );
    assert.equal((await open(kit, json.items[0].sealed)).json.text, 'by fernet');
    assert.equal(json.items[2].error.at, '/items/2/sealed');
  },
);

on('after a rotation values under the old key open, and rewrap brings them under the new one, once', async (kit) => {
  const sealed = await seal(kit, 'x');
  kit.clock.advance(1_000);
  const [rotated] = await kit.keys.rotate({ tenant: main, reason: 'manual' }, by);
  assert.equal((await open(kit, sealed)).json.text, 'x');
  const rewrap = async (value: string) =>
    (await kit.call('POST', '/v1/vault/rewrap/batch', { body: { items: [{ ...place, sealed: value }] } })).json
      .items[0];
  const first = await rewrap(sealed);
  assert.deepEqual([first.changed, first.version], [true, rotated?.new_version]);
  const second = await rewrap(first.sealed);
  assert.deepEqual([second.changed, second.sealed], [false, first.sealed]);
});

on('a key is marked as one of values outside before the first of them leaves', async (kit) => {
  const isMarked = async () => (await kit.keys.status(main)).versions[0]?.external;
  assert.equal(await isMarked(), false);
  await seal(kit, 'x');
  assert.equal(await isMarked(), true);
});

on('an index finds both sides of a rotation, in its own column and beginning alone', async (kit) => {
  const index = async (wish: object) =>
    (await kit.call('POST', '/v1/vault/index', { body: { table: 'users', column: 'email', ...wish } })).json;
  const before = await index({ text: ' Ada@Example.org', normalise: 'email' });
  assert.deepEqual(before.search, [before.store]);
  assert.equal((await index({ text: 'ada@example.org' })).store, before.store);
  assert.notEqual((await index({ text: 'Ada@example.org' })).store, before.store);
  assert.notEqual((await index({ text: 'ada@example.org', column: 'login' })).store, before.store);
  const beginning = await index({ text: 'adam', prefix: 3 });
  assert.equal((await index({ text: 'Ada Lovelace', prefix: 3, normalise: 'fold' })).store, beginning.store);
  assert.notEqual((await index({ text: 'ada' })).store, beginning.store);
  // Attack: a column is named so that its digests are those of another's beginnings.
  const tag = ({ store }: { store: string }): string | undefined => store.split('.').at(-1);
  const likenesses = [
    { column: 'email^3' },
    { table: '.', column: '3.5.users.email' },
    { table: 'external.', column: '3.5.users.email' },
    { table: 'users.email', column: 'x', prefix: 3 },
    { table: 'user', column: 's.email', prefix: 3 },
    { table: '5.users', column: 'email', prefix: 3 },
  ];
  const tags = [beginning];
  for (const at of likenesses) tags.push(await index({ text: 'ada', ...at }));
  assert.equal(new Set(tags.map(tag)).size, tags.length);
  await refused('HTTP_INPUT_REFUSED', index({ text: ' \t', normalise: 'fold' }));

  kit.clock.advance(1_000);
  await kit.keys.rotate({ tenant: main, reason: 'manual' }, by);
  const after = await index({ text: 'ada@example.org' });
  assert.notEqual(after.store, before.store);
  assert.ok(after.search.includes(before.store) && after.search.includes(after.store));
});

on('texts of every kind come back as they were', async (kit) => {
  for (const text of ['', 'x'.repeat(65_536), 'é'.repeat(32_768), '😀\u2028"\\', '{"a":1}']) {
    assert.equal((await open(kit, await seal(kit, text))).json.text, text);
  }
});

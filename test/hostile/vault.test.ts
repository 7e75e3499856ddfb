import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { sealedFields } from '../../src/app/keeping.ts';
import { tenantId } from '../../src/kernel/brand.ts';
import { openVaultKit, PLACE, type VaultKit } from './vault-kit.ts';
import { assertProblem } from './wire.ts';

let vault: VaultKit;
before(async () => {
  vault = await openVaultKit();
});
after(() => vault.close());

const MAIN = tenantId('main');
const TEXT = 'the meter behind the green door';
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

const spliced = (text: string, at: number, count: number, put = ''): string =>
  text.slice(0, at) + put + text.slice(at + count);

/** Whatever can be done to one character, one at a time, and to where the whole begins and ends. */
function* spoiltOf(sealed: string): Generator<string> {
  for (let at = 0; at < sealed.length; at++) {
    const own = sealed.charAt(at);
    for (let bit = 0; bit < 7; bit++) yield spliced(sealed, at, 1, String.fromCharCode(own.charCodeAt(0) ^ (1 << bit)));
    yield spliced(sealed, at, 1); // cut out
    yield spliced(sealed, at, 0, own); // repeated
    yield spliced(sealed, at, 0, 'A');
    yield spliced(
      sealed,
      at,
      2,
      sealed
        .slice(at, at + 2)
        .split('')
        .reverse()
        .join(''),
    );
    if (at > 0) yield sealed.slice(0, at);
    if (at > 0) yield sealed.slice(at);
  }
  for (const end of ['A', '=', '==', '.', '\n', ' ', '\0', `.${sealed}`, sealed, '\u200b']) {
    yield sealed + end;
    yield end + sealed;
  }
}

// Attack: the ciphertext is altered until something opens, or until the answers tell how near it came.
test('an envelope in which any character was flipped, cut, repeated, swapped or added does not open', async (t) => {
  const sealed = await vault.seal(TEXT);
  const spoilt = [...new Set(spoiltOf(sealed))].filter((one) => one !== sealed);
  assert.ok(spoilt.length > 1_000);
  const codes = await vault.codesOf(spoilt);
  const payloadAt = sealed.lastIndexOf('.') + 1;
  for (const [at, code] of codes.entries()) {
    const one = spoilt[at] ?? '';
    const sameHead = one.startsWith(sealed.slice(0, payloadAt));
    if (sameHead)
      assert.equal(code, 'VAULT_UNREADABLE', one); // one code for every kind of damage
    else assert.ok(code === 'VAULT_UNREADABLE' || code === 'VAULT_KEY_UNKNOWN', `${code}: ${JSON.stringify(one)}`);
  }
  t.diagnostic(`${spoilt.length} envelopes`);
  for (const one of spoilt.filter((_, at) => at % 50 === 0)) {
    const { status, json } = await vault.open(one);
    assert.deepEqual([status, json.code], [422, codes[spoilt.indexOf(one)]], 'one by one as by thousands');
    assert.deepEqual(Object.keys(json).includes('text'), false);
  }
});

// Attack: a value that was altered is handed in to be sealed anew, and comes back as a good one.
test('what does not open is not sealed anew', async () => {
  const sealed = await vault.seal(TEXT);
  const by = { principal: { kind: 'operator', tenantId: MAIN } } as const;
  await vault.kit.twinkeep.house.keys.rotate({ tenant: MAIN, reason: 'manual' }, by);
  const items = [...new Set(spoiltOf(sealed))].slice(0, 900).map((one) => ({ ...PLACE, sealed: one }));
  const { json } = await vault.ask('rewrap/batch', { items: [{ ...PLACE, sealed }, ...items] });
  assert.equal(json.failed, items.filter((one) => one.sealed !== sealed).length);
});

// Attack: one envelope under many spellings walks past whoever compares, counts or blocks them.
test('an envelope opens in its canonical spelling alone', async () => {
  for (const text of ['', 'a', 'ab', 'abc']) {
    const sealed = await vault.seal(text); // all the lengths that leave bits over
    const last = ALPHABET.indexOf(sealed.slice(-1));
    const sameBytes = Array.from({ length: 64 }, (_, n) => `${sealed.slice(0, -1)}${ALPHABET[n]}`);
    const others = sameBytes.filter((_, n) => n !== last);
    const payload = sealed.slice(sealed.lastIndexOf('.') + 1);
    const head = sealed.slice(0, sealed.lastIndexOf('.') + 1);
    others.push(
      ...[`${sealed}=`, `${sealed}==`, `${sealed}\n`, `${sealed}%3D`, ` ${sealed}`, sealed.toUpperCase()],
      head + Buffer.from(payload, 'base64url').toString('base64'),
      head + Buffer.from(payload, 'base64url').toString('hex'),
      `${head}${payload.slice(0, 8)}\n${payload.slice(8)}`,
      `${head}${payload.slice(0, 8)}!${payload.slice(8)}`,
      sealed.replace('tk1', 'TK1'),
      sealed.replace('tk1.', 'tk1..'),
      sealed.replace('tk1', 'tk01'),
      `${sealed.slice(0, -1)}${String.fromCharCode(sealed.charCodeAt(sealed.length - 1) + 0xfee0)}`, // full width
    );
    const spellings = [...new Set(others)].filter((one) => one !== sealed);
    const codes = await vault.codesOf(spellings);
    for (const [at, code] of codes.entries()) assert.notEqual(code, undefined, JSON.stringify(spellings[at]));
    assert.equal((await vault.open(sealed)).json.text, text);
  }
});

test('junk is unreadable, whatever it is', async () => {
  const version = (await vault.seal('x')).split('.')[1];
  const junk = [
    ...['x', '.', '..', 'tk1', 'tk1.', 'tk1..', 'tk2.x.y', 'gAAAAA', '=', 'AAAA', '{}', 'null', '__proto__', '💥'],
    ...[
      `tk1.${version}`,
      `tk1.${version}.`,
      `tk1.${version}.A`,
      `tk1.${version}.AAAA`,
      `tk1.${version}.${'A'.repeat(38)}`,
    ],
    ...[
      `tk1.${version}.${'A'.repeat(80_000)}`,
      'A'.repeat(88_000),
      'gAAAAA'.repeat(10_000),
      '\ud800',
      'a\0b',
      'tk1.\0',
    ],
    ...['tk1.constructor.AAAA', 'tk1.__proto__.AAAA', `tk1.${'v'.repeat(22)}.AAAA`, 'bi1.v_20200101_000000_0000.AAAA'],
    Buffer.alloc(60, 7).toString('base64'),
  ];
  for (const one of junk) {
    const { status, json } = await vault.open(one);
    assert.deepEqual([status, json.code], [422, 'VAULT_UNREADABLE'], one.slice(0, 60));
  }
  assert.deepEqual(new Set(await vault.codesOf(junk)), new Set(['VAULT_UNREADABLE']));
  const index = await vault.ask('index', { table: 'users', column: 'email', text: TEXT });
  assert.equal((await vault.open(index.json.store)).json.code, 'VAULT_UNREADABLE');
});

// Attack: a value that somebody may read is put in the place of one that they may not.
test('an envelope opens at no other table, column or row, however the parts are cut', async () => {
  const place = { table: 'users', column: 'email', row: '17' };
  const sealed = await vault.seal(TEXT, place);
  const names = [
    'users',
    'user',
    'users ',
    'Users',
    'ｕsers',
    'users\u200b',
    'external.users',
    'email',
    '17',
    '1',
    '7',
    '*',
    '%',
  ];
  const more = ['usersemail', 'email17', 'users.email', 'emai', '017', '17.0', '\u0001', 'reading', 'public.users'];
  const parts = [...names, ...more];
  const places = parts.flatMap((one) => [
    { ...place, row: one },
    { ...place, column: `${one}email`, row: '' },
    ...parts.flatMap((other) => [
      { ...place, table: one, column: other },
      { ...place, column: one, row: other },
    ]),
  ]);
  const elsewhere = places.filter((one) => Object.values(one).join() !== Object.values(place).join());
  for (let at = 0; at < elsewhere.length; at += 1_000) {
    const items = elsewhere.slice(at, at + 1_000).map((one) => ({ ...one, sealed }));
    const { json } = await vault.ask('open/batch', { items });
    assert.equal(json.failed, items.length);
    for (const { error } of json.items) assert.equal(error.code, 'VAULT_UNREADABLE');
  }
  for (const at of [{ table: 'users\0email', column: '' }, { column: '' }, { row: 17 }, { column: null }]) {
    const answer = await vault.ask('open', { ...place, ...at, sealed });
    assert.deepEqual([answer.status, answer.json.code], [422, 'HTTP_INPUT_REFUSED']);
  }
});

test('a version that is not known is named in the answer, and nothing that only looks like one', async () => {
  const sealed = await vault.seal(TEXT);
  const [, version, payload] = sealed.split('.');
  assert.ok(version !== undefined);
  const unknown = 'v_20200101_000000_0000';
  const named = await vault.open(`tk1.${unknown}.${payload}`);
  assertProblem({ status: named.status, headers: new Map(named.headers), body: named.text }, 422, 'VAULT_KEY_UNKNOWN');
  assert.equal(named.json.version, unknown);
  for (const odd of [version.toUpperCase(), `${version}0`, '<script>alert(1)</script>', 'v_2020010a_000000_0000', '']) {
    const { json, text } = await vault.open(`tk1.${odd}.${payload}`);
    assert.deepEqual([json.code, json.version], ['VAULT_UNREADABLE', undefined]);
    assert.ok(odd === '' || !text.includes(odd));
  }
});

/** Every envelope that stands anywhere in the database, with its table and column, and all that may name its row. */
function envelopesIn(file: string) {
  const db = new DatabaseSync(file, { readOnly: true });
  const tables = db.prepare("select name from sqlite_master where type = 'table'").all();
  const found = tables.flatMap(({ name: table }) =>
    db
      .prepare(`select * from "${table}"`)
      .all()
      .flatMap((row) => {
        const texts = Object.values(row).filter((value) => typeof value === 'string' || typeof value === 'number');
        const places = sealedFields.filter((one) => one.table === table).map((one) => one.row(Object(row)));
        return Object.entries(row).flatMap(([column, value]) =>
          (typeof value === 'string' ? (value.match(/tks?1\.[\w.-]+/g) ?? []) : []).map((sealed) => ({
            sealed,
            table: String(table),
            column,
            rows: [...places, ...texts.map(String)].filter((text) => text.length > 0 && text.length <= 200),
          })),
        );
      }),
  );
  db.close();
  return found;
}

// Attack: whoever reads the database has its secrets opened by the API, with a key that may open fields of others.
test('no envelope that stands in our own database opens through the API', async (t) => {
  const { kit } = vault;
  const token = await kit.signIn();
  const webhook = { url: 'https://hooks.example.org/x', events: ['fuzzed.never'] };
  assert.equal((await kit.call('POST', '/v1/webhooks', { token, body: webhook })).status, 201);
  const reading = { meter_id: 'M1', timestamp: '2026-11-21T11:00:00Z', energy_consumption: 1, location: 'Hall 1' };
  assert.equal((await kit.call('POST', '/v1/readings', { token, body: reading })).status, 201);
  const person = { username: 'ada', password: 'a password of length', roles: [], email: 'ada@example.org' };
  assert.equal((await kit.call('POST', '/v1/users', { token, body: person })).status, 201);
  await kit.twinkeep.house.audit.integrate();
  const inside = envelopesIn(vault.file);
  const columns = new Set(inside.map(({ table, column }) => `${table}.${column}`));
  for (const known of [
    'webhook_endpoint.secret',
    'reading.location',
    'token_key.sealed',
    'person.email',
    'session.device',
  ]) {
    assert.ok(
      [...columns].some((one) => one === known),
      `${known} among ${[...columns]}`,
    );
  }
  const tried = inside.flatMap(({ sealed, table, column, rows }) =>
    rows.flatMap((row) =>
      [table, `external.${table}`, `.${table}`].map((name) => ({ table: name, column, row, sealed })),
    ),
  );
  for (let at = 0; at < tried.length; at += 1_000) {
    const items = tried.slice(at, at + 1_000);
    for (const path of ['open/batch', 'rewrap/batch']) {
      const { json } = await vault.ask(path, { items });
      assert.equal(json.failed, items.length);
    }
  }
  t.diagnostic(`${inside.length} envelopes of ${[...columns].join(', ')}`);
});

// Attack: whoever can write into the database puts a value there that he had sealed for it, and reads what it says.
test('what the API sealed does not open in our own rows', async () => {
  const { kit, file, seal } = vault;
  const token = await kit.signIn();
  const reading = { meter_id: 'M2', timestamp: '2026-11-21T11:00:00Z', energy_consumption: 1, location: 'Hall 2' };
  assert.equal((await kit.call('POST', '/v1/readings', { token, body: reading })).status, 201);
  const db = new DatabaseSync(file);
  const [field] = sealedFields.filter(({ table }) => table === 'reading');
  const [stored] = db.prepare("select * from reading where meter_id = 'M2'").all();
  assert.ok(field !== undefined && stored !== undefined);
  const read = () => kit.call('GET', '/v1/readings?meter_id=M2', { token });
  for (const table of ['reading', 'external.reading']) {
    const planted = await seal('planted', { table, column: field.column, row: field.row(Object(stored)) });
    db.prepare("update reading set location = ? where meter_id = 'M2'").run(planted);
    const { status, json, text } = await read();
    assert.deepEqual([status, json.code], [500, 'INTERNAL']);
    assert.ok(!text.includes('planted'));
  }
  db.prepare("update reading set location = ? where meter_id = 'M2'").run(String(stored['location']));
  db.close();
  assert.equal((await read()).json.items[0].location, 'Hall 2');
});

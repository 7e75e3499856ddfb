import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { type Answer, createKit, KIT_PASSWORD, type Kit } from '../testing/index.ts';
import { username, usernameKey } from './username.ts';

let kit: Kit;
let token: string;
before(async () => {
  kit = await createKit({ slowHashes: true });
  token = await kit.signIn();
});
after(() => kit.close());

const create = (body: object): Promise<Answer> => kit.call('POST', '/v1/users', { token, body });

test('a person is made, shown without a password or hash, and signs in', async () => {
  const email = 'ada.lovelace+1@Example.com';
  const body = {
    username: 'Ada.Lovelace+1@example.com',
    email,
    password: KIT_PASSWORD,
    roles: ['viewer', 'meter_reader'],
  };
  const { status, json } = await create(body);
  assert.equal(status, 201);
  assert.match(json.id, /^[0-9a-f-]{36}$/);
  const { id: _, strength, ...rest } = json;
  assert.equal(strength.score, 4);
  const wanted = {
    username: body.username,
    email,
    email_unreadable: false,
    roles: body.roles,
    disabled: false,
    created_at: '2026-11-21T12:00:00.000Z',
    email_verified: false,
    second_factor: false,
  };
  assert.deepEqual(rest, wanted);
  const listed = await kit.call('GET', '/v1/users', { token });
  assert.ok(!/argon2|password|hash/.test(listed.text));
  const me = await kit.call('GET', '/v1/me', { token: await kit.signIn(body.username) });
  assert.deepEqual([me.json.username, me.json.permissions], [body.username, ['read', 'write:meter_data']]);
});

test('a name is 1 to 128 letters and digits and a few marks', () => {
  const good = ['a', '1', 'Zoë', '山田', 'a_b.c-d+e@f', 'x'.repeat(128)];
  const bad = [
    '',
    ' a',
    'a ',
    '.a',
    '-a',
    '@a',
    'a b',
    'a\n',
    'a\0',
    'a/b',
    'a<b',
    "a'b",
    'a:b',
    'x'.repeat(129),
    '\ud800',
    'a\u200b',
    'a\u202e',
  ];
  for (const name of good) assert.equal(username.safeParse(name).success, true, name);
  for (const name of bad) assert.equal(username.safeParse(name).success, false, JSON.stringify(name));
});

// Attack: a name that looks like another's, or is its other spelling, is registered beside it.
test('spellings that people do not tell apart are one name', () => {
  for (const [one, other] of [
    ['ada', 'ADA'],
    ['ada', 'ａｄａ'],
    ['é', 'e\u0301'],
    ['ﬁ', 'fi'],
    ['K', '\u212a'],
    ['ſ', 's'],
    ['①', '1'],
  ] as const) {
    assert.equal(usernameKey(one), usernameKey(other));
  }
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (name) => {
      assert.equal(usernameKey(usernameKey(name)), usernameKey(name), 'a key is its own key');
      assert.equal(usernameKey(name.normalize('NFD')), usernameKey(name.normalize('NFC')));
    }),
  );
});

test('of two who want one name at once exactly one gets it', async () => {
  const answers = await Promise.all(
    ['racer', 'RACER', 'Racer', 'racer'].map((name) => create({ username: name, password: KIT_PASSWORD, roles: [] })),
  );
  assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 409, 409, 409]);
  const { json } = await kit.call('GET', '/v1/users?limit=1000', { token });
  const racers = json.items.filter((item: { username: string }) => usernameKey(item.username) === 'racer');
  assert.equal(racers.length, 1);
});

test('people are listed by name, page by page', async () => {
  const own = await createKit();
  try {
    const admin = await own.signIn();
    for (const name of ['carl', 'Bob', 'émile', 'dora', 'Zed']) {
      await own.call('POST', '/v1/users', {
        token: admin,
        body: { username: name, password: KIT_PASSWORD, roles: [] },
      });
    }
    const names: string[] = [];
    let after_: string | null = '';
    while (after_ !== null) {
      const { json }: Answer = await own.call('GET', `/v1/users?limit=2&after=${encodeURIComponent(after_)}`, {
        token: admin,
      });
      assert.ok(json.items.length <= 2);
      names.push(...json.items.map((item: { username: string }) => item.username));
      after_ = json.next_after;
    }
    assert.deepEqual(names, ['admin', 'Bob', 'carl', 'dora', 'Zed', 'émile']);
  } finally {
    await own.close();
  }
});

// Attack: more passwords at once than the machine can hash.
test('a flood of logins is answered, each with a refusal or to come back later, and the server lives', async () => {
  const answers = await Promise.all(
    Array.from({ length: 120 }, (_, n) =>
      kit.call('POST', '/v1/login', { body: { username: `n${n}`, password: 'not the password' } }),
    ),
  );
  const statuses = new Set(answers.map(({ status }) => status));
  assert.ok(
    [...statuses].every((status) => status === 401 || status === 503),
    [...statuses].join(),
  );
  for (const { status, json, headers } of answers) {
    if (status === 503) assert.deepEqual([json.code, headers.get('retry-after')], ['CRYPTO_BUSY', '1']);
  }
  assert.equal((await kit.call('GET', '/v1/me', { token })).status, 200);
});

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import { MAIN_REALM } from '../../../src/tenants/index.ts';
import type { Answer } from '../../../src/testing/index.ts';
import { LOGIN, type ProfileKit, startProfile } from '../profile-kit.ts';

let kit: ProfileKit;
before(async () => {
  kit = await startProfile('digital-twin-v2', { limitsEnabled: false, bcryptCost: 11 });
});
after(() => kit.close());

const register = (username: string, password: string): Promise<Answer> =>
  kit.call('POST', '/api/auth/register', { body: { username, password } });
const login = (username: string, password: string): Promise<Answer> =>
  kit.call('POST', LOGIN['digital-twin-v2'], { body: { username, password } });

/** What the database holds of somebody's password. */
const hashOf = async (username: string): Promise<string> =>
  (await kit.twinkeep.house.identity.find(MAIN_REALM, username))?.passwordHash ?? assert.fail(`no ${username}`);

test('B01 B16 a password is kept as bcrypt with a salt of its own and the configured cost', async () => {
  const password = 'lighthouse keeper 1893';
  for (const name of ['gail', 'hank']) assert.equal((await register(name, password)).status, 201);
  const [gail, hank] = [await hashOf('gail'), await hashOf('hank')];
  assert.match(gail, /^\$2[aby]\$11\$[./A-Za-z0-9]{53}$/);
  assert.notEqual(gail.slice(0, 29), hank.slice(0, 29), 'salts differ');
  assert.equal((await login('gail', password)).status, 200);
  assert.equal((await login('gail', `${password}.`)).status, 401);
});

// Attack: bcrypt reads 72 bytes, so whoever knows the beginning of a long password would be let in.
test('B16 X28 a password longer than bcrypt reads is never cut', async () => {
  const long = 'seven lanterns drift over the quiet harbour while nine gulls argue about herring';
  assert.ok(Buffer.byteLength(long) > 72);
  const made = await register('lena', long);
  assert.equal(made.status, 201, made.text);
  assert.equal((await login('lena', long)).status, 200);
  assert.equal((await login('lena', `${long.slice(0, 72)}`)).status, 401);
  assert.equal((await login('lena', `${long}x`)).status, 401);
});

test('X08 a hash of the old form rises to bcrypt at the next sign-in, and a stronger one stays what it is', async () => {
  const password = 'lattice-plum-48';
  const old = `sha256$q7Xs$${createHmac('sha256', 'q7Xs').update(password).digest('hex')}`;
  const people = [{ username: 'otto', password_hash: old, roles: ['viewer'] }];
  const body = { people, from: 'flask' };
  assert.equal((await kit.call('POST', '/v1/users/import', { token: await kit.signIn(), body })).status, 200);
  assert.equal(await hashOf('otto'), old);
  assert.equal((await login('otto', password)).status, 200);
  assert.match(await hashOf('otto'), /^\$2[aby]\$11\$/);
  await kit.person('peer');
  const native = await hashOf('peer');
  assert.match(native, /^\$argon2id\$/);
  await kit.login('peer');
  assert.equal(await hashOf('peer'), native);
});

// Attack: names are tried at the registration to learn who has an account.
test('B25 a taken name gets the answer of a free one, and changes nothing', async () => {
  await kit.person('rita', 'viewer');
  const before = await hashOf('rita');
  const [taken, free] = [
    await register('rita', 'some other 1893 keeper'),
    await register('rolf', 'some other 1893 keeper'),
  ];
  assert.deepEqual([taken.status, taken.json.message], [free.status, free.json.message]);
  assert.equal(await hashOf('rita'), before);
});

test('B25 registration is closed by its setting, whatever the native API does', async () => {
  const closed = await startProfile(
    'digital-twin-v2',
    { registration: 'closed' },
    { config: { accounts: { registration: 'open' } } },
  );
  try {
    const body = { username: 'sven', password: 'lighthouse keeper 1893' };
    const answer = await closed.call('POST', '/api/auth/register', { body });
    assert.equal(answer.status, 403);
    assert.equal(answer.json.code, 'IDENTITY_REGISTRATION_CLOSED');
    assert.equal(await closed.twinkeep.house.identity.find(MAIN_REALM, 'sven'), undefined);
  } finally {
    await closed.close();
  }
});

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { MAIN_REALM } from '../../../src/tenants/index.ts';
import { type Answer, KIT_PASSWORD } from '../../../src/testing/index.ts';
import { askFlask, withoutFlask } from '../old-flask.ts';
import { LOGIN, type ProfileKit, SECRET, startProfile } from '../profile-kit.ts';
import { createPlace } from '../started.ts';

const skip = withoutFlask();
const SCRYPT = /^scrypt:32768:8:1\$[A-Za-z0-9]{16,}\$[0-9a-f]{128}$/;

let kit: ProfileKit;
before(async () => {
  kit = await startProfile('digital-twin-v1', { limitsEnabled: false });
});
after(() => kit.close());

const post = (path: string, body: object): Promise<Answer> => kit.call('POST', path, { body });
const login = (username: string, password: string): Promise<Answer> =>
  post(LOGIN['digital-twin-v1'], { username, password });

/** What the database holds of somebody's password. */
const hashOf = async (username: string): Promise<string> =>
  (await kit.twinkeep.house.identity.find(MAIN_REALM, username))?.passwordHash ?? assert.fail(`no ${username}`);

const imported = async (username: string, hash: string): Promise<void> => {
  const people = [{ username, password_hash: hash, roles: ['viewer'] }];
  const answer = await kit.call('POST', '/v1/users/import', {
    token: await kit.signIn(),
    body: { people, from: 'flask' },
  });
  assert.equal(answer.json?.results?.[0]?.status, 'made', answer.text);
};

test('A02 X08 everybody of users.db signs in with the password they have, whichever Werkzeug hashed it', {
  skip,
}, async (t) => {
  const place = createPlace(t, { TWINKEEP_PROFILE: 'digital-twin-v1', JWT_SECRET_KEY: SECRET });
  const passwords = { ada: 'lattice-plum-48', bo: 'Пароль-9Ж', cy: 'x'.repeat(200) };
  const methods = { ada: 'pbkdf2:sha256', bo: 'pbkdf2:sha256:1000', cy: 'pbkdf2:sha1:1000' };
  const names = ['ada', 'bo', 'cy'] as const;
  const made = askFlask(
    ...names.map((name) => ({ do: 'make_hash' as const, password: passwords[name], method: methods[name] })),
  );
  const path = join(place.folder, 'users.db');
  const people = names.map((name, at) => [name, String(made[at]?.value), null]);
  const salted = ['dee', sha256Of('dee-salt-7Qx', 'lattice-plum-48'), 'dee@example.com'];
  assert.deepEqual(askFlask({ do: 'users_db', path, people: [...people, salted] }), [{ value: true }]);

  const ended = await place.cli.run(['users', 'import', path]);
  assert.equal(ended.code, 0, ended.stderr);
  const server = await place.start();
  for (const [username, password] of [...Object.entries(passwords), ['dee', 'lattice-plum-48']]) {
    const body = { username, password };
    const answer = await server.call('POST', '/api/login', { body });
    assert.equal(answer.status, 200, `${username}: ${answer.text}`);
    const wrong = await server.call('POST', '/api/login', { body: { ...body, password: `${password}x` } });
    assert.equal(wrong.status, 401, `${username}: ${wrong.text}`);
  }
  await server.running.stop('SIGTERM');
  const db = new DatabaseSync(path, { readOnly: true });
  t.after(() => db.close());
  assert.equal(db.prepare('select count(*) as n from user').get()?.['n'], 4, 'the old file is only read');
});

/** `sha256$salt$hex` is HMAC-SHA256 of the password under the salt. */
function sha256Of(salt: string, password: string): string {
  return `sha256$${salt}$${createHmac('sha256', salt).update(password).digest('hex')}`;
}

test('A11 X08 a password that is registered is kept as a salted Werkzeug hash that the old system can check', {
  skip,
}, async () => {
  const password = 'lighthouse keeper 1893';
  for (const username of ['hugo.a11', 'ines.a11'])
    assert.equal((await post('/api/register', { username, password })).status, 201);
  const [hugo, ines] = [await hashOf('hugo.a11'), await hashOf('ines.a11')];
  assert.match(hugo, SCRYPT);
  assert.notEqual(hugo, ines, 'each has a salt of its own');
  for (const hash of [hugo, ines]) {
    assert.ok(!hash.includes('keeper'));
    const asked = [password, `${password} `, '', 'lighthouse'].map((one) => ({
      do: 'check_hash' as const,
      hash,
      password: one,
    }));
    assert.deepEqual(askFlask(...asked), [{ value: true }, { value: false }, { value: false }, { value: false }]);
  }
  assert.equal((await login('hugo.a11', password)).status, 200);
});

test('X08 A11 a weaker hash rises to the form of the profile at the next sign-in, and not before', {
  skip,
}, async () => {
  const password = 'lattice-plum-48';
  const old = sha256Of('Wq8sJ4xZ', password);
  await imported('kai.x08', old);
  assert.equal((await login('kai.x08', 'wrong')).status, 401);
  assert.equal(await hashOf('kai.x08'), old);
  assert.equal((await login('kai.x08', password)).status, 200);
  const risen = await hashOf('kai.x08');
  assert.match(risen, SCRYPT);
  assert.deepEqual(askFlask({ do: 'check_hash', hash: risen, password }), [{ value: true }]);
  assert.equal((await login('kai.x08', password)).status, 200);
  assert.equal(await hashOf('kai.x08'), risen, 'and stays as it is then');
});

// Attack: the old sign-in is used to bring a strong hash down to one that is easier to guess from.
test('X08 a hash that is stronger than the form of the profile stays', async () => {
  await kit.person('lea.x08', 'viewer');
  const before = await hashOf('lea.x08');
  assert.match(before, /^\$argon2id\$/);
  assert.equal((await login('lea.x08', KIT_PASSWORD)).status, 200);
  assert.equal(await hashOf('lea.x08'), before);
});

// Attack: a row of the old database asks for so much work that nobody else can sign in.
test('A02 a hash that asks for absurd work is not taken over', async () => {
  for (const hash of [
    'scrypt:1073741824:8:1$salt$00',
    'pbkdf2:sha256:2000000000$salt$00',
    'plain$$secret',
    'md5$x$y',
  ]) {
    const people = [{ username: 'mo.absurd', password_hash: hash }];
    const answer = await kit.call('POST', '/v1/users/import', { token: await kit.signIn(), body: { people } });
    assert.equal(answer.json?.results?.[0]?.status, 'refused', `${hash}: ${answer.text}`);
  }
});

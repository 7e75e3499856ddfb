import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { MAIN_REALM } from '../../../src/tenants/index.ts';
import { LOGIN, type ProfileKit, startProfile } from '../profile-kit.ts';

const REGISTER = '/api/auth/register';
const PASSWORD = 'lighthouse keeper 1893';
const GOOD = { username: 'nora', password: PASSWORD };

let kit: ProfileKit;
before(async () => {
  const config = { detection: { inspection: { mode: 'block' as const }, suspicion: { enabled: false } } };
  kit = await startProfile('digital-twin-v2', { limitsEnabled: false }, { config });
});
after(() => kit.close());

const isThere = async (username: string): Promise<boolean> =>
  (await kit.twinkeep.house.identity.find(MAIN_REALM, username)) !== undefined;

/** What both schemas refuse, each under the reason that it shows. */
const MALFORMED: Readonly<Record<string, unknown>> = {
  'a field that nobody knows': { ...GOOD, is_admin: true },
  'a role of one’s own choice': { ...GOOD, role: 'admin' },
  'no password': { username: 'nora' },
  'no name': { password: PASSWORD },
  'an empty name': { ...GOOD, username: '' },
  'a name that is a number': { ...GOOD, username: 7 },
  'a name that is a list': { ...GOOD, username: ['nora'] },
  'a name that is a query': { ...GOOD, username: { $ne: null } },
  'a name with a zero byte': { ...GOOD, username: 'no\u0000ra' },
  'a name with a line of its own': { ...GOOD, username: 'nora\r\nSet-Cookie: a=b' },
  'a name without end': { ...GOOD, username: 'n'.repeat(1_000) },
  'a password that is null': { ...GOOD, password: null },
  'a password without end': { ...GOOD, password: 'x'.repeat(5_000) },
  'a list': [GOOD],
  'a text': '"nora"',
  null: 'null',
};

for (const [schema, path] of [
  ['RegisterSchema', REGISTER],
  ['LoginSchema', LOGIN['digital-twin-v2']],
] as const) {
  // Attack: what is not asked for is sent along, and some code below takes it.
  test(`B25 ${schema}: what is unknown or malformed is refused, and nothing comes of it`, async () => {
    for (const [what, body] of Object.entries(MALFORMED)) {
      const call = { body, headers: { 'content-type': 'application/json' } };
      const { status, text, json } = await kit.call('POST', path, call);
      assert.ok(status === 422 || json?.code === 'DETECTION_REFUSED', `${what}: ${status} ${text}`);
      assert.ok(!text.includes(PASSWORD), `${what}: the password stands in the answer`);
    }
    assert.ok(!(await isThere('nora')));
  });

  test(`B25 ${schema}: what is no JSON, or says that it is something else, is refused`, async () => {
    const json = JSON.stringify(GOOD);
    const bodies: readonly (readonly [number, string, string])[] = [
      [400, '{', 'application/json'],
      [400, `${json}${json}`, 'application/json'],
      [415, json, 'text/plain'],
      [415, '<nora/>', 'application/xml'],
      [400, '', 'application/json'],
    ];
    for (const [wanted, body, type] of bodies) {
      const { status, text } = await kit.call('POST', path, { body, headers: { 'content-type': type } });
      assert.equal(status, wanted, `${body} as ${type}: ${text}`);
    }
    assert.ok(!(await isThere('nora')));
  });
}

test('B25 what is as the schemas have it is taken, and the same person signs in', async () => {
  const person = { username: 'olga', password: PASSWORD };
  assert.equal((await kit.call('POST', REGISTER, { body: person })).status, 201);
  assert.equal((await kit.call('POST', LOGIN['digital-twin-v2'], { body: person })).status, 200);
  const token = await kit.signIn('olga', PASSWORD);
  assert.equal((await kit.call('GET', '/v1/me', { token })).status, 200);
  assert.equal((await kit.call('GET', '/v1/users', { token })).status, 403, 'and holds no more than that');
});

// Attack: a script, a query or a path where no schema would mind it, for whoever reads it later.
test('B25 what comes in is looked at for attacks before it is taken', async () => {
  const login = LOGIN['digital-twin-v2'];
  const attacks = ['<script>alert(1)</script>', "x' union select password from users--", '../../etc/passwd'];
  const honest = await kit.call('POST', login, { body: { username: "o'neill", password: PASSWORD } });
  assert.equal(honest.status, 401, 'the schema takes any text for a name');
  const nell = { username: 'nell', password: PASSWORD };
  for (const attack of attacks) {
    const answers = [
      await kit.call('POST', login, { body: { username: attack, password: PASSWORD } }),
      await kit.call('POST', login, { body: nell, headers: { 'x-requested-with': attack } }),
      await kit.call('POST', `${REGISTER}?next=${encodeURIComponent(attack)}`, { body: nell }),
    ];
    const told = answers.map(({ status, json }) => [status, json?.code, json?.at]);
    const places = ['body.username', 'header.x-requested-with', 'query.next'];
    assert.deepEqual(
      told,
      places.map((place) => [403, 'DETECTION_REFUSED', place]),
    );
  }
  assert.ok(!(await isThere('nell')));
  const odd = { username: 'pia', password: `<b>' or 1=1-- ../ is fine here` };
  assert.equal((await kit.call('POST', REGISTER, { body: odd })).status, 201, 'a password is interpreted nowhere');
});

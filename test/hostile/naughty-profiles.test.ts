import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach } from 'node:test';
import { type Answer, createKit, KIT_PASSWORD, type Kit } from '../../src/testing/index.ts';
import { LOGIN, type ProfileName, SECRET } from '../conformance/profile-kit.ts';
import { vectorTest } from '../vectors/vectors.ts';
import { NAUGHTY, someOf, spellingsOf, stringsIn, withEach } from './naughty.ts';

/** How many strings are tried where each costs hashes as those of the older systems are. */
const COSTLY = 12;
const PROFILES = [
  'digital-twin-v1',
  'digital-twin-v2',
  'ems',
  'aivillage',
  'coretwin',
] as const satisfies ProfileName[];
const REGISTER: readonly (readonly [ProfileName, string])[] = [
  ['digital-twin-v1', '/api/register'],
  ['digital-twin-v2', '/api/auth/register'],
  ['coretwin', '/api/v1/auth/register'],
];

const folder = mkdtempSync(join(tmpdir(), 'twinkeep-naughty-'));
let kit: Kit;
let token: string;
before(async () => {
  const own = (name: ProfileName) => ({
    prefix: `/${name}`,
    secret: `${SECRET}${name}`,
    limitsEnabled: false,
    bcryptCost: 10,
  });
  kit = await createKit({
    config: {
      profiles: [...PROFILES],
      profile: {
        'digital-twin-v1': own('digital-twin-v1'),
        'digital-twin-v2': own('digital-twin-v2'),
        ems: { ...own('ems'), logDirectory: join(folder, 'log'), apiKeysFile: join(folder, 'none.json') },
        aivillage: own('aivillage'),
        coretwin: { ...own('coretwin'), registration: 'open' },
      },
    },
  });
});
beforeEach(async () => {
  token = await kit.signIn();
});
after(async () => {
  await kit.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Asks so much later that no limit is met, and lets nothing pass that is an error of ours. */
async function post(name: ProfileName, path: string, body: object, laterMs = 2_000): Promise<Answer> {
  kit.clock.advance(laterMs);
  const answer = await kit.call('POST', `/${name}${path}`, { body });
  assert.ok(answer.status < 500 && answer.status !== 429, `${name} ${path}: ${answer.text}`);
  return answer;
}

const login = (name: ProfileName, username: string, password: string) =>
  post(name, LOGIN[name], { username, password });

/** Whom a token is of, in the words of the profile. */
const subjectOf = ({ json }: Answer): unknown =>
  JSON.parse(Buffer.from(String(json.access_token).split('.')[1] ?? '', 'base64url').toString()).sub;

vectorTest('no string breaks a login of the older systems, and none is let in', NAUGHTY, async (text, t) => {
  for (const name of PROFILES) {
    const count = await withEach(someOf(stringsIn(text), COSTLY), async (naughty) => {
      const { status } = await login(name, naughty, naughty);
      assert.ok([400, 401, 422].includes(status), `${name} ${status}`);
    });
    t.diagnostic(`${name}: ${count} strings`);
  }
});

for (const [name, path] of REGISTER) {
  const register = (username: string, password: string) => post(name, path, { username, password }, 140_000);

  vectorTest(`a name that registers at ${name} comes back as it is and signs in`, NAUGHTY, async (text, t) => {
    const taken = await register(`first-${name}`, KIT_PASSWORD);
    assert.equal(taken.status, 201, taken.text);
    const names = stringsIn(text).filter((one) => /^[\p{L}\p{N}][\p{L}\p{M}\p{N}._@+-]*$/u.test(one));
    let accepted = 0;
    const few = new Set(someOf(names, COSTLY));
    await withEach(
      stringsIn(text),
      async (username) => {
        if (names.includes(username) && !few.has(username)) return; // would cost two hashes
        const answer = await register(username, KIT_PASSWORD);
        if (answer.status !== 201) return assert.ok(answer.status === 400 || answer.status === 422, answer.text);
        accepted++;
        assert.equal(answer.json.username, username);
        const signedIn = await login(name, username, KIT_PASSWORD);
        assert.equal(signedIn.status, 200, signedIn.text);
      },
      4,
    );
    assert.ok(accepted > COSTLY / 2);
    t.diagnostic(`${accepted} accepted`);
  });

  vectorTest(`a password that registers at ${name} signs in, in every spelling of it`, NAUGHTY, async (text, t) => {
    const long = stringsIn(text).filter((one) => Array.from(one).length >= 12 && Array.from(one).length <= 128);
    let accepted = 0;
    await withEach(
      someOf(long, COSTLY),
      async (password, index) => {
        const username = `pw-${name}-${index}`;
        const answer = await register(username, password);
        if (answer.status !== 201) return assert.ok(answer.status === 400 || answer.status === 422, answer.text);
        accepted++;
        for (const spelling of spellingsOf(password)) {
          assert.equal((await login(name, username, spelling)).status, 200);
        }
      },
      4,
    );
    assert.ok(accepted > COSTLY / 2);
    t.diagnostic(`${accepted} accepted`);
  });
}

vectorTest('who has a naughty name and password signs in where nobody registers', NAUGHTY, async (text, t) => {
  let accepted = 0;
  const strings = stringsIn(text);
  await withEach(someOf(strings, 100), async (password, index) => {
    const username = strings[(index * 7) % strings.length] ?? '';
    const wanted = /^[\p{L}\p{N}][\p{L}\p{M}\p{N}._@+-]*$/u.test(username) ? `${username}${index}` : `user${index}`;
    kit.clock.advance(1_500);
    const made = await kit.call('POST', '/v1/users', {
      token,
      body: { username: wanted, password, roles: ['viewer'] },
    });
    if (made.status !== 201) return assert.equal(made.status, 422, made.text);
    accepted++;
    for (const name of ['ems', 'aivillage'] as const) {
      const signedIn = await login(name, wanted, password);
      assert.equal(signedIn.status, 200, signedIn.text);
      assert.equal(subjectOf(signedIn), wanted);
    }
  });
  assert.ok(accepted > 50);
  t.diagnostic(`${accepted} accepted`);
});

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { configSchema } from '../../../src/app/index.ts';
import { unsafe } from '../../../src/app/unsafe.ts';
import { profileNames } from '../../../src/profiles/index.ts';
import { type Answer, KIT_PASSWORD } from '../../../src/testing/index.ts';
import { FIELD_KEY, LOGIN, type ProfileKit, SECRET, startProfile } from '../profile-kit.ts';
import { createPlace } from '../started.ts';

const PAGES = ['https://app.example', 'https://admin.example:8443'];
const FOREIGN = [
  'https://evil.example',
  'null',
  'https://app.example.evil.example',
  'https://evil-app.example',
  'http://app.example',
  'https://app.example:444',
  'https://app.example/',
  'HTTPS://APP.EXAMPLE',
  '*',
];

const allowed = ({ headers }: Answer) => [
  headers.get('access-control-allow-origin'),
  headers.get('access-control-allow-credentials'),
];

let kit: ProfileKit;
before(async () => {
  kit = await startProfile('digital-twin-v2', { corsOrigins: PAGES, limitsEnabled: false });
});
after(() => kit.close());

/** What a page does before and at a sign-in with cookies, and what it reads after it. */
async function visits(origin: string): Promise<readonly Answer[]> {
  const asked = {
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'content-type,x-csrf-token',
  };
  const body = { username: 'admin', password: KIT_PASSWORD };
  const login = await kit.call('POST', LOGIN['digital-twin-v2'], { body, headers: { origin } });
  const cookie = login.headers
    .getSetCookie()
    .map((line) => line.split(';', 1)[0])
    .join('; ');
  return [
    await kit.call('OPTIONS', LOGIN['digital-twin-v2'], { headers: { origin, ...asked } }),
    login,
    await kit.call('GET', '/api/auth/csrf', { headers: { origin, cookie } }),
    await kit.call('GET', '/nothing', { headers: { origin, cookie } }),
  ];
}

test('B24: pages of the listed origins call with their cookies, before and after a sign-in, and in refusals', async () => {
  for (const origin of PAGES) {
    const answers = await visits(origin);
    for (const answer of answers) {
      assert.deepEqual(allowed(answer), [origin, 'true'], `${answer.status} ${answer.text}`);
      assert.match(answer.headers.get('vary') ?? '', /\borigin\b/i, 'no cache hands one origin the answer of another');
    }
    const preflight = answers[0]?.headers;
    assert.match(preflight?.get('access-control-allow-methods') ?? '', /\bPOST\b/);
    assert.match(preflight?.get('access-control-allow-headers') ?? '', /x-csrf-token/i);
  }
});

// Attack: a page of somebody else calls with the cookies of its visitor, and reads what comes back.
test('B24: no other origin may read an answer, and none is told what would be allowed', async () => {
  for (const origin of FOREIGN)
    for (const answer of await visits(origin)) assert.deepEqual(allowed(answer), [null, null], origin);
});

test('B24: CORS_ALLOWED_ORIGINS is the list, its commas and spaces aside, and what is no origin does not start', async (t) => {
  const place = createPlace(t, {
    TWINKEEP_PROFILE: 'digital-twin-v2',
    JWT_SECRET_KEY: SECRET,
    SECRET_KEY: `${SECRET}2`,
    ENCRYPTION_KEY: FIELD_KEY,
  });
  const env = { NODE_ENV: 'production' };
  const server = await place.start({ ...env, CORS_ALLOWED_ORIGINS: PAGES.join(' , ') });
  for (const origin of PAGES)
    assert.deepEqual(allowed(await server.call('GET', '/api/auth/csrf', { headers: { origin } })), [origin, 'true']);
  const foreign = await server.call('GET', '/api/auth/csrf', { headers: { origin: 'https://evil.example' } });
  assert.deepEqual(allowed(foreign), [null, null]);
  await server.running.stop('SIGTERM');
  for (const bad of ['*', 'app.example', 'https://app.example/path', 'null'])
    await place.refused({ ...env, CORS_ALLOWED_ORIGINS: bad });
});

test('X25 no profile starts in production with *, wherever it is said', () => {
  const secret = { secret: SECRET };
  const flawsOf = (name: string, origins: object) =>
    unsafe(
      configSchema.parse({
        production: true,
        profiles: [name],
        masterKey: FIELD_KEY,
        ...(name === 'twinkeep' ? origins : { profile: { [name]: { ...secret, ...origins } } }),
      }),
    ).filter(({ at }) => /cors/i.test(at));
  for (const name of profileNames) {
    assert.equal(flawsOf(name, { corsOrigins: ['*'] }).length, 1, name);
    assert.equal(flawsOf(name, { corsOrigins: [...PAGES, '*'] }).length, 1, `${name}, among others`);
    assert.deepEqual(flawsOf(name, { corsOrigins: PAGES }), [], name);
  }
});

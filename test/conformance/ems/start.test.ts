import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { decodeJwt } from 'jose';
import { createKit, KIT_PASSWORD } from '../../../src/testing/index.ts';
import { FIELD_KEY, LOGIN, type ProfileName, SECRET } from '../profile-kit.ts';
import { createPlace, flawsOf } from '../started.ts';

const OTHER = 'Yq8pLm3XzR6vTn1KbW9cJd4HsF7gA2uE';
const PROFILES = ['digital-twin-v1', 'digital-twin-v2', 'ems', 'aivillage', 'coretwin'] as const;
const NOT_FOUND = 'Required secret JWT_SECRET_KEY not found';

test('E19 without JWT_SECRET_KEY, or with an empty one, there is no start, in the words of the old system', async (t) => {
  const place = createPlace(t, { TWINKEEP_PROFILE: 'ems' });
  const empty = place.write('empty', '\n');
  for (const env of [{}, { JWT_SECRET_KEY: '' }, { EMS_JWT_SECRET_KEY: '' }, { JWT_SECRET_KEY_FILE: empty }]) {
    const ended = await place.refused(env);
    assert.match(ended.stderr, new RegExp(NOT_FOUND), JSON.stringify(env));
    assert.equal(ended.stdout, '', 'nothing was served');
  }
  const plain = await place.cli.start(['serve'], { shell: true }).ended();
  assert.equal(plain.code, 1);
  assert.match(plain.stderr, new RegExp(NOT_FOUND));
});

test('E19 a secret that is a placeholder, too short or in a file that is not there stops the start too', async (t) => {
  const place = createPlace(t, { TWINKEEP_PROFILE: 'ems' });
  place.configure({ profile: { ems: { logDirectory: join(place.folder, 'log') } } });
  for (const bad of ['change-me-in-production', 'your-secret-key-here', 'x'.repeat(64), 'short']) {
    const flaws = flawsOf(await place.refused({ JWT_SECRET_KEY: bad }));
    assert.match(flaws[0]?.at ?? '', /JWT_SECRET_KEY$/, bad);
    assert.ok(!flaws.some(({ reason }) => reason.includes(bad)), 'it is not told');
  }
  const { stderr } = await place.refused({ JWT_SECRET_KEY_FILE: join(place.folder, 'absent') });
  assert.match(stderr, /JWT_SECRET_KEY_FILE/);
});

test('X32 a name with the profile before it goes before the common one, and secrets come from files too', async (t) => {
  const place = createPlace(t, { TWINKEEP_PROFILE: 'ems,coretwin' });
  const log = { logDirectory: join(place.folder, 'log') };
  place.configure({ profile: { ems: log, coretwin: { prefix: '/core' } } });
  const server = await place.start({
    JWT_SECRET_KEY: SECRET,
    CORETWIN_JWT_SECRET_KEY_FILE: place.write('secret', `${OTHER}\n`),
    JWT_ACCESS_TOKEN_EXPIRES: '7200',
    EMS_JWT_ACCESS_TOKEN_EXPIRES: '3600',
  });
  const tokenAt = async (path: string): Promise<string> => {
    const body = { username: 'admin', password: KIT_PASSWORD };
    return (await server.call('POST', path, { body })).json.access_token;
  };
  const { createHmac } = await import('node:crypto');
  const isSigned = (token: string, secret: string): boolean => {
    const [head, body, signature] = token.split('.');
    return createHmac('sha256', secret).update(`${head}.${body}`).digest('base64url') === signature;
  };
  const ems = await tokenAt(LOGIN.ems);
  const coretwin = await tokenAt(`/core${LOGIN.coretwin}`);
  assert.deepEqual([isSigned(ems, SECRET), isSigned(coretwin, OTHER), isSigned(coretwin, SECRET)], [true, true, false]);
  const lifeOf = (token: string): number => Number(decodeJwt(token).exp) - Number(decodeJwt(token).iat);
  assert.deepEqual([lifeOf(ems), lifeOf(coretwin)], [3_600, 7_200]);
  assert.equal((await server.call('GET', '/api/v1/data/secure', { token: coretwin })).status, 401);
});

test('X32 the variables of a profile that is not served are not looked at', async (t) => {
  const place = createPlace(t, { TWINKEEP_PROFILE: 'ems', JWT_SECRET_KEY: SECRET });
  place.configure({ profile: { ems: { logDirectory: join(place.folder, 'log') } } });
  const { json } = await place.cli.run(['config', 'check', '--json'], {
    env: { CORETWIN_JWT_ACCESS_TOKEN_EXPIRES: '60' },
  });
  assert.equal(json.profile.coretwin.accessMs, 1_800_000);
  assert.ok(!JSON.stringify(json).includes(SECRET));
});

test('X16 both spellings of a setting are taken, in any profile', async (t) => {
  const place = createPlace(t, { JWT_SECRET_KEY: SECRET, TWINKEEP_MASTER_KEY: FIELD_KEY });
  const origins = ['https://a.example', 'https://b.example:8443'];
  const spellings: readonly (readonly [Record<string, string>, string, unknown])[] = [
    [{ CORS_ALLOWED_ORIGINS: origins.join(', ') }, 'corsOrigins', origins],
    [{ CORS_ALLOWED_ORIGINS: JSON.stringify(origins) }, 'corsOrigins', origins],
    [{ CORS_ORIGINS: JSON.stringify(origins) }, 'corsOrigins', origins],
    [{ CORS_ORIGINS: origins.join() }, 'corsOrigins', origins],
    [{ JWT_ACCESS_TOKEN_EXPIRES: '5400' }, 'accessMs', 5_400_000],
    [{ JWT_ACCESS_TOKEN_EXPIRE_MINUTES: '90' }, 'accessMs', 5_400_000],
    [{ JWT_REFRESH_TOKEN_EXPIRES: '604800' }, 'refreshMs', 604_800_000],
    [{ JWT_REFRESH_TOKEN_EXPIRE_DAYS: '7' }, 'refreshMs', 604_800_000],
    [{ RATE_LIMIT_REQUESTS_PER_MINUTE: '50' }, 'limits', [{ count: 50, windowMs: 60_000 }]],
    [{ RATELIMIT_DEFAULT: '50/minute' }, 'limits', [{ count: 50, windowMs: 60_000 }]],
    [{ JWT_ACCESS_TOKEN_EXPIRES: '5400', JWT_ACCESS_TOKEN_EXPIRE_MINUTES: '90' }, 'accessMs', 5_400_000],
  ];
  for (const [index, [env, key, value]] of spellings.entries()) {
    const profile = PROFILES[index % PROFILES.length] ?? 'ems';
    const { code, json, stderr } = await place.cli.look(['config', 'check', '--json'], {
      ...env,
      TWINKEEP_PROFILE: profile,
    });
    assert.equal(code, 0, stderr);
    assert.deepEqual(json.profile[profile][key], value, `${profile} ${JSON.stringify(env)}`);
  }
});

test('X16 names that say different things stop the start, and both are named', async (t) => {
  const place = createPlace(t, { JWT_SECRET_KEY: SECRET, TWINKEEP_PROFILE: 'ems' });
  const conflicts: readonly Record<string, string>[] = [
    { JWT_ACCESS_TOKEN_EXPIRES: '60', JWT_ACCESS_TOKEN_EXPIRE_MINUTES: '2' },
    { JWT_REFRESH_TOKEN_EXPIRES: '86400', JWT_REFRESH_TOKEN_EXPIRE_DAYS: '2' },
    { CORS_ALLOWED_ORIGINS: 'https://a.example', CORS_ORIGINS: '["https://b.example"]' },
    { RATELIMIT_DEFAULT: '5 per minute', RATE_LIMIT_REQUESTS_PER_MINUTE: '6' },
    { RATELIMIT_STORAGE_URI: 'redis://one:6379', REDIS_URL: 'redis://two:6379' },
    { EMS_JWT_ACCESS_TOKEN_EXPIRES: '60', EMS_JWT_ACCESS_TOKEN_EXPIRE_MINUTES: '2' },
  ];
  for (const env of conflicts) {
    const { stderr } = await place.refused(env);
    for (const name of Object.keys(env)) assert.ok(stderr.includes(name), `${name}: ${stderr}`);
    assert.ok(!stderr.includes(SECRET));
  }
});

test('X16 a value that is not one stops the start', async (t) => {
  const place = createPlace(t, { JWT_SECRET_KEY: SECRET, TWINKEEP_PROFILE: 'ems' });
  const bad: readonly Record<string, string>[] = [
    { JWT_ACCESS_TOKEN_EXPIRES: 'soon' },
    { JWT_ACCESS_TOKEN_EXPIRE_MINUTES: '-5' },
    { JWT_ACCESS_TOKEN_EXPIRE_MINUTES: '0' },
    { CORS_ORIGINS: '["https://a.example"' },
    { CORS_ORIGINS: 'https://a.example/path' },
    { RATELIMIT_DEFAULT: 'five per minute' },
    { RATE_LIMIT_REQUESTS_PER_MINUTE: '0' },
    { JWT_ALGORITHM: 'none' },
    { JWT_ALGORITHM: 'RS256' },
  ];
  for (const env of bad) assert.ok(flawsOf(await place.refused(env)).length > 0, JSON.stringify(env));
});

test('X01 each profile signs people in at the path of its system, and at no other', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'twinkeep-x01-'));
  const hostOf = (name: ProfileName): string => `${name}.example`;
  const own = await createKit({
    config: {
      profiles: [...PROFILES],
      profile: Object.fromEntries(
        PROFILES.map((name) => [
          name,
          { secret: SECRET, host: hostOf(name), ...(name === 'ems' ? { logDirectory: folder } : {}) },
        ]),
      ),
    },
  });
  const { request } = await import('node:http');
  const statusAt = (host: string, path: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const body = JSON.stringify({ username: 'admin', password: KIT_PASSWORD });
      const headers = { host, 'content-type': 'application/json', connection: 'close' };
      const sent = request(own.address + path, { method: 'POST', headers }, (answer) => {
        answer.resume();
        answer.on('end', () => resolve(answer.statusCode ?? 0));
      });
      sent.on('error', reject);
      sent.end(body);
    });
  try {
    const paths = new Set(Object.values(LOGIN));
    for (const name of PROFILES) {
      for (const path of paths) {
        const expected = LOGIN[name] === path ? 200 : 404;
        assert.equal(await statusAt(hostOf(name), path), expected, `${name} ${path}`);
      }
      assert.equal(await statusAt(hostOf(name), '/v1/login'), 200, 'the native API is everywhere');
    }
    for (const path of paths) assert.equal(await statusAt('elsewhere.example', path), 404);
  } finally {
    await own.close();
    rmSync(folder, { recursive: true });
  }
});

test('X01 two profiles at one place, and a profile below /v1, do not start', async (t) => {
  const place = createPlace(t, { JWT_SECRET_KEY: SECRET });
  const both = await place.refused({ TWINKEEP_PROFILE: 'ems,coretwin' });
  assert.match(both.stderr, /ems/);
  assert.match(both.stderr, /coretwin/);
  place.configure({ profile: { coretwin: { prefix: '/v1' } } });
  assert.match((await place.refused({ TWINKEEP_PROFILE: 'coretwin' })).stderr, /always the native API/);
  assert.match((await place.refused({ TWINKEEP_PROFILE: 'no-such' })).stderr, /TWINKEEP_PROFILE/);
});

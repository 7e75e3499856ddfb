import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configSchema, loadConfig } from '../../../src/app/index.ts';
import { readProfileEnvironment } from '../../../src/app/profile-environment.ts';
import { doubtful, unsafe } from '../../../src/app/unsafe.ts';
import type { Flaw } from '../../../src/kernel/errors.ts';
import { profileConfig } from '../../../src/profiles/index.ts';
import { FIELD_KEY, SECRET } from '../profile-kit.ts';

/** The settings that an environment makes, of all profiles that are served. */
function settingsOf(served: readonly string[], environment: Readonly<Record<string, string>>) {
  const flaws: Flaw[] = [];
  const { profile } = readProfileEnvironment(served, (name) => environment[name], flaws);
  assert.deepEqual(flaws, []);
  return profileConfig.safeParse(profile);
}

test('B03 B09 B16 B26 X16 the variables of Flask are the settings of the profile', () => {
  const parsed = settingsOf(['digital-twin-v2', 'coretwin', 'digital-twin-v1', 'ems'], {
    JWT_COOKIE_SECURE: 'True',
    JWT_COOKIE_SAMESITE: 'Strict',
    JWT_COOKIE_CSRF_PROTECT: 'False',
    WTF_CSRF_ENABLED: 'false',
    BCRYPT_LOG_ROUNDS: '13',
    CORETWIN_BCRYPT_ROUNDS: '11',
  });
  assert.ok(parsed.success, String(parsed.error));
  const { 'digital-twin-v2': v2, coretwin } = parsed.data;
  const { cookieSecure, cookieSameSite, csrfProtect, formCsrf, bcryptCost } = v2;
  assert.deepEqual(
    [cookieSecure, cookieSameSite, csrfProtect, formCsrf, bcryptCost],
    [true, 'Strict', false, false, 13],
  );
  assert.deepEqual([coretwin.cookieSecure, coretwin.cookieSameSite, coretwin.bcryptCost], [true, 'Strict', 11]);
});

test('B08 B09 B26 X03 without any of them the cookies are Lax, CSRF is asked for and refresh tokens rotate', () => {
  const parsed = settingsOf(['digital-twin-v2'], {});
  assert.ok(parsed.success);
  const { cookieSameSite, csrfProtect, formCsrf, rotate, accessMs, refreshMs } = parsed.data['digital-twin-v2'];
  assert.deepEqual([cookieSameSite, csrfProtect, formCsrf, rotate], ['Lax', true, true, true]);
  assert.deepEqual([accessMs, refreshMs], [3_600_000, 30 * 86_400_000]);
});

test('B16 a cost that is no cost, or that nobody could wait for, is refused', () => {
  for (const rounds of ['4', '31', 'many']) {
    const parsed = settingsOf(['coretwin'], { BCRYPT_ROUNDS: rounds });
    assert.ok(!parsed.success && parsed.error.issues[0]?.path.join('.') === 'coretwin.bcryptCost', rounds);
  }
});

test('B03 the word for SameSite counts in any case', () => {
  for (const [said, meant] of [
    ['strict', 'Strict'],
    ['LAX', 'Lax'],
    ['none', 'None'],
  ] as const) {
    const parsed = settingsOf(['digital-twin-v2'], { JWT_COOKIE_SAMESITE: said });
    assert.equal(parsed.data?.['digital-twin-v2'].cookieSameSite, meant);
  }
});

test('B16 a setting that is refused is named as it was set, with the reason and the least', async () => {
  const env = { TWINKEEP_PROFILE: 'digital-twin-v2,coretwin', JWT_SECRET_KEY: SECRET, ENCRYPTION_KEY: FIELD_KEY };
  const flawsOf = (more: object) =>
    loadConfig({ ...env, ...more }).then(
      () => assert.fail('it was taken'),
      (error) => error.facts.errors,
    );
  const cost = await flawsOf({ BCRYPT_LOG_ROUNDS: '4', CORETWIN_BCRYPT_ROUNDS: '31' });
  assert.deepEqual(
    cost.map(({ at }: Flaw) => at),
    ['BCRYPT_LOG_ROUNDS', 'CORETWIN_BCRYPT_ROUNDS'],
  );
  assert.match(cost[0].reason, /must be 10 or more: .*thousands of passwords/);
  const insecure = await flawsOf({ NODE_ENV: 'production', JWT_COOKIE_SECURE: 'false' });
  assert.ok(
    insecure.some(({ at }: Flaw) => at === 'JWT_COOKIE_SECURE'),
    JSON.stringify(insecure),
  );
});

test('B03 B09 cookies without Secure or CSRF check do not start in production, and elsewhere are told in the log', () => {
  const own = { secret: SECRET, encryptionKey: FIELD_KEY, csrfProtect: false, cookieSecure: false, rotate: false };
  const given = { profiles: ['digital-twin-v2'], profile: { 'digital-twin-v2': own } };
  const config = configSchema.parse(given);
  const flaws = unsafe({ ...config, production: true }).map(({ at }) => at);
  assert.deepEqual(flaws, ['profile.digital-twin-v2.csrfProtect', 'profile.digital-twin-v2.cookieSecure']);
  assert.deepEqual(unsafe(config), []);
  const doubts = doubtful(config);
  assert.ok(
    doubts.some((doubt) => doubt.includes('X-CSRF-TOKEN')),
    doubts.join(),
  );
  assert.ok(
    doubts.some((doubt) => doubt.includes('keeps one refresh token')),
    doubts.join(),
  );
});

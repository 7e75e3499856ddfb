import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { KIT_PASSWORD } from '../../../src/testing/index.ts';
import { startVillage, type Village } from './aivillage-kit.ts';

let village: Village;
before(async () => {
  village = await startVillage();
});
after(() => village.close());

async function newcomer(name: string): Promise<string> {
  await village.person(name, 'viewer');
  return village.login(name);
}

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

test('V14, V07: a set-up shows a picture and ten backup codes, which work once its first code was given', async () => {
  const token = await newcomer('sara');
  const { status, json } = await village.call('POST', '/auth/mfa/setup', { token, body: { method: 'totp' } });
  assert.equal(status, 200);
  assert.ok(Buffer.from(json.qr_code, 'base64').subarray(0, 8).equals(PNG));
  assert.match(json.otpauth_uri, /^otpauth:\/\/totp\//);
  assert.equal(new Set(json.backup_codes).size, 10);
  const early = { code: json.backup_codes[0], method: 'backup_code' };
  assert.equal((await village.call('POST', '/auth/mfa/verify', { token, body: early })).status, 401);
  const body = { code: village.codeOf(json.secret) };
  const done = await village.call('POST', '/auth/mfa/verify', { token, body });
  assert.deepEqual([done.status, done.json.verified, done.json.confirmed], [200, true, 'totp']);
  assert.equal((await village.call('POST', '/auth/mfa/verify', { token, body: early })).status, 200);
});

test('V14, X21: backup codes are shown within ten minutes of a second factor, else counted', async () => {
  const token = await newcomer('lena');
  const { secret, backupCodes } = await village.enrol(token);
  const shown = await village.call('GET', '/auth/mfa/backup-codes', { token });
  assert.deepEqual(shown.json, { remaining: 10, backup_codes: backupCodes });
  assert.equal(shown.headers.get('cache-control'), 'no-store');
  village.clock.advance(601_000);
  const bare = await village.call('GET', '/auth/mfa/backup-codes', { token });
  assert.deepEqual(bare.json, { remaining: 10, verify_first: true });
  const code = village.codeOf(secret);
  assert.equal((await village.call('POST', '/auth/mfa/verify', { token, body: { code } })).status, 200);
  const again = await village.call('GET', '/auth/mfa/backup-codes', { token });
  assert.deepEqual(again.json, { remaining: 10, backup_codes: backupCodes });
});

test('X21: the first code of a factor is a proof of it, as its answer says', async () => {
  const token = await newcomer('nora');
  const { json } = await village.call('POST', '/auth/mfa/setup', { token });
  const body = { code: village.codeOf(json.secret) };
  const done = await village.call('POST', '/auth/mfa/verify', { token, body });
  assert.deepEqual([done.status, done.json.valid_for], [200, 600]);
  assert.equal((await village.call('GET', '/auth/mfa/backup-codes', { token })).json.backup_codes.length, 10);
  assert.equal((await village.call('DELETE', '/auth/mfa/disable', { token })).status, 200);
});

test('V14, X29: second factors are taken away without a body soon after both were given, else with both', async () => {
  const token = await newcomer('omar');
  const { secret } = await village.enrol(token);
  const disable = (body?: object) => village.call('DELETE', '/auth/mfa/disable', { token, body });
  village.clock.advance(601_000);
  assert.equal((await disable()).status, 401);
  const body = { code: village.codeOf(secret) };
  assert.equal((await village.call('POST', '/auth/mfa/verify', { token, body })).status, 200);
  // Attack: whoever has the token and one code takes the factor away, and never knew the password.
  assert.equal((await disable()).status, 401);
  village.clock.advance(30_000);
  assert.equal((await disable({ code: village.codeOf(secret) })).status, 401);
  village.clock.advance(30_000);
  const gone = await disable({ password: KIT_PASSWORD, code: village.codeOf(secret) });
  assert.deepEqual([gone.status, gone.json], [200, { disabled: true, removed: 1 }]);
  const { json } = await village.call('POST', '/auth/login', { body: { username: 'omar', password: KIT_PASSWORD } });
  assert.equal(typeof json.access_token, 'string');
});

test('X29: a proof of both at /auth/mfa/verify is enough for the call without a body', async () => {
  const token = await newcomer('rosa');
  const { secret } = await village.enrol(token);
  village.clock.advance(601_000);
  const body = { password: KIT_PASSWORD, code: village.codeOf(secret) };
  assert.equal((await village.call('POST', '/auth/mfa/verify', { token, body })).status, 200);
  assert.equal((await village.call('DELETE', '/auth/mfa/disable', { token })).status, 200);
});

// Attack: a token that was found in a log is used to set up a factor of the finder's own.
test('V14: a set-up needs a proof of the last ten minutes, and so does its first code', async () => {
  const token = await newcomer('theo');
  const begun = await village.call('POST', '/auth/mfa/setup', { token });
  village.clock.advance(601_000);
  assert.equal((await village.call('POST', '/auth/mfa/setup', { token })).status, 401);
  const body = { code: village.codeOf(begun.json.secret) };
  assert.equal((await village.call('POST', '/auth/mfa/verify', { token, body })).status, 401);
});

// Attack: codes are tried one after the other with a token that was stolen.
test('V08: guesses of a second factor are limited', async () => {
  const strict = await startVillage({}, { config: { limits: { codeFailuresPerAccountDay: 4 } } });
  try {
    const token = await strict.login();
    const { secret } = await strict.enrol(token);
    const statuses: number[] = [];
    for (let code = 0; code < 8; code++) {
      const body = { code: String(100_000 + code) };
      statuses.push((await strict.call('POST', '/auth/mfa/verify', { token, body })).status);
    }
    assert.equal(statuses[0], 401);
    assert.equal(statuses.at(-1), 429);
    const body = { code: strict.codeOf(secret) };
    assert.equal((await strict.call('POST', '/auth/mfa/verify', { token, body })).status, 429);
  } finally {
    await strict.close();
  }
});

test('V08: a lost app is recovered from by backup code, and by a code that an administrator hands over', async () => {
  const { id } = await village.person('uwe', 'viewer');
  const token = await village.login('uwe');
  const { backupCodes } = await village.enrol(token);
  const credentials = { username: 'uwe', password: KIT_PASSWORD };
  const { json } = await village.call('POST', '/auth/login', { body: { ...credentials, code: backupCodes[1] } });
  assert.equal(typeof json.access_token, 'string');
  const mine = await village.call('GET', '/auth/mfa/backup-codes', { token: json.access_token });
  assert.equal(mine.json.remaining, 9);
  assert.ok(!mine.json.backup_codes.includes(backupCodes[1]));
  const admin = await village.signIn();
  const issued = await village.call('POST', `/v1/users/${id}/recovery`, { token: admin });
  assert.equal(issued.status, 201, issued.text);
  const { code } = issued.json;
  assert.equal((await village.call('POST', '/auth/login', { body: { ...credentials, code } })).status, 200);
  assert.equal((await village.call('POST', '/auth/login', { body: { ...credentials, code } })).status, 401);
});

test('V14: a method that cannot be had here is refused, and so is a wish without a destination', async () => {
  const token = await newcomer('vito');
  for (const body of [
    { method: 'sms', phone: '+4930123456' },
    { method: 'email', email: 'vito@example.com' },
  ])
    assert.ok((await village.call('POST', '/auth/mfa/setup', { token, body })).status >= 400);
  for (const body of [{ method: 'sms' }, { method: 'backup' }, { method: 'fax' }, { method: 'sms', phone: '911' }])
    assert.ok([400, 404, 422].includes((await village.call('POST', '/auth/mfa/setup', { token, body })).status));
});

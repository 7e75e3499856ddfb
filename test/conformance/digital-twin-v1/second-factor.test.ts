import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Answer, createKit, KIT_PASSWORD, type Kit } from '../../../src/testing/index.ts';
import { LOGIN, SECRET } from '../profile-kit.ts';

const folder = mkdtempSync(join(tmpdir(), 'twinkeep-second-'));
let kit: Kit;
before(async () => {
  kit = await createKit({
    config: {
      profiles: ['digital-twin-v1', 'ems'],
      mfa: { policy: { requiredFor: ['admin'] } },
      profile: {
        'digital-twin-v1': { secret: SECRET, registration: 'closed' },
        ems: { secret: SECRET, logDirectory: folder, apiKeysFile: join(folder, 'keys.json') },
      },
    },
  });
});
after(async () => {
  await kit.close();
  rmSync(folder, { recursive: true, force: true });
});

const ADMIN = { username: 'admin', password: KIT_PASSWORD };

/** Somebody whose password is right, who must have a second factor and has none. */
function assertSentToEnrol({ status, json, headers }: Answer, says: string): void {
  assert.equal(status, 403);
  assert.deepEqual([json.code, json.enrol_at], ['MFA_ENROLMENT_NEEDED', '/v1/login']);
  assert.ok(json.methods.includes('totp'));
  assert.equal(typeof json[says], 'string');
  assert.equal(json.access_token, undefined);
  assert.equal(headers.get('set-cookie'), null);
}

// Attack: an old sign-in, which never asked for a code, is the way around the policy that administrators have one.
test('X01 who must have a second factor and has none is told where to set it up, and gets no token', async () => {
  for (const code of [{}, { code: '000000' }]) {
    const body = { ...ADMIN, ...code };
    assertSentToEnrol(await kit.call('POST', LOGIN['digital-twin-v1'], { body }), 'msg');
    assertSentToEnrol(await kit.call('POST', LOGIN.ems, { body }), 'detail');
  }
  const wrong = await kit.call('POST', LOGIN.ems, { body: { ...ADMIN, password: 'wrong' } });
  assert.deepEqual([wrong.status, wrong.text], [401, '{"detail":"Invalid authentication credentials"}']);
});

test('A04 registration that is closed makes nobody, and the EMS agent has none', async () => {
  const body = { username: 'quin.closed', password: 'lighthouse keeper 1893' };
  const closed = await kit.call('POST', '/api/register', { body });
  assert.deepEqual([closed.status, closed.json.code], [403, 'IDENTITY_REGISTRATION_CLOSED']);
  assert.equal(typeof closed.json.msg, 'string');
  const login = await kit.call('POST', LOGIN['digital-twin-v1'], { body });
  assert.deepEqual([login.status, login.text], [401, '{"msg":"Bad username or password"}']);
  for (const path of ['/api/v1/auth/register', '/api/v1/register'])
    assert.equal((await kit.call('POST', path, { body })).status, 404);
});

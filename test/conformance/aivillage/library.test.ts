import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { decodeJwt } from 'jose';
import { Secret, TOTP } from 'otpauth';
import { type EmbeddedMfa, openEmbeddedMfa } from '../../../src/mfa/index.ts';
import { type EmbeddedSessions, openEmbeddedSessions } from '../../../src/sessions/index.ts';
import { createTestClock } from '../../../src/testing/index.ts';

const clock = createTestClock();
let folder = '';
let mfaSystem: EmbeddedMfa;
let sessionManager: EmbeddedSessions;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'twinkeep-old-names-'));
  const masterKey = { file: join(folder, 'master.key') };
  mfaSystem = await openEmbeddedMfa({
    ...{ database: `sqlite:${join(folder, 'mfa.db')}`, masterKey, issuerName: 'AIVillage', clock },
  });
  sessionManager = await openEmbeddedSessions({
    ...{ database: `sqlite:${join(folder, 'sessions.db')}`, masterKey, issuer: 'https://api.aivillage.example', clock },
  });
});
after(async () => {
  await mfaSystem.close();
  await sessionManager.close();
  rmSync(folder, { recursive: true });
});

const tokenOf = (secret: string): string =>
  new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: clock.now() });

test('V07: setup_totp gives a picture and backup codes, and verify_totp says yes or no', async () => {
  const { qr_code: picture, backup_codes: codes, secret } = await mfaSystem.setupTotp('user-7', 'user@example.com');
  assert.equal(Buffer.from(picture, 'base64').toString('latin1', 1, 4), 'PNG');
  assert.equal(new Set(codes).size, 10);
  assert.equal(await mfaSystem.verifyTotp('user-7', '000000', secret), false);
  assert.equal(await mfaSystem.verifyTotp('user-7', tokenOf(secret), secret), true);
  assert.equal(await mfaSystem.verifyTotp('user-7', tokenOf(secret), secret), false, 'each code counts once');
  clock.advance(60_000);
  assert.equal(await mfaSystem.verifyTotp('user-7', tokenOf(secret)), true, 'the stored secret, where none is given');
  assert.equal(await mfaSystem.verifyTotp('user-8', tokenOf(secret)), false);
});

test('V07: a backup code counts once', async () => {
  const { backup_codes: codes, secret } = await mfaSystem.setupTotp('user-9', 'nine@example.com');
  assert.equal(await mfaSystem.verifyTotp('user-9', tokenOf(secret)), true);
  assert.equal(await mfaSystem.verifyBackupCode('user-9', codes[3] ?? ''), true);
  assert.equal(await mfaSystem.verifyBackupCode('user-9', codes[3] ?? ''), false);
});

test('V10: the calls of the session manager do what they did, all of them as promises', async () => {
  await sessionManager.initialize();
  const device = { userAgent: 'Mozilla/5.0', address: '192.0.2.7' };
  const id = await sessionManager.createSession('user-7', device);
  const { accessToken } = await sessionManager.accessToken(id);
  assert.deepEqual(await sessionManager.verify(accessToken), { userId: 'user-7', sessionId: id });
  assert.equal(await sessionManager.revokeToken(String(decodeJwt(accessToken).jti)), true);
  await assert.rejects(sessionManager.verify(accessToken), { code: 'SESSION_REVOKED' });
  assert.equal(await sessionManager.revokeToken('never-issued'), false);

  const one = await sessionManager.createSession('user-8', device);
  const two = await sessionManager.createSession('user-8');
  assert.equal(await sessionManager.revokeSession(one), true);
  assert.equal(await sessionManager.revokeSession(one), false);
  assert.deepEqual(
    (await sessionManager.list('user-8')).map((session) => session.id),
    [two],
  );
  assert.equal(await sessionManager.revokeAllUserSessions('user-8'), 1);
  assert.equal(await sessionManager.revokeAllUserSessions('user-8'), 0);
  assert.equal((await sessionManager.list('user-7')).length, 1);
});

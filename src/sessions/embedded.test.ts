import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { decodeJwt } from 'jose';
import { isFault } from '../kernel/errors.ts';
import { createTestClock } from '../testing/index.ts';
import { type EmbeddedSessions, openEmbeddedSessions } from './embedded.ts';
import { expectRefused } from './sessions-kit.contract.ts';

const clock = createTestClock();
let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'twinkeep-embedded-sessions-'));
});
after(() => rm(folder, { recursive: true }));

const open = (name: string): Promise<EmbeddedSessions> =>
  openEmbeddedSessions({
    database: `sqlite:${join(folder, name)}`,
    masterKey: { file: join(folder, `${name}.key`) },
    issuer: 'https://app.example',
    onError: (error) => assert.fail(String(error)),
    clock,
  });

test('the calls of an older session manager work by themselves', async () => {
  const manager = await open('old');
  try {
    await manager.initialize();
    const id = await manager.createSession('user-7', { userAgent: 'test/1', address: '192.0.2.7' });
    assert.match(id, /^[0-9a-f]{32}$/, 'token_hex(16)');
    const [listed] = await manager.list('user-7');
    assert.deepEqual([listed?.id, listed?.device?.address], [id, '192.0.2.7']);

    const { accessToken } = await manager.accessToken(id);
    assert.deepEqual(await manager.verify(accessToken), { userId: 'user-7', sessionId: id });
    assert.equal(await manager.revokeToken(String(decodeJwt(accessToken).jti)), true);
    assert.equal(await manager.revokeToken('no-such-token'), false);
    await expectRefused('SESSION_REVOKED', () => manager.verify(accessToken));
    clock.advance(1);
    await manager.verify((await manager.accessToken(id)).accessToken);

    await manager.createSession('user-7');
    await manager.createSession('user-8');
    assert.equal(await manager.revokeAllUserSessions('user-7'), 2);
    assert.equal(await manager.revokeAllUserSessions('user-7'), 0);
    assert.equal((await manager.list('user-8')).length, 1);
    await expectRefused('SESSION_REVOKED', () => manager.accessToken(id));
    await assert.rejects(manager.createSession('somebody@example.org'), TypeError);
  } finally {
    await manager.close();
  }
});

// Attack: a session that was revoked is used after the program was started again.
test('sessions outlive the program, and so do revocations', async () => {
  const first = await open('kept');
  const kept = await first.signIn('ada');
  const gone = await first.signIn('ada');
  assert.equal(await first.revokeSession(gone.sessionId), true);
  assert.equal(await first.revokeSession(gone.sessionId), false);
  await assert.rejects(open('kept'), (error) => isFault(error, 'STORAGE_LOCKED'));
  await first.close();
  assert.equal((await stat(join(folder, 'kept.key'))).mode & 0o777, 0o600);

  const second = await open('kept');
  try {
    assert.equal((await second.verify(kept.accessToken)).userId, 'ada');
    await expectRefused('SESSION_REVOKED', () => second.verify(gone.accessToken));
    const next = await second.refresh(kept.refreshToken ?? '', kept.deviceSecret);
    assert.equal(next.sessionId, kept.sessionId);
    await expectRefused('SESSION_REVOKED', () => second.refresh(gone.refreshToken ?? '', gone.deviceSecret));
  } finally {
    await second.close();
  }
});

test('somebody who is active no longer refreshes nothing', async () => {
  const gone = new Set<string>();
  const manager = await openEmbeddedSessions({
    ...{ database: 'sqlite::memory:', masterKey: { base64: randomBytes(32).toString('base64') }, clock },
    ...{ issuer: 'https://app.example', isActive: (userId: string) => !gone.has(userId) },
  });
  try {
    const { refreshToken = '', deviceSecret } = await manager.signIn('ada');
    gone.add('ada');
    await expectRefused('SESSION_REVOKED', () => manager.refresh(refreshToken, deviceSecret));
  } finally {
    await manager.close();
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serverSuite, startRedis } from '../../../src/testing/index.ts';
import { SECRET } from '../profile-kit.ts';
import { startVillage } from './aivillage-kit.ts';

const RATING = /^([A-D][+-]?|F)$/;

test('V16, X30: with a token the status is whole, and without one it says that sessions work', async () => {
  const village = await startVillage();
  try {
    const token = await village.member('vera', 'viewer');
    const { status, json } = await village.call('GET', '/security/status', { token });
    assert.equal(status, 200);
    assert.match(json.security_rating, RATING);
    assert.equal(json.encryption.algorithm, 'AES-256-GCM');
    assert.equal(typeof json.encryption.current_version, 'string');
    assert.equal(json.encryption.rotation_needed, false);
    assert.deepEqual(json.session_management, { status: 'healthy', redis_health: 'not used' });
    assert.ok(json.mfa.available_methods.includes('TOTP') && json.mfa.available_methods.includes('Backup Codes'));
    assert.ok(!json.mfa.available_methods.includes('SMS'), 'nobody sends any here');
    assert.equal(json.mfa.user_status, 'disabled');
    assert.equal(json.tls_enabled, false);
    assert.equal(json.checks, undefined, 'what is weak is not every member’s to know');
    await village.enrol(token);
    assert.equal((await village.call('GET', '/security/status', { token })).json.mfa.user_status, 'enabled');
    const bare = await village.call('GET', '/security/status');
    assert.deepEqual(bare.json, { session_management: { status: 'healthy' } });
  } finally {
    await village.close();
  }
});

// Attack: a token that is none is taken for none at all, so that a client never learns that it was ended.
test('X30: a token that is not good is refused, not left out', async () => {
  const village = await startVillage();
  try {
    assert.equal((await village.call('GET', '/security/status', { token: 'e30.e30.x' })).status, 401);
    const token = await village.login();
    await village.call('POST', '/auth/logout', { token });
    assert.equal((await village.call('GET', '/security/status', { token })).status, 401);
  } finally {
    await village.close();
  }
});

test('X23: the rating is drawn from evidence, and each check says what was seen', async () => {
  const issuer = 'https://api.aivillage.example';
  const [bare, better] = [
    await startVillage({}, { config: { limits: { enabled: false } } }),
    await startVillage({}, { config: { issuer, sessions: { maxPerPerson: 10 } } }),
  ];
  try {
    const token = await better.login();
    await better.enrol(token);
    const low = (await bare.call('GET', '/security/status', { token: await bare.login() })).json;
    const high = (await better.call('GET', '/security/status', { token })).json;
    assert.equal(high.tls_enabled, true);
    assert.notEqual(low.security_rating, high.security_rating);
    const byId = (checks: readonly { id: string; score: number; evidence: string }[]) =>
      new Map(checks.map((check) => [check.id, check]));
    const [below, above] = [byId(low.checks), byId(high.checks)];
    for (const id of ['transport.tls', 'limits.on', 'mfa.administrators', 'sessions.bounded'])
      assert.ok((below.get(id)?.score ?? 1) < (above.get(id)?.score ?? 0), id);
    for (const { evidence } of high.checks) assert.ok(evidence.length > 0);
    // A secret must not stand in the reasons.
    assert.ok(!JSON.stringify([low, high]).includes(SECRET));
  } finally {
    await bare.close();
    await better.close();
  }
});

await serverSuite('V10, V16, V25: with Redis', startRedis, (redis) => {
  test('V16, V25: the version of Redis is told as its health', async () => {
    const village = await startVillage({}, { config: { redisUrl: redis.url } });
    try {
      const token = await village.login();
      const { json } = await village.call('GET', '/security/status', { token });
      assert.match(json.session_management.redis_health, /^\d+\.\d+\.\d+/);
      assert.equal(json.session_management.status, 'healthy');
    } finally {
      await village.close();
    }
  });
});

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { personId } from '../kernel/brand.ts';
import { minutes, seconds } from '../kernel/clock.ts';
import { platform } from '../kernel/tx.ts';
import { createSqliteStorage } from '../storage/index.ts';
import { type Answer, createKit, createTestClock, KIT_PASSWORD, type Kit } from '../testing/index.ts';
import { actor, createSessionsKit, expectRefused } from './sessions-kit.contract.ts';

const MASTER_KEY = Buffer.from('0123456789abcdef'.repeat(2)).toString('base64');

let kit: Kit;
before(async () => {
  kit = await createKit();
});
after(() => kit.close());

const login = (username: string, password = KIT_PASSWORD): Promise<Answer> =>
  kit.call('POST', '/v1/login', { body: { username, password }, headers: { 'user-agent': 'test/1' } });
const me = (token: string): Promise<Answer> => kit.call('GET', '/v1/me', { token });
const sessionsOf = async (token: string): Promise<{ id: string; current: boolean }[]> =>
  (await kit.call('GET', '/v1/sessions', { token })).json.items;
const bare = ({ status, json }: Answer) => ({ status, ...json, instance: '' });

test('after a logout the very next request is refused, and the refresh token is dead', async () => {
  const { json } = await login('admin');
  const other = await kit.signIn();
  assert.equal((await me(json.access_token)).status, 200);
  const ended = await kit.call('POST', '/v1/logout', { token: json.access_token });
  assert.deepEqual([ended.status, ended.text], [204, '']);
  const late = await me(json.access_token);
  assert.deepEqual([late.status, late.json.code], [401, 'SESSION_REVOKED']);
  const refreshed = await kit.call('POST', '/v1/token/refresh', { body: { refresh_token: json.refresh_token } });
  assert.deepEqual([refreshed.status, refreshed.json.code], [401, 'SESSION_REVOKED']);
  assert.equal((await kit.call('POST', '/v1/logout', { token: json.access_token })).status, 401);
  assert.equal((await me(other)).status, 200, 'another session of the same person goes on');
});

test('a person sees their sessions and ends another of them at once', async () => {
  const { id } = await kit.person('sam', 'viewer');
  const token = await kit.signIn('sam');
  kit.clock.advance(1_000);
  const other = (await login('sam')).json.access_token;
  const listed = (await kit.call('GET', '/v1/sessions', { token })).json.items;
  assert.equal(listed.length, 3);
  assert.deepEqual(listed[0].user_agent, 'test/1');
  assert.deepEqual(listed[0].address, '127.0.0.1');
  assert.deepEqual(Object.keys(listed[0]).sort(), [
    ...['address', 'amr', 'country', 'current', 'device', 'device_id', 'expires_at', 'id', 'last_used_at', 'place'],
    ...['profile', 'second_factor_at', 'started_at', 'user_agent'],
  ]);
  assert.deepEqual(listed.filter(({ current }: { current: boolean }) => current).length, 1);

  const mine = await sessionsOf(other);
  const target = mine.find(({ current }) => current)?.id;
  const ended = await kit.call('DELETE', `/v1/sessions/${target}`, { token });
  assert.equal(ended.status, 204);
  assert.equal((await me(other)).json.code, 'SESSION_REVOKED');
  assert.equal((await me(token)).json.id, id);
  assert.equal((await sessionsOf(token)).length, 2);
  const again = await kit.call('DELETE', `/v1/sessions/${target}`, { token });
  assert.deepEqual([again.status, again.json.code], [404, 'SESSION_NOT_FOUND']);
});

// Attack: the id of somebody else's session, also by an administrator of the same tenant.
test("somebody else's session is as unknown as one that does not exist", async () => {
  const { token: victim } = await kit.person('victor', 'viewer');
  const [theirs] = await sessionsOf(victim);
  const thief = await kit.signIn();
  const answers = await Promise.all(
    [theirs?.id, 'f'.repeat(32), 'x'].map((id) => kit.call('DELETE', `/v1/sessions/${id}`, { token: thief })),
  );
  for (const answer of answers) assert.deepEqual(bare(answer), bare(answers[1] ?? answer));
  assert.equal(answers[0]?.json.code, 'SESSION_NOT_FOUND');
  assert.equal((await me(victim)).status, 200);
});

test('an API key has no sessions to see or end', async () => {
  const key = await kit.key('read', 'write', 'delete', 'admin');
  for (const [method, path] of [
    ['GET', '/v1/sessions'],
    ['POST', '/v1/logout'],
    ['DELETE', '/v1/sessions/x'],
  ] as const) {
    const answer = await kit.call(method, path, { key });
    assert.deepEqual([answer.status, answer.json.code], [403, 'ACCESS_FORBIDDEN']);
  }
});

// Attack: a dismissed employee goes on with the token in his pocket.
test('disabling a person ends every session at once and refuses the next login like a wrong password', async () => {
  const { id } = await kit.person('dan', 'analyst');
  const first = await login('dan');
  const second = await login('dan');
  const wrong = await login('dan', 'not the password');
  const admin = await kit.signIn();
  const disabled = await kit.call('PATCH', `/v1/users/${id}`, { token: admin, body: { disabled: true } });
  assert.deepEqual([disabled.status, disabled.json.disabled], [200, true]);
  for (const { json } of [first, second]) {
    assert.equal((await me(json.access_token)).json.code, 'SESSION_REVOKED');
    const refreshed = await kit.call('POST', '/v1/token/refresh', { body: { refresh_token: json.refresh_token } });
    assert.equal(refreshed.json.code, 'SESSION_REVOKED');
  }
  assert.deepEqual(bare(await login('dan')), bare(wrong));
  assert.equal(wrong.json.code, 'IDENTITY_CREDENTIALS');

  kit.clock.advance(1);
  await kit.call('PATCH', `/v1/users/${id}`, { token: admin, body: { disabled: false } });
  assert.equal((await me(await kit.signIn('dan'))).status, 200);
  assert.equal((await me(first.json.access_token)).status, 401, 'what was ended stays ended');
});

test('a new password ends every session, and the old password signs in no more', async () => {
  const { id, token } = await kit.person('pat', 'viewer');
  const admin = await kit.signIn();
  const password = 'another password altogether';
  kit.clock.advance(1);
  await kit.call('PATCH', `/v1/users/${id}`, { token: admin, body: { password } });
  assert.equal((await me(token)).json.code, 'SESSION_REVOKED');
  assert.equal((await login('pat')).status, 401);
  kit.clock.advance(1);
  assert.equal((await me((await login('pat', password)).json.access_token)).status, 200);
});

test('a list of sessions is still given when the key of their owner was destroyed', async () => {
  const { id, token } = await kit.person('erin', 'viewer');
  const { storage, house } = kit.twinkeep;
  await storage.write(platform, (tx) => house.vault.subjects.destroy(tx, personId(id)));
  const [session] = (await kit.call('GET', '/v1/sessions', { token })).json.items;
  assert.deepEqual([session.user_agent, session.address], [null, null]);
});

// Attack: a revoked token is kept until the server was restarted and has forgotten what it held in memory.
test('what was revoked before a restart is refused after it, and what was not goes on', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'twinkeep-sessions-'));
  const clock = createTestClock();
  const start = () =>
    createKit({
      clock,
      storage: createSqliteStorage({ file: join(folder, 'db'), clock }),
      config: { masterKey: MASTER_KEY, issuer: 'https://twin.example' },
    });
  try {
    const before_ = await start();
    const [revoked, kept] = [await before_.signIn(), await before_.signIn()];
    await before_.call('POST', '/v1/logout', { token: revoked });
    await before_.close();
    const after_ = await start();
    assert.equal((await after_.call('GET', '/v1/me', { token: revoked })).json.code, 'SESSION_REVOKED');
    assert.equal((await after_.call('GET', '/v1/me', { token: kept })).status, 200);
    await after_.close();
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('what ran out more than a week ago is forgotten, and nothing else', async () => {
  const own = await createKit();
  try {
    const { refresh_token } = (
      await own.call('POST', '/v1/login', { body: { username: 'admin', password: KIT_PASSWORD } })
    ).json;
    const answer = async () => (await own.call('POST', '/v1/token/refresh', { body: { refresh_token } })).json.code;
    own.clock.advance(7 * 86_400_000);
    await own.twinkeep.house.sessions.prune();
    assert.equal(await answer(), 'SESSION_EXPIRED');
    own.clock.advance(86_400_000);
    await own.twinkeep.house.sessions.prune();
    assert.equal(await answer(), 'SESSION_UNKNOWN');
  } finally {
    await own.close();
  }
});

test('where a minute without use ends a session, one that is used every quarter of it goes on', async (t) => {
  const own = await createSessionsKit(undefined, undefined, { settings: { accessMs: minutes(1), idleMs: minutes(1) } });
  t.after(own.storage.close);
  for (const everyMs of [seconds(15), seconds(14)]) {
    const [used, idle] = [await own.start(), await own.start()];
    for (let at = 0; at < minutes(3); at += everyMs) {
      await own.wait(everyMs);
      own.sessions.used(used.sessionId);
      await own.sessions.flushUse();
    }
    const next = await own.sessions.refresh(actor, used.refreshToken ?? '', used.deviceSecret);
    assert.ok(next.accessToken, `used every ${everyMs} ms`);
    await expectRefused('SESSION_EXPIRED', () =>
      own.sessions.refresh(actor, idle.refreshToken ?? '', idle.deviceSecret),
    );
  }
});

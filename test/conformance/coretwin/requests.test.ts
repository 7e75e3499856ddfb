import assert from 'node:assert/strict';
import { test } from 'node:test';
import { minutes, seconds } from '../../../src/kernel/clock.ts';
import { platform } from '../../../src/kernel/tx.ts';
import { statement } from '../../../src/storage/index.ts';
import { type Answer, KIT_PASSWORD } from '../../../src/testing/index.ts';
import { LOGIN, SECRET, startProfile } from '../profile-kit.ts';
import { createPlace } from '../started.ts';

const APP = 'https://app.coretwin.com';

test('C07 X15 an address has 100 requests in a minute, and a caller who is known has 100 of his own', async () => {
  const kit = await startProfile('coretwin');
  try {
    const anonymous = (): Promise<Answer> => kit.call('GET', '/nothing');
    const [ada, bob] = [await kit.member('ada', 'viewer'), await kit.member('bob', 'viewer')];
    const known = (token: string) => (): Promise<Answer> =>
      kit.call('POST', '/api/v1/auth/logout', { token, body: {} });
    kit.clock.advance(minutes(2));
    const first = await Promise.all(Array.from({ length: 130 }, anonymous));
    assert.equal(first.filter(({ status }) => status === 404).length, 100);
    const refused = first.find(({ status }) => status === 429) ?? assert.fail();
    assert.equal(refused.json.code, 'LIMIT_EXCEEDED');
    assert.ok(Number(refused.headers.get('retry-after')) > 0);
    assert.equal((await known(ada)()).status, 204, 'who is known is not counted by address');
    assert.equal((await known(bob)()).status, 204);
    kit.clock.advance(minutes(1) + seconds(1));
    assert.equal((await anonymous()).status, 404);
  } finally {
    await kit.close();
  }
});

// Attack: one caller sends from many addresses, each with a count of its own.
test('C07 a caller who is known is limited over all of its addresses', async () => {
  const limits = [{ count: 20, windowMs: 60_000 }];
  const kit = await startProfile('coretwin', { limits }, { config: { trustedProxies: ['127.0.0.1'] } });
  try {
    const key = await kit.key('read');
    const statuses: number[] = [];
    for (let each = 0; each < 25; each++) {
      const headers = { 'x-forwarded-for': `192.0.2.${each}` };
      statuses.push((await kit.call('POST', '/api/v1/auth/logout', { key, headers })).status);
    }
    assert.equal(statuses.filter((status) => status === 403).length, 20, 'a key has no session to end');
    assert.equal(statuses.filter((status) => status === 429).length, 5);
  } finally {
    await kit.close();
  }
});

test('C07 RATE_LIMIT_REQUESTS_PER_MINUTE and CORS_ORIGINS as JSON are taken from the environment', async (t) => {
  const place = createPlace(t, { TWINKEEP_PROFILE: 'coretwin', JWT_SECRET_KEY: SECRET });
  const server = await place.start({ RATE_LIMIT_REQUESTS_PER_MINUTE: '7', CORS_ORIGINS: JSON.stringify([APP]) });
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => server.call('GET', '/nothing', { headers: { origin: APP } })),
  );
  assert.equal(answers.filter(({ status }) => status === 404).length, 7);
  assert.ok(answers.every(({ headers }) => headers.get('access-control-allow-origin') === APP));
});

test('C07 only the origins of the list may read an answer or send what asks before', async () => {
  const kit = await startProfile('coretwin', { corsOrigins: [APP] });
  try {
    const preflight = (origin: string): Promise<Answer> =>
      kit.call('OPTIONS', LOGIN.coretwin, { headers: { origin, 'access-control-request-method': 'POST' } });
    const good = await preflight(APP);
    assert.deepEqual([good.status, good.headers.get('access-control-allow-origin')], [204, APP]);
    assert.equal(good.headers.get('access-control-allow-credentials'), 'true');
    for (const origin of ['https://evil.com', 'null', 'https://app.coretwin.com.evil.com', 'http://app.coretwin.com']) {
      const body = { username: 'admin', password: KIT_PASSWORD };
      const answers = [await preflight(origin), await kit.call('POST', LOGIN.coretwin, { headers: { origin }, body })];
      for (const { headers } of answers) assert.equal(headers.get('access-control-allow-origin'), null, origin);
    }
  } finally {
    await kit.close();
  }
});

test('C07 input that is not as the schema has it is refused before anything is done with it', async () => {
  const kit = await startProfile('coretwin');
  try {
    const good = { username: 'admin', password: KIT_PASSWORD };
    const bad: readonly unknown[] = [
      { ...good, extra: 1 },
      { username: 'admin' },
      { ...good, username: ['admin'] },
      { ...good, username: { $ne: null } },
      { ...good, username: 'a\u0000b' },
      { ...good, password: 'x'.repeat(2_000) },
      [],
    ];
    for (const body of bad)
      assert.equal((await kit.call('POST', LOGIN.coretwin, { body })).status, 422, JSON.stringify(body));
    const refresh = await kit.call('POST', '/api/v1/auth/refresh', { body: { refresh_token: 7 } });
    assert.equal(refresh.status, 422);
  } finally {
    await kit.close();
  }
});

const written = statement({
  reach: 'platform',
  sql: 'select body from audit_entry',
  returns: { body: 'text' },
});

test('C07 who did what is in the audit log, and what was refused too', async () => {
  const kit = await startProfile('coretwin');
  try {
    const token = await kit.login();
    await kit.call('POST', LOGIN.coretwin, { body: { username: 'admin', password: 'wrong' } });
    await kit.call('POST', '/api/v1/auth/logout', { token });
    await kit.call('POST', '/api/v1/auth/logout', { token });
    const { storage } = kit.twinkeep;
    await storage.write(platform, async () => undefined); // behind what is noted and not awaited
    const rows = await storage.read(platform, (tx) => tx.all(written, {}));
    const actions = rows.map(({ body }) => JSON.parse(body).action);
    for (const action of ['session.started', 'signin.refused', 'session.ended', 'access.refused'])
      assert.equal(actions.filter((one) => one === action).length, 1, `${action}: ${actions}`);
  } finally {
    await kit.close();
  }
});

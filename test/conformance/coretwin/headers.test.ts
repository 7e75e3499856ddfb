import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Answer, createKit } from '../../../src/testing/index.ts';
import { LOGIN, type ProfileName, SECRET, startProfile } from '../profile-kit.ts';

const FOUR = {
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
};

test('C10 the four headers stand in every answer of its own routes, each once, refusals too', async () => {
  const kit = await startProfile('coretwin', { limits: [{ count: 12, windowMs: 60_000 }] });
  try {
    const token = await kit.login();
    const json = { 'content-type': 'application/json' };
    const answers: Answer[] = [
      await kit.call('POST', '/api/v1/auth/logout', { token }),
      await kit.call('POST', '/api/v1/auth/logout', { token }),
      await kit.call('POST', LOGIN.coretwin, { body: { username: 'admin', password: 'wrong' } }),
      await kit.call('POST', LOGIN.coretwin, { body: {} }),
      await kit.call('POST', LOGIN.coretwin, { body: '{', headers: json }),
      await kit.call('POST', LOGIN.coretwin, { body: 'x', headers: { 'content-type': 'text/plain' } }),
      await kit.call('POST', LOGIN.coretwin, { body: `"${'x'.repeat(1_200_000)}"`, headers: json }),
      await kit.call('PUT', LOGIN.coretwin, { body: {} }),
      await kit.call('GET', '/nothing'),
      await kit.call('GET', '/%zz'),
    ];
    for (let each = 0; each < 12; each++) answers.push(await kit.call('GET', '/nothing'));
    const seen = new Set(answers.map(({ status }) => status));
    for (const status of [204, 400, 401, 404, 405, 413, 415, 422, 429]) assert.ok(seen.has(status), `no ${status}`);
    for (const { status, headers } of answers)
      for (const [name, value] of Object.entries(FOUR)) assert.equal(headers.get(name), value, `${status} ${name}`);
  } finally {
    await kit.close();
  }
});

test('X26 X-XSS-Protection stands in answers of ems alone, for browsers that knew it leaked by it', async () => {
  const ems = await startProfile('ems');
  try {
    for (const path of ['/health', '/api/v1/data/secure', '/nothing'])
      assert.equal((await ems.call('GET', path)).headers.get('x-xss-protection'), '1; mode=block', path);
  } finally {
    await ems.close();
  }
  const others: readonly ProfileName[] = ['digital-twin-v1', 'digital-twin-v2', 'aivillage', 'coretwin'];
  for (const name of others) {
    const kit = await startProfile(name, { secret: SECRET });
    try {
      const login = await kit.call('POST', LOGIN[name], { body: {} });
      for (const answer of [login, await kit.call('GET', '/health'), await kit.call('GET', '/nothing')])
        assert.equal(answer.headers.get('x-xss-protection'), null, `${name} ${answer.status}`);
    } finally {
      await kit.close();
    }
  }
  const native = await createKit();
  try {
    for (const path of ['/health', '/v1/me', '/docs'])
      assert.equal((await native.call('GET', path)).headers.get('x-xss-protection'), null, path);
  } finally {
    await native.close();
  }
});

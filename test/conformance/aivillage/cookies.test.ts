import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KIT_PASSWORD } from '../../../src/testing/index.ts';
import { startVillage } from './aivillage-kit.ts';

// Attack: a page that lies on our own site, or a browser that says nothing of sites, has a signed-in browser call us.
test('V13, V14: with cookies a change needs the CSRF token too, also where tickets are taken', async () => {
  const village = await startVillage({ delivery: 'cookies' });
  try {
    const body = { username: 'admin', password: KIT_PASSWORD };
    const { headers, json } = await village.call('POST', '/auth/login', { body });
    assert.equal(json.access_token, undefined);
    const cookie = headers
      .getSetCookie()
      .map((line) => line.split(';', 1)[0])
      .join('; ');
    const setup = (more: object) => village.call('POST', '/auth/mfa/setup', { headers: { cookie, ...more } });
    assert.equal((await setup({})).status, 403);
    assert.equal((await setup({ 'x-csrf-token': 'made up' })).status, 403);
    assert.equal((await setup({ 'x-csrf-token': json.csrf_token })).status, 200);
    const refresh = (more: object) => village.call('POST', '/auth/refresh', { headers: { cookie, ...more } });
    assert.equal((await refresh({})).status, 403);
    assert.equal((await refresh({ 'x-csrf-token': json.csrf_token })).status, 200);
  } finally {
    await village.close();
  }
});

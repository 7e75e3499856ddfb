import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { isFault } from '../kernel/errors.ts';
import { type Call, createKit } from '../testing/index.ts';
import { createTokenVerifier } from './verifier.ts';

const issuer = 'https://twin.example';

// Attack: a session that its owner has ended is used at a back end that verifies by itself.
test('a back end beside a whole Twinkeep refuses within a second what was ended there', async (t) => {
  const kit = await createKit({ config: { issuer } });
  t.after(kit.close);
  const apiKey = await kit.key('follow:revocations');
  const { address, clock } = kit;
  const verifier = createTokenVerifier({ issuer, address, apiKey, clock });
  t.after(verifier.stop);
  await verifier.ready();
  const { id, token } = await kit.person('wanda', 'analyst');
  assert.equal((await verifier.verify(token)).personId, id);
  assert.equal((await kit.call('POST', '/v1/logout', { token })).status, 204);
  const endedAt = performance.now();
  let code = '';
  while (code === '' && performance.now() - endedAt < 1_000) {
    await pause(5);
    await verifier.verify(token).catch((error) => {
      code = isFault(error) ? error.code : String(error);
    });
  }
  assert.equal(code, 'SESSION_REVOKED');
  t.diagnostic(`after ${(performance.now() - endedAt).toFixed(0)} ms`);
});

test('the feed is for those who may read it alone, and its stream ends with its key', async (t) => {
  const kit = await createKit({ config: { issuer } });
  t.after(kit.close);
  const other = await kit.key('write:meter_data');
  for (const path of ['', '/snapshot', '/stream']) {
    assert.equal((await kit.call('GET', `/v1/revocations${path}`)).status, 401);
    assert.equal((await kit.call('GET', `/v1/revocations${path}`, { key: other })).status, 403);
  }
  const key = await kit.key('follow:revocations');
  const headers = { 'x-api-key': key };
  const response = await fetch(`${kit.address}/v1/revocations/stream`, { headers });
  assert.equal(response.status, 200);
  const token = await kit.signIn();
  const { json } = await kit.call('GET', '/v1/api-keys', { token });
  for (const { id } of json.items) await kit.call('DELETE', `/v1/api-keys/${id}`, { token });
  const endedAt = performance.now();
  await response.text().catch(() => undefined); // until it is cut
  assert.ok(performance.now() - endedAt < 1_500);
});

// Attack: whoever may look at readings follows who is signed out of the platform.
test('to read the data of a twin is not to follow its revocations', async (t) => {
  const kit = await createKit();
  t.after(kit.close);
  const { token } = await kit.person('vera', 'viewer');
  const snapshot = (call: Call) => kit.call('GET', '/v1/revocations/snapshot', call);
  for (const call of [{ token }, { token: await kit.signIn() }, { key: await kit.key('read', 'write') }])
    assert.equal((await snapshot(call)).json.code, 'ACCESS_FORBIDDEN');
  assert.equal((await snapshot({ key: await kit.key('follow:revocations') })).status, 200);
});

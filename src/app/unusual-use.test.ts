import assert from 'node:assert/strict';
import { test } from 'node:test';
import { platform } from '../kernel/tx.ts';
import { statement } from '../storage/index.ts';
import { createKit, createTestClock, KIT_PASSWORD } from '../testing/index.ts';

const minute = 60_000;
const day = 24 * 60 * minute;

const stored = statement({
  reach: 'platform',
  sql: 'select principal from anomaly_baseline where principal = :principal',
  params: { principal: 'text' },
  returns: { principal: 'text' },
});

test('what a key does is counted on the line, learned, told by the route, and kept through sweeps', async () => {
  const kit = await createKit({ config: { sessions: { idleMs: day, absoluteMs: 2 * day } } });
  try {
    const key = await kit.key('read:meter_data');
    const token = await kit.signIn();
    for (let n = 0; n < 10; n++) {
      assert.equal((await kit.call('GET', '/v1/readings', { key })).status, 200);
      kit.clock.advance(minute);
    }
    await kit.twinkeep.house.anomalies.sweep();
    const keys = await kit.call('GET', '/v1/api-keys', { token });
    const principal = `api-key:${keys.json.items[0].id}`;
    const view = await kit.twinkeep.house.anomalies.baseline(principal);
    assert.equal(view?.learning, true);
    const bytes = view?.measures.find(({ measure }) => measure === 'bytes');
    assert.ok(bytes && bytes.now > 10 * 300 && bytes.now < 10 * 5_000, `heads and bodies: ${bytes?.now}`);

    const { anomalies } = kit.twinkeep.house;
    const vera = await kit.person('vera', 'viewer');
    for (let n = 0; n < 3; n++) {
      assert.equal((await kit.call('GET', '/v1/me', { token: vera.token })).status, 200);
      kit.clock.advance(minute);
      await anomalies.sweep();
    }
    const name = `person:${vera.id}`;
    const found = () => kit.twinkeep.storage.read(platform, (tx) => tx.one(stored, { principal: name }));
    assert.ok((await found()) && (await anomalies.baseline(name)));
    const left = await kit.call('DELETE', `/v1/users/${vera.id}`, { token: await kit.signIn() });
    assert.ok(left.status < 300, left.text);
    assert.equal(await found(), undefined, 'erased with the account');
    kit.clock.advance(minute);
    await anomalies.sweep();
    assert.equal(await found(), undefined, 'and not written again from memory');
    assert.equal(await anomalies.baseline(name), undefined);
  } finally {
    await kit.close();
  }
});

// Attack: a session is used otherwise than ever by whoever carried it off, within the time its last proof is good for.
test('a step that asks for a proof asks anew once a session’s use was unusual, and lets the fresh one pass', async () => {
  const clock = createTestClock();
  const kit = await createKit({ clock });
  try {
    const token = await kit.signIn();
    const begin = () => kit.call('POST', '/v1/mfa/totp', { token, body: {} });
    const before = await begin();
    assert.ok(before.status < 300, before.text);
    const { sid } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    clock.advance(1_000);
    await kit.twinkeep.house.askedProofs.ask(sid);
    const after = await begin();
    assert.equal(after.json.code, 'ACCESS_PROOF_TOO_OLD');
    clock.advance(1_000);
    const given = await kit.call('POST', '/v1/step-up', { token, body: { password: KIT_PASSWORD } });
    assert.ok(given.status < 300, given.text);
    const again = await begin();
    assert.ok(again.status < 300, again.text);
  } finally {
    await kit.close();
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createKit } from '../../src/testing/index.ts';
import { openOperatorPort } from './operator.ts';

// Attack: none. An office signs in from one address, and the operator changes the signing keys in an emergency.
test('tokens that die in an emergency rotation block nobody, and everybody signs in again', async (t) => {
  const kit = await createKit({ config: { detection: { failures: 5 } } });
  t.after(() => kit.close());
  const tokens: string[] = [];
  for (let one = 0; one < 8; one++) {
    tokens.push(await kit.signIn());
    kit.clock.advance(1_000);
  }
  const operator = await openOperatorPort(kit);
  t.after(operator.close);
  const rotated = await fetch(`${operator.address}/v1/token-keys/rotate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"emergency":true}',
  });
  assert.equal(rotated.status, 200);
  for (const token of tokens) {
    const answer = await kit.call('GET', '/v1/me', { token });
    assert.deepEqual([answer.status, answer.json.code], [401, 'SESSION_REVOKED']);
  }
  const again = await kit.call('GET', '/v1/me', { token: await kit.signIn() });
  assert.equal(again.status, 200);
});

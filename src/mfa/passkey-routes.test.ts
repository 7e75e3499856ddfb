import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createKit, type Kit } from '../testing/index.ts';
import { createSoftAuthenticator } from './passkey-authenticator.contract.ts';

let kit: Kit;
before(async () => {
  kit = await createKit({ config: { issuer: 'https://twin.example' } });
});
after(() => kit.close());

const post = (path: string, token: string | undefined, body: object = {}) => kit.call('POST', path, { token, body });
const optionsFor = async (token: string, wish = {}) => (await post('/v1/mfa/passkeys/options', token, wish)).json;

test('a passkey that verifies its person is registered over HTTP and signs in by itself', async () => {
  const { id, token } = await kit.person('ada', 'viewer');
  const device = createSoftAuthenticator();
  const response = device.create(await optionsFor(token, { passwordless: true }));
  const made = await post('/v1/mfa/passkeys', token, { response, label: 'my key' });
  assert.equal(made.status, 201, made.text);
  const { id: factor, created_at, backup_codes, ...rest } = made.json;
  const expected = { method: 'passkey', label: 'my key', keeper: null, transports: ['usb'], backed_up: false };
  assert.deepEqual([rest, typeof factor, typeof created_at, backup_codes.length], [expected, 'string', 'string', 10]);

  const asked = await kit.call('POST', '/v1/login/passkey/options');
  const signed = await post('/v1/login/passkey', undefined, { passkey: device.get(asked.json.passkey) });
  assert.equal(signed.status, 200, signed.text);
  assert.equal((await kit.call('GET', '/v1/me', { token: signed.json.access_token })).json.id, id);
  const again = await post('/v1/login/passkey', undefined, { passkey: device.get(asked.json.passkey) });
  assert.deepEqual([again.status, again.json.code], [401, 'MFA_CODE_WRONG']);
});

// Attack: a token that was left open at a shared screen plants a key of the attacker's.
test('a passkey is taken only from who proved lately who they are, and never over options of somebody else', async () => {
  const [bob, eve] = [await kit.person('bob', 'viewer'), await kit.person('eve', 'viewer')];
  const response = createSoftAuthenticator().create(await optionsFor(bob.token));
  const foreign = await post('/v1/mfa/passkeys', eve.token, { response });
  assert.deepEqual([foreign.status, foreign.json.code], [422, 'MFA_PASSKEY_REFUSED']);
  kit.clock.advance(10 * 60_000 + 1);
  const late = await post('/v1/mfa/passkeys', bob.token, { response });
  assert.deepEqual([late.status, late.json.code], [401, 'ACCESS_PROOF_TOO_OLD']);
  assert.equal((await post('/v1/mfa/passkeys/options', undefined)).status, 401);
});

test('a wish of another shape is refused with the place of what is wrong', async () => {
  const { token } = await kit.person('wanda', 'viewer');
  const response = createSoftAuthenticator().create(await optionsFor(token));
  const wrong: [object, string][] = [
    [{}, 'body/response'],
    [{ response: { ...response, type: 'password' } }, 'body/response/type'],
    [{ response: { ...response, id: 'not base64url!' } }, 'body/response/id'],
    [{ response, label: '' }, 'body/label'],
    [{ response, label: 'x'.repeat(65) }, 'body/label'],
  ];
  for (const [body, at] of wrong) {
    const { status, json } = await post('/v1/mfa/passkeys', token, body);
    assert.deepEqual([status, json.code, json.errors[0].at], [422, 'HTTP_INPUT_REFUSED', at]);
  }
});

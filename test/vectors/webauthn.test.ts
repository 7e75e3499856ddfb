import assert from 'node:assert/strict';
import { z } from 'zod';
import type { RelyingParty } from '../../src/mfa/passkey-party.ts';
import {
  type AuthenticationAnswer,
  authenticationResponse,
  type NewCredential,
  type RegistrationAnswer,
  readAssertion,
  readRegistration,
  registrationResponse,
} from '../../src/mfa/passkey-verify.ts';
import { vectorTest } from './vectors.ts';

const hex = z
  .string()
  .regex(/^(?:[0-9a-f]{2})+$/)
  .transform((text) => Buffer.from(text, 'hex'));

const vector = z.object({
  name: z.string(),
  rp_id: z.string(),
  origin: z.string(),
  top_origin: z.string(),
  registration: z.object({
    ...{ challenge: hex, aaguid: hex, credential_id: hex, clientDataJSON: hex, attestationObject: hex },
  }),
  authentication: z.object({ challenge: hex, authenticatorData: hex, clientDataJSON: hex, signature: hex }),
});
type Vector = z.output<typeof vector>;
const file = z.object({ count: z.int(), vectors: z.array(vector) });

const b64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
const vectorsOf = (text: string): readonly Vector[] => {
  const { count, vectors } = file.parse(JSON.parse(text));
  assert.equal(vectors.length, count);
  return vectors;
};

/** As the specification names it, pages of other origins that frame ours included. */
const partyOf = (of: Vector): RelyingParty => ({
  ...{ id: of.rp_id, name: of.rp_id, origins: [of.origin], topOrigins: [of.top_origin] },
});

function expectedOf(of: Vector, part: 'registration' | 'authentication') {
  return { party: partyOf(of), challenge: b64(of[part].challenge), userVerified: false };
}

function registrationOf({ registration }: Vector, given: Partial<Record<string, Uint8Array>> = {}): RegistrationAnswer {
  const { credential_id, clientDataJSON, attestationObject } = { ...registration, ...given };
  const response = { clientDataJSON: b64(clientDataJSON), attestationObject: b64(attestationObject) };
  return registrationResponse.parse({
    id: b64(credential_id),
    rawId: b64(credential_id),
    type: 'public-key',
    response,
  });
}

function authenticationOf(of: Vector, given: Partial<Record<string, Uint8Array>> = {}): AuthenticationAnswer {
  const id = b64(of.registration.credential_id);
  const { clientDataJSON, authenticatorData, signature } = { ...of.authentication, ...given };
  const parts = { clientDataJSON, authenticatorData, signature };
  const response = Object.fromEntries(Object.entries(parts).map(([name, bytes]) => [name, b64(bytes)]));
  return authenticationResponse.parse({ id, rawId: id, type: 'public-key', response });
}

async function registered(of: Vector): Promise<NewCredential> {
  const made = await readRegistration(registrationOf(of), expectedOf(of, 'registration'));
  assert.ok(made, of.name);
  return made;
}

const PATH = 'webauthn/w3c_level3.json';

vectorTest('every credential of WebAuthn Level 3 is registered and signs in', PATH, async (text, t) => {
  const vectors = vectorsOf(text);
  for (const of of vectors) {
    const made = await registered(of);
    assert.equal(made.credentialId, b64(of.registration.credential_id));
    assert.equal(made.aaguid.replaceAll('-', ''), of.registration.aaguid.toString('hex'));
    const proved = await readAssertion(authenticationOf(of), made.publicKey, expectedOf(of, 'authentication'));
    assert.ok(proved, of.name);
    assert.equal(proved.userVerified, (of.authentication.authenticatorData.readUInt8(32) & 0x04) !== 0);
  }
  t.diagnostic(`${vectors.length} credentials`);
});

vectorTest('what was not verified, or came from a frame, is refused unless we admit it', PATH, async (text) => {
  let [unverified, framed] = [0, 0];
  for (const of of vectorsOf(text)) {
    const { publicKey, userVerified } = await registered(of);
    const expected = expectedOf(of, 'authentication');
    const strict = await readAssertion(authenticationOf(of), publicKey, { ...expected, userVerified: true });
    const isVerified = (of.authentication.authenticatorData.readUInt8(32) & 0x04) !== 0;
    assert.equal(strict !== undefined, isVerified);
    if (!isVerified) unverified++;
    const again = await readRegistration(registrationOf(of), { ...expectedOf(of, 'registration'), userVerified: true });
    assert.equal(again !== undefined, userVerified);

    const isFramed = of.authentication.clientDataJSON.includes('"crossOrigin":true');
    const { topOrigins: _, ...alone } = partyOf(of);
    const unframed = await readAssertion(authenticationOf(of), publicKey, { ...expected, party: alone });
    assert.equal(unframed === undefined, isFramed);
    if (isFramed) framed++;
  }
  assert.ok(unverified > 0 && framed > 0, 'the vectors have both');
});

// Attack: an answer is altered on its way, one bit of each byte in turn.
vectorTest('one flipped bit anywhere in a signed answer makes it prove nothing', PATH, async (text, t) => {
  let tried = 0;
  for (const of of vectorsOf(text)) {
    const { publicKey } = await registered(of);
    const expected = expectedOf(of, 'authentication');
    for (const part of ['clientDataJSON', 'authenticatorData', 'signature'] as const) {
      for (let at = 0; at < of.authentication[part].length; at++) {
        const altered = Buffer.from(of.authentication[part]);
        altered.writeUInt8(altered.readUInt8(at) ^ (1 << (at % 8)), at);
        const given = authenticationOf(of, { [part]: altered });
        assert.equal(await readAssertion(given, publicKey, expected), undefined, `${of.name}: ${part}[${at}]`);
        tried++;
      }
    }
  }
  t.diagnostic(`${tried} altered answers`);
});

// Attack: a credential is registered from another page, for another domain, or over a challenge of somebody else.
vectorTest('a registration over another challenge, page, domain or credential is refused', PATH, async (text) => {
  for (const of of vectorsOf(text)) {
    const expected = expectedOf(of, 'registration');
    const party = partyOf(of);
    const whole = registrationOf(of);
    const others = [
      { ...expected, challenge: b64(of.authentication.challenge) },
      { ...expected, party: { ...party, origins: ['https://example.com'] } },
      { ...expected, party: { ...party, id: 'example.com' } },
    ];
    for (const other of others) assert.equal(await readRegistration(whole, other), undefined);
    const named = registrationOf(of, { credential_id: of.registration.challenge });
    assert.equal(await readRegistration(named, expected), undefined);
    const ceremony = registrationOf(of, { clientDataJSON: of.authentication.clientDataJSON });
    assert.equal(await readRegistration(ceremony, expected), undefined);
  }
});

// Attack: the flag of presence, or the hash of the domain, is altered; nothing signs them where no attestation is asked.
vectorTest('a registration whose domain, presence or key is altered is refused', PATH, async (text) => {
  for (const of of vectorsOf(text)) {
    const bytes = of.registration.attestationObject;
    const hash = bytes.indexOf(of.authentication.authenticatorData.subarray(0, 32));
    assert.ok(hash > 0);
    const alter = async (at: number, mask: number) => {
      const altered = Buffer.from(bytes);
      altered.writeUInt8(altered.readUInt8(at) ^ mask, at);
      return readRegistration(registrationOf(of, { attestationObject: altered }), expectedOf(of, 'registration'));
    };
    for (let at = hash; at < hash + 32; at++) assert.equal(await alter(at, 0x10), undefined);
    assert.equal(await alter(hash + 32, 0x01), undefined, 'nobody present');
    assert.equal(await alter(hash + 32, 0x40), undefined, 'no credential');
    for (let at = hash + 55; at < hash + 87; at++) assert.equal(await alter(at, 0x10), undefined, 'another id');
  }
});

import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { createSystemRandom } from '../kernel/random.ts';
import {
  ed25519PublicBytes,
  ed25519PublicKey,
  ed25519Thumbprint,
  exportEd25519Private,
  exportEd25519Public,
  generateEd25519,
  importEd25519Private,
  importEd25519Public,
  signEd25519,
  verifyEd25519,
} from './ed25519.ts';

// RFC 8037 appendix A.
const publicJwk = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' } as const;
const privateJwk = { ...publicJwk, d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A' } as const;

const message = Buffer.from('reading 41.7 kWh');
const pair = generateEd25519(createSystemRandom());

test('the key of RFC 8037 has its thumbprint, from either half', () => {
  const imported = importEd25519Private(privateJwk);
  assert.ok(imported);
  assert.equal(ed25519Thumbprint(imported.publicKey), 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k');
  assert.equal(ed25519Thumbprint(imported.privateKey), 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k');
});

test('the key of RFC 8037 signs its example as the RFC does', () => {
  const imported = importEd25519Private(privateJwk);
  assert.ok(imported);
  const signature = signEd25519(
    imported.privateKey,
    Buffer.from('eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc'),
  );
  assert.equal(
    signature.toString('base64url'),
    'hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg',
  );
});

test('a new key comes from the randomness handed in and returns from its JWK', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (seed) => {
      const made = generateEd25519({ bytes: () => Buffer.from(seed) });
      const jwk = exportEd25519Private(made.privateKey);
      assert.equal(jwk.d, Buffer.from(seed).toString('base64url'));
      assert.deepEqual(exportEd25519Public(made.privateKey), exportEd25519Public(made.publicKey));
      assert.deepEqual(Object.keys(exportEd25519Public(made.privateKey)), ['kty', 'crv', 'x']);
      assert.ok(importEd25519Private(jwk)?.privateKey.equals(made.privateKey));
      assert.ok(importEd25519Public(jwk)?.equals(made.publicKey));
      assert.ok(ed25519PublicKey(ed25519PublicBytes(made.publicKey)).equals(made.publicKey));
    }),
    { numRuns: 30 },
  );
});

test('a signature verifies for its message and key, and with any bit flipped it does not', () => {
  const signature = signEd25519(pair.privateKey, message);
  assert.equal(signature.length, 64);
  assert.equal(verifyEd25519(pair.publicKey, message, signature), true);
  const other = generateEd25519(createSystemRandom());
  assert.equal(verifyEd25519(other.publicKey, message, signature), false);
  assert.equal(verifyEd25519(pair.publicKey, message.subarray(1), signature), false);
  for (let bit = 0; bit < 512; bit += 1) {
    const altered = signature.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
    assert.equal(verifyEd25519(pair.publicKey, message, altered), false);
  }
  for (const length of [0, 1, 63, 65])
    assert.equal(verifyEd25519(pair.publicKey, message, Buffer.alloc(length)), false);
});

// Attack: a key file is given another public half; a signature made with it would give the seed away.
test('a private JWK whose halves do not belong together is refused', () => {
  assert.equal(importEd25519Private({ ...privateJwk, x: exportEd25519Public(pair.publicKey).x }), undefined);
});

test('what is not an Ed25519 JWK is refused', () => {
  const { x, d } = privateJwk;
  for (const jwk of [
    undefined,
    null,
    'jwk',
    [],
    {},
    { kty: 'OKP', crv: 'Ed25519' },
    { kty: 'OKP', crv: 'X25519', x, d },
    { kty: 'EC', crv: 'Ed25519', x, d },
    { kty: 'oct', k: x },
    { kty: 'OKP', crv: 'Ed25519', x: `${x}=`, d },
    { kty: 'OKP', crv: 'Ed25519', x: x.slice(0, -2), d },
    { kty: 'OKP', crv: 'Ed25519', x: 7, d },
    { kty: 'OKP', crv: 'Ed25519', x: [x], d },
  ]) {
    assert.equal(importEd25519Public(jwk), undefined);
    assert.equal(importEd25519Private(jwk), undefined);
  }
  assert.equal(importEd25519Private(publicJwk), undefined);
  assert.equal(importEd25519Private({ ...privateJwk, d: `${d.slice(0, -1)}B` }), undefined);
});

// Attack: a key of another kind is slipped in, under which the same call means another scheme.
test('keys of another kind neither sign nor verify nor leave', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  assert.throws(() => signEd25519(privateKey, message), TypeError);
  assert.throws(() => signEd25519(pair.publicKey, message), TypeError);
  assert.throws(() => verifyEd25519(publicKey, message, Buffer.alloc(64)), TypeError);
  assert.throws(() => exportEd25519Public(publicKey), TypeError);
  assert.throws(() => exportEd25519Private(pair.publicKey), TypeError);
  assert.throws(() => ed25519PublicKey(Buffer.alloc(31)), RangeError);
});

test('a key from a PEM file exports as JWK', () => {
  const pem = pair.privateKey.export({ format: 'pem', type: 'pkcs8' });
  assert.equal(exportEd25519Private(createPrivateKey(pem)).x, exportEd25519Public(pair.publicKey).x);
});

import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { z } from 'zod';
import {
  openBareGcm,
  openFernet,
  openFernetWithAny,
  parseFernetKey,
  sealBareGcm,
  sealFernet,
} from '../../src/crypto/index.ts';
import { vectorTest } from './vectors.ts';

const base64 = z.base64().transform((text) => Buffer.from(text, 'base64'));
const fernetKey = z.string().transform((text) => {
  const key = parseFernetKey(text);
  assert.ok(key, 'a key of the vectors is not read');
  return key;
});
const rfcTime = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));
const specToken = { token: z.string(), now: rfcTime, secret: fernetKey };
const specVerify = z.object({ ...specToken, ttl_sec: z.int() });

vectorTest('Fernet makes the tokens of the specification', 'fernet/generate.json', (text, t) => {
  const iv = z.array(z.int()).transform((bytes) => Buffer.from(bytes));
  const vectors = z.array(z.object({ ...specToken, iv, src: z.string() })).parse(JSON.parse(text));
  for (const { secret, src, now, iv, token } of vectors) assert.equal(sealFernet(secret, src, { now, iv }), token);
  assert.ok(vectors.length > 0);
  t.diagnostic(`${vectors.length} run`);
});

vectorTest('Fernet opens the tokens of the specification', 'fernet/verify.json', (text, t) => {
  const vectors = z.array(specVerify.extend({ src: z.string() })).parse(JSON.parse(text));
  for (const { secret, token, now, ttl_sec: ttlS, src } of vectors) {
    assert.equal(openFernet(secret, token, { now, ttlS })?.toString(), src);
  }
  assert.ok(vectors.length > 0);
  t.diagnostic(`${vectors.length} run`);
});

vectorTest('Fernet refuses what the specification says', 'fernet/invalid.json', (text, t) => {
  const vectors = z.array(specVerify.extend({ desc: z.string() })).parse(JSON.parse(text));
  for (const { secret, token, now, ttl_sec: ttlS, desc } of vectors) {
    assert.equal(openFernet(secret, token, { now, ttlS }), undefined, desc);
  }
  assert.ok(vectors.length > 0);
  t.diagnostic(`${vectors.length} run`);
});

const one = { id: z.string(), key: fernetKey, token: z.string() };
const pythonVector = z.discriminatedUnion('kind', [
  z.object({ ...one, kind: z.literal('valid'), timestamp: z.int(), plaintext_b64: base64 }),
  z.object({ ...one, kind: z.literal('invalid'), why: z.string() }),
  z.object({ ...one, kind: z.literal('ttl'), ttl_sec: z.int(), now: z.int(), valid: z.boolean() }),
  z.object({
    id: z.string(),
    kind: z.literal('multifernet'),
    keys: z.array(fernetKey),
    encrypted_with: z.int(),
    token: z.string(),
    plaintext_b64: base64,
  }),
]);

/** Opens one vector as it asks, and makes its token again where that can be had. */
function checkPython(vector: z.output<typeof pythonVector>): void {
  const { id, token } = vector;
  switch (vector.kind) {
    case 'valid': {
      const [now, iv] = [vector.timestamp * 1_000, Buffer.from(token, 'base64url').subarray(9, 25)];
      assert.deepEqual(openFernet(vector.key, token, { now }), vector.plaintext_b64, id);
      assert.deepEqual(openFernet(vector.key, token, { now, ttlS: 60 }), vector.plaintext_b64, id);
      assert.equal(sealFernet(vector.key, vector.plaintext_b64, { now, iv }), token, id);
      return;
    }
    case 'invalid':
      assert.equal(openFernet(vector.key, token, { now: 1_700_000_000_000 }), undefined, `${id} ${vector.why}`);
      return;
    case 'ttl': {
      const opened = openFernet(vector.key, token, { now: vector.now * 1_000, ttlS: vector.ttl_sec });
      assert.equal(opened !== undefined, vector.valid, id);
      return;
    }
    case 'multifernet': {
      const reading = { now: 1_700_000_000_000 };
      const others = vector.keys.filter((_, i) => i !== vector.encrypted_with);
      assert.deepEqual(openFernetWithAny(vector.keys, token, reading), vector.plaintext_b64, id);
      assert.equal(openFernetWithAny(others, token, reading), undefined, id);
      return;
    }
  }
}

vectorTest('Fernet answers as the Python library did', 'interop/fernet_cryptography.json', (text, t) => {
  const file = z.object({ count: z.int(), vectors: z.array(pythonVector) }).parse(JSON.parse(text));
  assert.equal(file.vectors.length, file.count);
  for (const vector of file.vectors) checkPython(vector);
  t.diagnostic(`${file.count} run`);
});

const gcm = { id: z.string(), encryption_key_b64: base64, value_b64: z.string() };
const gcmVector = z.discriminatedUnion('kind', [
  z.object({ ...gcm, kind: z.literal('valid'), plaintext_b64: base64 }),
  z.object({ ...gcm, kind: z.literal('invalid'), why: z.string() }),
]);

vectorTest(
  'bare AES-256-GCM answers as the Python library did',
  'interop/digital_twin_v2_aes256gcm.json',
  (text, t) => {
    const file = z.object({ count: z.int(), vectors: z.array(gcmVector) }).parse(JSON.parse(text));
    assert.equal(file.vectors.length, file.count);
    for (const vector of file.vectors) {
      const key = createSecretKey(vector.encryption_key_b64);
      const { value_b64: value } = vector;
      const urlSafe = value.replaceAll('+', '-').replaceAll('/', '_');
      const expected = vector.kind === 'valid' ? vector.plaintext_b64 : undefined;
      for (const spelling of [value, urlSafe, value.replace(/=+$/, ''), urlSafe.replace(/=+$/, '')]) {
        assert.deepEqual(openBareGcm(key, spelling), expected, vector.id);
      }
      if (expected) assert.equal(sealBareGcm(key, Buffer.from(value, 'base64').subarray(0, 12), expected), value);
    }
    t.diagnostic(`${file.count} run`);
  },
);

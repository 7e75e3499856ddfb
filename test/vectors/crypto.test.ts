import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { z } from 'zod';
import {
  createPasswordHasher,
  ed25519Thumbprint,
  equalBytes,
  hkdfSha256,
  hmacSha256,
  importEd25519Public,
  open,
  seal,
  verifyEd25519,
} from '../../src/crypto/index.ts';
import { createSystemRandom } from '../../src/kernel/random.ts';
import { vectorTest } from './vectors.ts';

const hex = z
  .string()
  .regex(/^(?:[0-9a-f]{2})*$/)
  .transform((text) => Buffer.from(text, 'hex'));
const result = z.enum(['valid', 'invalid', 'acceptable']);
const outcome = { tcId: z.int(), comment: z.string(), result };

const gcmVector = z.object({ key: hex, iv: hex, aad: hex, ct: hex, tag: hex });
type GcmVector = z.output<typeof gcmVector>;

/** Opens the vector as one of our envelopes; what opens must also seal to the same bytes. */
function plaintextOf({ key, iv, aad, ct, tag }: GcmVector): Buffer | undefined {
  const secret = createSecretKey(key);
  const sealed = Buffer.concat([iv, ct, tag]);
  const plaintext = open(secret, sealed, aad);
  if (plaintext) assert.deepEqual(seal(secret, iv, plaintext, aad), sealed);
  return plaintext;
}

vectorTest('AES-256-GCM answers as Wycheproof expects', 'wycheproof/aes_gcm_test.json', (text, t) => {
  const sizes = { ivSize: z.int(), keySize: z.int(), tagSize: z.int() };
  const test = gcmVector.extend({ ...outcome, msg: hex });
  const { testGroups } = z
    .object({ testGroups: z.array(z.object({ ...sizes, tests: z.array(test) })) })
    .parse(JSON.parse(text));
  const ours = testGroups.filter((group) => group.keySize === 256 && group.ivSize === 96 && group.tagSize === 128);
  const count = (groups: typeof testGroups) => groups.reduce((sum, { tests }) => sum + tests.length, 0);
  for (const vector of ours.flatMap(({ tests }) => tests)) {
    const expected = vector.result === 'valid' ? vector.msg : undefined;
    assert.deepEqual(plaintextOf(vector), expected, `tcId ${vector.tcId} ${vector.comment}`);
  }
  assert.ok(count(ours) > 0);
  t.diagnostic(`${count(ours)} run; ${count(testGroups) - count(ours)} of other key, nonce or tag sizes left out`);
});

vectorTest('AES-256-GCM opens what NIST says and nothing else', 'nist/gcm_decrypt_256.json', (text, t) => {
  const vector = gcmVector.extend({ count: z.int(), result, pt: hex });
  const { vectors, count } = z.object({ count: z.int(), vectors: z.array(vector) }).parse(JSON.parse(text));
  assert.equal(vectors.length, count);
  for (const each of vectors) {
    assert.deepEqual(plaintextOf(each), each.result === 'valid' ? each.pt : undefined, `count ${each.count}`);
  }
  t.diagnostic(`${vectors.length} run`);
});

vectorTest('HKDF-SHA-256 derives what Wycheproof expects', 'wycheproof/hkdf_sha256_test.json', (text, t) => {
  const test = z.object({ ...outcome, ikm: hex, salt: hex, info: hex, size: z.int(), okm: hex });
  const tests = testsOf(test, text);
  for (const { tcId, result: expected, ikm, salt, info, size, okm } of tests) {
    const derive = () => hkdfSha256(ikm, { salt, info, length: size });
    if (expected === 'valid') assert.deepEqual(derive(), okm, `tcId ${tcId}`);
    else assert.throws(derive, RangeError, `tcId ${tcId}`);
  }
  t.diagnostic(`${tests.length} run`);
});

vectorTest('HMAC-SHA-256 gives the tags that Wycheproof expects', 'wycheproof/hmac_sha256_test.json', (text, t) => {
  const tests = testsOf(z.object({ ...outcome, key: hex, msg: hex, tag: hex }), text);
  for (const { tcId, result: expected, key, msg, tag } of tests) {
    // Groups of 128-bit tags hold the first half; ours are whole, so the vector's length says how much to compare.
    const mac = hmacSha256(key, msg).subarray(0, tag.length);
    assert.equal(equalBytes(mac, tag), expected === 'valid', `tcId ${tcId}`);
  }
  t.diagnostic(`${tests.length} run`);
});

vectorTest('Ed25519 verifies what Wycheproof expects', 'wycheproof/ed25519_test.json', (text, t) => {
  const test = z.object({ ...outcome, msg: hex, sig: hex });
  const group = z.object({ publicKeyJwk: z.unknown(), tests: z.array(test) });
  const { testGroups } = z.object({ testGroups: z.array(group) }).parse(JSON.parse(text));
  let run = 0;
  for (const { publicKeyJwk, tests } of testGroups) {
    const publicKey = importEd25519Public(publicKeyJwk);
    assert.ok(publicKey);
    assert.equal(ed25519Thumbprint(publicKey).length, 43);
    for (const { tcId, result: expected, msg, sig } of tests) {
      assert.equal(verifyEd25519(publicKey, msg, sig), expected === 'valid', `tcId ${tcId}`);
      run += 1;
    }
  }
  t.diagnostic(`${run} run`);
});

vectorTest('argon2id hashes made by Python verify', 'interop/argon2.json', async (text, t) => {
  const vector = z.object({ id: z.string(), password: z.string(), hash: z.string(), verifies: z.boolean() });
  const { vectors } = z.object({ vectors: z.array(vector) }).parse(JSON.parse(text));
  const hasher = createPasswordHasher({ random: createSystemRandom() });
  const ours = vectors.filter(({ hash }) => hash.startsWith('$argon2id$'));
  for (const { id, password, hash, verifies } of ours) {
    assert.equal(await hasher.verify(hash, password), verifies, id);
    assert.equal(hasher.needsRehash(hash), true, id);
  }
  for (const { id, password, hash } of vectors) {
    if (hash.startsWith('$argon2i$')) assert.equal(await hasher.verify(hash, password), false, id);
  }
  assert.ok(ours.length > 0);
  t.diagnostic(`${ours.length} run; ${vectors.length - ours.length} of argon2i refused`);
});

function testsOf<Test extends z.ZodType>(test: Test, text: string): z.output<Test>[] {
  const file = z.object({ testGroups: z.array(z.object({ tests: z.array(test) })) }).parse(JSON.parse(text));
  assert.ok(file.testGroups.length > 0);
  return file.testGroups.flatMap(({ tests }) => tests);
}

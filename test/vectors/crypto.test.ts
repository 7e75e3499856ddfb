import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { z } from 'zod';
import {
  ed25519Thumbprint,
  equalBytes,
  hkdfSha256,
  hmacSha256,
  importEd25519Public,
  open,
  seal,
  verifyEd25519,
} from '../../src/crypto/index.ts';
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
  const { testGroups, numberOfTests } = z
    .object({ numberOfTests: z.int(), testGroups: z.array(z.object({ ...sizes, tests: z.array(test) })) })
    .parse(JSON.parse(text));
  const all = testGroups.flatMap(({ tests, ...group }) => tests.map((vector) => ({ ...vector, ...group })));
  assert.equal(all.length, numberOfTests);
  const ours = all.filter((vector) => vector.keySize === 256 && vector.ivSize === 96 && vector.tagSize === 128);
  for (const vector of ours) {
    const expected = vector.result === 'valid' ? vector.msg : undefined;
    assert.deepEqual(plaintextOf(vector), expected, `tcId ${vector.tcId} ${vector.comment}`);
  }
  assert.ok(ours.length > 0);
  const others = all.filter((vector) => !ours.includes(vector));
  for (const vector of others) assertOutOfSize(vector);
  t.diagnostic(`${ours.length} run; ${others.length} of other key or nonce sizes, all refused`);
});

/** A key or a nonce of another size makes no envelope, and what was sealed with one does not open. */
function assertOutOfSize({ tcId, key, iv, aad, ct, tag, msg }: GcmVector & { tcId: number; msg: Buffer }): void {
  const secret = createSecretKey(key);
  const sealed = Buffer.concat([iv, ct, tag]);
  assert.throws(() => seal(secret, iv, msg, aad), RangeError, `tcId ${tcId}`);
  if (key.length === 32) assert.equal(open(secret, sealed, aad), undefined, `tcId ${tcId}`);
  else if (sealed.length >= 28) assert.throws(() => open(secret, sealed, aad), RangeError, `tcId ${tcId}`);
  else assert.equal(open(secret, sealed, aad), undefined, `tcId ${tcId}`);
}

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
  const file = z.object({ numberOfTests: z.int(), testGroups: z.array(group) });
  const { testGroups, numberOfTests } = file.parse(JSON.parse(text));
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
  assert.equal(run, numberOfTests);
  t.diagnostic(`${run} run`);
});

function testsOf<Test extends z.ZodType>(test: Test, text: string): z.output<Test>[] {
  const group = z.object({ tests: z.array(test) });
  const file = z.object({ numberOfTests: z.int(), testGroups: z.array(group) }).parse(JSON.parse(text));
  const tests = file.testGroups.flatMap((each) => each.tests);
  assert.ok(tests.length > 0);
  assert.equal(tests.length, file.numberOfTests);
  return tests;
}

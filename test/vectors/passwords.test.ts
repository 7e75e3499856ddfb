import assert from 'node:assert/strict';
import { z } from 'zod';
import { createPasswordHasher, readPasswordHash } from '../../src/crypto/index.ts';
import { pbkdf2Hmac, scryptHash } from '../../src/crypto/stored-hash.ts';
import { createSystemRandom } from '../../src/kernel/random.ts';
import { vectorTest } from './vectors.ts';

const vector = z.object({
  id: z.string().default('published'),
  password: z.string(),
  hash: z.string(),
  verifies: z.union([z.boolean(), z.enum(['policy', 'error_or_false'])]),
});
const file = z.object({ count: z.int().optional(), vectors: z.array(vector) });
const hasher = createPasswordHasher({ random: createSystemRandom() });

/**
 * Every record: as Python verified it; malformed or absurd ones are false in no time. `policy` are passwords that the old
 * bcrypt cut: the imported hash verifies for them, is made anew over the whole password, and none is made so by us.
 */
async function check({ id, password, hash, verifies }: z.output<typeof vector>): Promise<void> {
  switch (verifies) {
    case true:
    case false:
      assert.equal(await hasher.verify(hash, password), verifies, id);
      return;
    case 'error_or_false': {
      const before = performance.now();
      assert.equal(await hasher.verify(hash, password), false, id);
      assert.ok(performance.now() - before < 50, id);
      assert.notEqual(readPasswordHash(hash).kind, 'read', id);
      return;
    }
    case 'policy':
      assert.equal(await hasher.verify(hash, password), true, id);
      assert.deepEqual(hasher.schemeFor(hash, password, { kind: 'bcrypt', cost: 10 }), { kind: 'argon2id' }, id);
      await assert.rejects(hasher.hash(password, { kind: 'bcrypt', cost: 10 }), { code: 'CRYPTO_PASSWORD_TOO_LONG' });
      return;
  }
}

for (const path of [
  'interop/argon2.json',
  'interop/bcrypt.json',
  'interop/werkzeug.json',
  'interop/passlib_django.json',
  'hash/bcrypt_published.json',
]) {
  vectorTest(`every password hash of ${path} is answered as it should be`, path, async (text, t) => {
    const { vectors, count } = file.parse(JSON.parse(text));
    assert.ok(vectors.length > 0);
    if (count !== undefined) assert.equal(vectors.length, count);
    for (const each of vectors) await check(each);
    t.diagnostic(`${vectors.length} run`);
  });
}

/** The file writes NUL as `\0`. */
const raw = (text: string): Buffer => Buffer.from(text.replaceAll('\\0', '\0'));
const number = z.string().regex(/^\d+$/).transform(Number);

vectorTest('PBKDF2-SHA1 derives what RFC 6070 says', 'kdf/rfc6070-PBKDF2-SHA1.json', async (text, t) => {
  const one = z.object({
    password: z.string(),
    salt: z.string(),
    iterations: number,
    length: number,
    derived_key: z.string(),
  });
  const { vectors } = z.object({ vectors: z.array(one).min(1) }).parse(JSON.parse(text));
  for (const { password, salt, iterations, length, derived_key } of vectors) {
    assert.equal((await pbkdf2Hmac('sha1', raw(password), raw(salt), iterations, length)).toString('hex'), derived_key);
  }
  t.diagnostic(`${vectors.length} run`);
});

vectorTest(
  'scrypt derives what RFC 7914 says, and a stored hash that asks for 1 GiB is refused',
  'kdf/scrypt.json',
  async (text, t) => {
    const one = z.object({
      password: z.string(),
      salt: z.string(),
      n: number,
      r: number,
      p: number,
      length: number,
      derived_key: z.string(),
    });
    const { vectors } = z.object({ vectors: z.array(one).min(1) }).parse(JSON.parse(text));
    for (const { password, salt, n, r, p, length, derived_key } of vectors) {
      assert.equal((await scryptHash(raw(password), raw(salt), { n, r, p }, length)).toString('hex'), derived_key);
      const stored = readPasswordHash(`scrypt:${n}:${r}:${p}$${salt || 'salt'}$${derived_key}`).kind;
      assert.equal(stored, n * r > 2 ** 20 ? 'absurd' : 'read');
    }
    t.diagnostic(`${vectors.length} run`);
  },
);

for (const digest of ['sha1', 'sha256', 'sha512'] as const) {
  vectorTest(
    `PBKDF2 with ${digest} derives what Wycheproof expects`,
    `wycheproof/pbkdf2_hmac${digest}_test.json`,
    async (text, t) => {
      const one = z.object({
        tcId: z.int(),
        password: z.string(),
        salt: z.string(),
        iterationCount: z.int(),
        dkLen: z.int(),
        dk: z.string(),
        result: z.enum(['valid', 'invalid', 'acceptable']),
      });
      const { testGroups, numberOfTests } = z
        .object({ numberOfTests: z.int(), testGroups: z.array(z.object({ tests: z.array(one) })) })
        .parse(JSON.parse(text));
      const tests = testGroups.flatMap((group) => group.tests);
      assert.equal(tests.length, numberOfTests);
      for (const { tcId, password, salt, iterationCount, dkLen, dk, result } of tests) {
        const derived = await pbkdf2Hmac(
          digest,
          Buffer.from(password, 'hex'),
          Buffer.from(salt, 'hex'),
          iterationCount,
          dkLen,
        );
        assert.equal(derived.toString('hex') === dk, result !== 'invalid', `tcId ${tcId}`);
      }
      t.diagnostic(`${tests.length} run`);
    },
  );
}

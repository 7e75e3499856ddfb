import assert from 'node:assert/strict';
import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { jwtVerify } from 'jose';
import { isStrictJws, keyFor, strictKeys } from '../../src/sessions/strict-jose.ts';
import { vectorTest } from './vectors.ts';

interface Vector {
  readonly id: string;
  readonly alg: string;
  readonly secret?: string;
  readonly public_key_pem?: string;
  readonly now: number;
  readonly token: string;
  readonly kind: string;
  readonly accept: boolean;
}

const FILE = 'interop/jwt_flask_jwt_extended_jose.json';

/** Text, signature and claims, as the verifiers of tokens ask jose for them: an end is needed, and times are numbers. */
async function passes({ token, now }: Vector, key: KeyObject, algorithm: string): Promise<boolean> {
  if (!isStrictJws(token)) return false;
  const rules = { algorithms: [algorithm], typ: 'JWT', currentDate: new Date(now * 1_000), requiredClaims: ['exp'] };
  return jwtVerify(token, key, rules).then(
    () => true,
    () => false,
  );
}

/** The secret as its UTF-8 bytes, as PyJWT and python-jose take it, or the public key. */
function keyOf({ secret, public_key_pem: pem }: Vector): KeyObject {
  return secret === undefined ? createPublicKey(pem ?? '') : createSecretKey(Buffer.from(secret));
}

vectorTest(
  'tokens of PyJWT and python-jose pass the checks of text, signature and claims exactly where they should',
  FILE,
  async (text, t) => {
    const { vectors }: { vectors: readonly Vector[] } = JSON.parse(text);
    for (const vector of vectors) {
      assert.equal(await passes(vector, keyOf(vector), vector.alg), vector.accept, `${vector.id} ${vector.kind}`);
    }
    t.diagnostic(`${vectors.length} tokens`);
  },
);

// That such a token opens anything takes more: who it stands for is sealed into it by us, which no back end can do.
vectorTest('of the same tokens a verifier of ours takes those of its own algorithm alone', FILE, async (text, t) => {
  const { vectors }: { vectors: readonly Vector[] } = JSON.parse(text);
  let taken = 0;
  for (const vector of vectors) {
    const { id, alg, secret, accept } = vector;
    const jwk = secret === undefined ? undefined : { kty: 'oct', k: Buffer.from(secret).toString('base64url') };
    const key = jwk && keyFor(strictKeys(jwk, 'HS256') ?? [], undefined);
    const got = key !== undefined && (await passes(vector, key, 'HS256'));
    assert.equal(got, accept && alg === 'HS256', id);
    taken += got ? 1 : 0;
  }
  t.diagnostic(`${taken} taken`);
  assert.equal(taken, 3);
});

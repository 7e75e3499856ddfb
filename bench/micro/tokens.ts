/** Check one bearer token: the same one again and again, or a new one each time. */
import { randomBytes } from 'node:crypto';
import { generateKeyPair, jwtVerify, SignJWT } from 'jose';
import jwt from 'jsonwebtoken';
import type { MicroCase, MicroCases } from './case.ts';
import { twinkeepTokens } from './twinkeep-tokens.ts';

/** More than any cache of verified tokens holds, so that going round never finds one. */
const MANY = 20_000;
const ISSUER = 'https://twin.example';
const AUDIENCE = 'twinkeep';
const CLAIMS = { client_id: 'console', sid: '0198c2b4-7d1e-7abc-8def-0123456789ab', amr: ['pwd'] };

/** Goes round the tokens, one each call. */
function each(tokens: readonly string[], check: (token: string) => unknown, waits: boolean): MicroCase {
  let next = 0;
  return {
    waits,
    run: () => {
      const token = tokens[next] ?? '';
      next = next + 1 === tokens.length ? 0 : next + 1;
      return check(token);
    },
  };
}

async function jsonwebtoken(count: number): Promise<MicroCase> {
  const secret = randomBytes(32).toString('base64url');
  const options = { algorithm: 'HS256', issuer: ISSUER, audience: AUDIENCE, expiresIn: '15m' } as const;
  const tokens = Array.from({ length: count }, (_, i) =>
    jwt.sign(CLAIMS, secret, { ...options, subject: `person-${i}` }),
  );
  const rules = { algorithms: ['HS256' as const], issuer: ISSUER, audience: AUDIENCE };
  return each(tokens, (token) => jwt.verify(token, secret, rules), false);
}

async function jose(count: number): Promise<MicroCase> {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA');
  const sign = (i: number): Promise<string> =>
    new SignJWT({ ...CLAIMS, sub: `person-${i}`, jti: `token-${i}` })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid: 'k1' })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setIssuedAt()
      .setExpirationTime('15m')
      .sign(privateKey);
  const tokens = await Promise.all(Array.from({ length: count }, (_, i) => sign(i)));
  const rules = { algorithms: ['EdDSA'], issuer: ISSUER, audience: AUDIENCE, typ: 'at+jwt' };
  return each(tokens, (token) => jwtVerify(token, publicKey, rules), true);
}

async function twinkeep(count: number): Promise<MicroCase> {
  const { tokens, check } = await twinkeepTokens(count);
  await check(tokens[0] ?? '');
  return each(tokens, check, count > 1); // it answers at once for a token that it has verified before
}

export const tokenCases: MicroCases = {
  'token-same/twinkeep': () => twinkeep(1),
  'token-same/jsonwebtoken': () => jsonwebtoken(1),
  'token-same/jose': () => jose(1),
  'token-new/twinkeep': () => twinkeep(MANY),
  'token-new/jsonwebtoken': () => jsonwebtoken(MANY),
  'token-new/jose': () => jose(MANY),
};

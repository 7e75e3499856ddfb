import assert from 'node:assert/strict';
import { URI } from 'otpauth';
import { z } from 'zod';
import { epochMs } from '../../src/kernel/brand.ts';
import { fromBase32 } from '../../src/mfa/mfa-kit.contract.ts';
import { hotpOf, stepOf, type TotpForm } from '../../src/mfa/totp.ts';
import { vectorTest } from './vectors.ts';

const digits = z.union([z.literal(6), z.literal(7), z.literal(8)]);
const algorithm = z
  .enum(['SHA1', 'SHA256', 'SHA512'])
  .transform((name) => (({ SHA1: 'sha1', SHA256: 'sha256', SHA512: 'sha512' }) as const)[name]);

const rfc4226 = z.object({
  secret_base32: z.string(),
  vectors: z.array(z.object({ counter: z.int(), otp: z.string() })).min(1),
});

vectorTest('every code of RFC 4226', 'otp/rfc4226.json', (text, t) => {
  const { secret_base32, vectors } = rfc4226.parse(JSON.parse(text));
  const secret = fromBase32(secret_base32);
  for (const { counter, otp } of vectors) assert.equal(hotpOf(secret, counter), otp);
  t.diagnostic(`${vectors.length} records`);
});

const rfc6238 = z.object({
  vectors: z
    .array(z.object({ algorithm, digits, period: z.int(), secret_base32: z.string(), time: z.int(), otp: z.string() }))
    .min(1),
});

vectorTest('every code of RFC 6238', 'otp/rfc6238.json', (text, t) => {
  const { vectors } = rfc6238.parse(JSON.parse(text));
  for (const { secret_base32, time, otp, period, ...made } of vectors) {
    const form: TotpForm = { ...made, periodS: period };
    assert.equal(stepOf(fromBase32(secret_base32), otp, epochMs(time * 1_000), form), Math.floor(time / period));
  }
  t.diagnostic(`${vectors.length} records`);
});

const pyotp = z.object({
  count: z.int(),
  vectors: z.array(
    z.object({
      ...{ algorithm, digits, period: z.int(), secret_base32: z.string(), time: z.int(), uri: z.string() },
      ...{ otp: z.string(), otp_prev: z.string(), otp_next: z.string(), otp_minus_3: z.string() },
    }),
  ),
});

vectorTest(
  'what pyotp makes counts, one step off too and three steps off not',
  'interop/totp_pyotp.json',
  (text, t) => {
    const { count, vectors } = pyotp.parse(JSON.parse(text));
    assert.equal(vectors.length, count);
    for (const { secret_base32, time, period, otp, otp_prev, otp_next, otp_minus_3, uri, ...made } of vectors) {
      const form: TotpForm = { ...made, periodS: period };
      const secret = fromBase32(secret_base32);
      const step = Math.floor(time / period);
      const given = (code: string) => stepOf(secret, code, epochMs(time * 1_000), form);
      assert.deepEqual([otp_prev, otp, otp_next].map(given), [step - 1, step, step + 1]);
      assert.equal(given(otp_minus_3), undefined);
      assert.deepEqual(Buffer.from(URI.parse(uri).secret.bytes), secret);
    }
    t.diagnostic(`${vectors.length} records`);
  },
);

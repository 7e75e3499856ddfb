import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { URI } from 'otpauth';
import { epochMs } from '../kernel/brand.ts';
import { appSetup } from './authenticator.ts';
import { fromBase32 } from './mfa-kit.contract.ts';
import { hotpOf, stepOf } from './totp.ts';

const secret = Buffer.from('12345678901234567890');

/** RFC 4226 appendix D. The vectors of RFC 6238 and of pyotp are run in test/vectors. */
test('the codes are those of RFC 4226', () => {
  const expected = '755224 287082 359152 969429 338314 254676 287922 162583 399871 520489';
  assert.equal(Array.from({ length: 10 }, (_, counter) => hotpOf(secret, counter)).join(' '), expected);
});

test('a code counts in its own step and in those beside it, and in no other', () => {
  const at = (step: number) => stepOf(secret, hotpOf(secret, step), epochMs(1_000_000 * 30_000 + 29_999));
  assert.deepEqual(
    [-2, -1, 0, 1, 2].map((off) => at(1_000_000 + off)),
    [undefined, 999_999, 1_000_000, 1_000_001, undefined],
  );
});

// Attack: something that is no code, in the hope that it is compared as one.
test('nothing but six digits is a code', () => {
  const good = hotpOf(secret, 1);
  for (const text of ['', good.slice(1), `${good}0`, `${good}\n`, '??????', '１２３４５６', `-${good.slice(1)}`])
    assert.equal(stepOf(secret, text, epochMs(30_000)), undefined, JSON.stringify(text));
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
      if (!/^\d{6}$/.test(text)) assert.equal(stepOf(secret, text, epochMs(30_000)), undefined);
    }),
  );
});

test('an app reads from the code what we meant, whatever the names are', async () => {
  for (const name of ['ada.lovelace', 'ada:eve', 'Åsa 🏭 "&?#%', '長'.repeat(300)]) {
    const { uri, secret: base32, qrCode } = await appSetup(secret, 'Plant: 7', name);
    const read = URI.parse(uri);
    assert.equal(read.issuer, 'Plant  7');
    assert.equal(read.secret.base32, base32);
    assert.deepEqual(fromBase32(base32), secret);
    assert.ok(name.replaceAll(':', ' ').startsWith(read.label));
    assert.deepEqual([read.algorithm, read.digits, 'period' in read && read.period], ['SHA1', 6, 30]);
    const png = Buffer.from(qrCode, 'base64');
    assert.equal(png.subarray(1, 4).toString(), 'PNG');
    assert.ok(png.length < 20_000, `${png.length} bytes`);
  }
});

test('a check takes less than 20 us', (t) => {
  const now = epochMs(1_800_000_000_000);
  const rounds = 5_000;
  for (let at = 0; at < rounds; at++) stepOf(secret, '000000', now);
  const best = Math.min(
    ...Array.from({ length: 5 }, () => {
      const begun = process.cpuUsage();
      for (let at = 0; at < rounds; at++) stepOf(secret, '000000', now);
      const { user, system } = process.cpuUsage(begun);
      return (user + system) / rounds;
    }),
  );
  t.diagnostic(`${best.toFixed(2)} us CPU`);
  assert.ok(best < 60, `${best} us`); // three times the promise, for a machine that is busy
});

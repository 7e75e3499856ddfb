import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { createSystemRandom } from '../kernel/random.ts';
import { newSecret, secretBytes, signaturesOf } from './signature.ts';

const random = createSystemRandom();

test('the published vector of Standard Webhooks is met', () => {
  const secret = secretBytes('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
  assert.ok(secret);
  const signed = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestamp: 1_614_265_330, body: '{"test": 2432232314}' };
  assert.equal(signaturesOf([secret], signed), 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
});

test('whatever is signed, the reference library signs the same', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }),
      fc.string({ minLength: 1 }),
      fc.nat(2 ** 31),
      (body, id, timestamp) => {
        const secret = newSecret(random);
        const ours = signaturesOf([secretBytes(secret) ?? Buffer.alloc(0)], { id, timestamp, body });
        assert.equal(ours, new Webhook(secret).sign(id, new Date(timestamp * 1_000), body));
      },
    ),
  );
});

test('each secret signs, apart by a space', () => {
  const secrets = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  const [one, two] = signaturesOf(secrets, { id: 'a', timestamp: 1, body: '' }).split(' ');
  assert.match(one ?? '', /^v1,[A-Za-z0-9+/]{43}=$/);
  assert.notEqual(one, two);
});

test('what is no secret of that form is refused', () => {
  const good = newSecret(random);
  assert.equal(secretBytes(good)?.length, 32);
  const bad = [
    '',
    'whsec_',
    good.slice(6),
    `${good}=`,
    `${good} `,
    'whsec_c2hvcnQ=',
    `whsec_${'A'.repeat(1_000)}`,
    'whsec_!!',
  ];
  for (const secret of bad) assert.equal(secretBytes(secret), undefined, secret);
});

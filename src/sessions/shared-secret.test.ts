import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { judgeSecret } from './shared-secret.ts';

// Attack: a token is forged with the secret that stands in the guide, the sample or the old settings file.
test('what never was a secret is refused', () => {
  const placeholders = [
    ...['', 'changeme', 'secret', 'dev', 'your-secret-key', 'super-secret-key', 'your_jwt_secret_key'],
    ...['your-secret-key-here-change-in-production', 'CHANGE_ME_CHANGE_ME_CHANGE_ME', 'super-secret-jwt-token-key'],
    ...['development-secret-key-do-not-use-in-production', 'your-super-secret-jwt-key-at-least-32-characters-long'],
    ...['a'.repeat(64), '0'.repeat(32), 'abababababababababababababababab', '0101010101010101010101010101'],
    ...['12345678901234567890123456789012', '0123456789abcdef0123456789abcdef', 'abcdefghijklmnopqrstuvwxyz123456'],
    ...['qwertyuiopasdfghjklzxcvbnm123456', 'changemechangemechangemechangeme', 'Passw0rd_secret_test_key'],
    ...['<your-secret-key>                 ', '$(JWT_SECRET_KEY)          ', 'secretsecretsecretsecretsecret!!'],
    ...[
      'deadbeefdeadbeefdeadbeefdeadbeef',
      'digital-twin-secret-key-2024',
      'PLEASE-REPLACE-THIS-VALUE-WITH-A-RANDOM-STRING',
    ],
  ];
  const accepted = placeholders.filter((text) => judgeSecret(text).kind !== 'refused');
  assert.deepEqual(accepted, []);
});

test('a secret of fewer than 32 bytes is taken with a word to its owner, one of fewer than 16 is not', () => {
  const text = 'q7Zt1-Vw0x9BfK3mRj8sLp2uYc5nHd6g';
  assert.deepEqual(judgeSecret(text), { kind: 'good' });
  assert.deepEqual(judgeSecret(text.slice(0, 31)), { kind: 'short', bytes: 31 });
  assert.deepEqual(judgeSecret(text.slice(0, 16)), { kind: 'short', bytes: 16 });
  assert.equal(judgeSecret(text.slice(0, 15)).kind, 'refused');
  assert.equal(judgeSecret('correct horse battery staple').kind, 'short');
});

test('32 random bytes are a good secret, however they are spelt', () => {
  const bytes = fc.uint8Array({ minLength: 32, maxLength: 64 }).filter((all) => new Set(all).size > 16);
  const spelt = fc.tuple(bytes, fc.constantFrom<BufferEncoding>('hex', 'base64', 'base64url'));
  fc.assert(
    fc.property(spelt, ([all, encoding]) => {
      assert.deepEqual(judgeSecret(Buffer.from(all).toString(encoding)), { kind: 'good' });
    }),
  );
});

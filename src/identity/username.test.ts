import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newPassword } from './username.ts';

test('a password is 1 to 128 characters of any kind, counted as they are typed', () => {
  const good = ['x', ' '.repeat(12), 'пароль', '🔒'.repeat(128), 'a\nb\tc', 'x'.repeat(128), 'e\u0301'.repeat(128)];
  const bad = ['', 'x'.repeat(129), '🔒'.repeat(129), 'e\u0301'.repeat(129), 'x\0', 'x\ud800', 'x'.repeat(1_000_000)];
  for (const password of good) assert.equal(newPassword.safeParse(password).success, true, password);
  for (const password of bad) assert.equal(newPassword.safeParse(password).success, false);
});

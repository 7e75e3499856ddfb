import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { redact, shapeOf } from './redact.ts';

// Attack: what was sent as a password is read in a log.
test('nothing is told of what stands in a place of secrets', () => {
  for (const at of [
    'body.password',
    'query.access_token',
    'header.authorization',
    'cookie.sid',
    'body.user.newPassword',
    'header.x-api-key',
    'body.pin',
  ])
    assert.equal(redact(at, "hunter2' or 1=1"), '[redacted]', at);
});

test('secrets that stand in other places are taken out, and what tells the attack is left', () => {
  const told = redact('body', `x' union select 1 from t where password='hunter2' -- {"token":"abc12345"} pin: 4711`);
  assert.ok(told.includes('union select 1') && !/hunter2|abc12345|4711/.test(told), told);
  assert.ok(!redact('header.referer', 'https://a.example/?session=s3cr3t&q=<script>').includes('s3cr3t'));
  assert.ok(!redact('query.q', 'authorization: Bearer abc.def').includes('abc.def'));
});

test('tokens, card numbers and mail addresses are taken out', () => {
  const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N';
  for (const text of [jwt, 'tk_live_0123456789abcdefABCDEF', '4111 1111 1111 1111', 'ada.lovelace@example.org']) {
    const told = redact('query.q', `a ${text} b`);
    assert.ok(!told.includes(text) && told.startsWith('a ') && told.endsWith(' b'), told);
  }
});

// Attack: the name of a field is another one than those that one thinks of first.
test('a name says that its value is a secret in any language and spelling', () => {
  const names = 'user_pin userPin USER-PIN pw pw2 passwort Kennwort jwt auth x-auth otpCode authCode auth_code sig tan';
  for (const name of names.split(' ')) {
    assert.equal(redact(`body.${name}`, "4711' or '1'='1"), '[redacted]', name);
    assert.equal(redact(`body.list[3].${name}`, '4711'), '[redacted]', name);
    for (const text of [`${name}=hunter2`, `"${name}": "hunter2"`, `${name} => 'hunter2'`, `a[${name}]=hunter2`])
      assert.ok(!redact('query.q', `x ${text}`).includes('hunter2'), text);
  }
  for (const name of ['country_code', 'zipCode', 'opinion', 'author', 'designation', 'shipping'])
    assert.equal(redact(`body.${name}`, '1 or 1=1'), '1 or 1=1', name);
});

test('a secret is taken out to its end, and where it has no name', () => {
  const hidden: readonly (readonly [string, string])[] = [
    ['passphrase: correct horse battery staple', 'staple'],
    [`{"passphrase":"correct horse, battery & \\"staple"`, 'staple'],
    [`password='correct, horse`, 'horse'],
    ['mysql://root:hunter2@db/x', 'hunter2'],
    ['https://root:p@ss@db.example/x?q=1', 'ss@'],
    ['/reset/AbCdEfGh?x=1', 'AbCdEfGh'],
    ['/v1/verify/correcthorse', 'correcthorse'],
    ["sk_live_abcdefghij' or 1=1", 'abcdefghij'],
  ];
  for (const [text, secret] of hidden) assert.ok(!redact('path', text).includes(secret), redact('path', text));
  assert.ok(redact('query.q', "sk_live_abcdefghij' or 1=1").endsWith("' or 1=1"));
  assert.equal(redact('query.q', 'https://a.example:80/../../etc/passwd'), 'https://a.example:80/../../etc/passwd');
});

test('the shape of a text has its signs and none of its words', () => {
  assert.equal(shapeOf("hunter2' or Ünder=42 -- "), "a1' a a=1 -- ");
});

// Attack: an entry that forges others, or that a terminal obeys.
test('whatever is sent, what is told is short and has no control characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
      const told = redact('query.q', text);
      assert.ok(told.length <= 121 || told.includes('['), told);
      assert.ok(told.length <= 600);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
      assert.ok(!/[\u0000-\u001f\u007f-\u009f\u2028-\u202e]/.test(told));
    }),
  );
});

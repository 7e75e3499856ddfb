import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFault } from '../kernel/errors.ts';
import { readAlertConfig } from './alert-config.ts';
import { unsafeDelivery } from './config.ts';

const file = {
  email: {
    smtp_server: 'smtp.example.org',
    smtp_port: 587,
    username: 'alerts',
    password: 'env_SMTP_PASSWORD',
    from: 'Alerts <alerts@example.org>',
    to: ['ops@example.org', 'ops@example.org', 'night@example.org'],
  },
  sms: { account_sid: 'env_TWILIO_SID', auth_token: 'env_TWILIO_TOKEN', from: '+15005550006', to: ['+4930123456'] },
  webhook: { url: 'https://hooks.example.org/alerts', secret: 'env_HOOK_SECRET' },
  events: ['address.blocked', 'session.*'],
};

const env = {
  SMTP_PASSWORD: 'correct horse',
  TWILIO_SID: 'AC0123',
  TWILIO_TOKEN: 'the token',
  HOOK_SECRET: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
};

type Names = Readonly<Record<string, string>>;

/** Where a file is wrong. */
function flawsOf(value: unknown, variables: Names = env): readonly { at: string; reason: string }[] {
  try {
    readAlertConfig(typeof value === 'string' ? value : JSON.stringify(value), variables);
  } catch (error) {
    if (!isFault(error, 'DELIVERY_ALERTS_INVALID')) throw error;
    for (const secret of ['correct horse', 'the token', 'MfKQ9r8']) {
      assert.ok(!JSON.stringify([error.facts, error.message, String(error.cause)]).includes(secret));
    }
    return Object(error.facts)['errors'];
  }
  return [];
}

const placesOf = (value: unknown, variables?: Names) => flawsOf(value, variables).map(({ at }) => at);

test('a file of the old kind is read, its secrets from the environment (B20)', () => {
  const read = readAlertConfig(JSON.stringify(file), env);
  assert.deepEqual(read.events, ['address.blocked', 'session.*']);
  assert.deepEqual(read.email?.to, ['ops@example.org', 'night@example.org']);
  assert.equal(read.email?.smtp.password?.reveal(), 'correct horse');
  assert.deepEqual([read.email?.smtp.tls, read.email?.smtp.port], ['starttls', 587]);
  assert.deepEqual(read.email?.smtp.from, { name: 'Alerts', address: 'alerts@example.org' });
  assert.deepEqual([read.sms?.provider.accountSid, read.sms?.provider.authToken.reveal()], ['AC0123', 'the token']);
  assert.equal(read.webhook?.secret.length, 24);
  assert.ok(!JSON.stringify([read.email, read.sms]).includes('correct horse'));
});

test('a port may be a reference too, and 465 begins with TLS', () => {
  const email = { ...file.email, smtp_port: 'env_SMTP_PORT' };
  const read = readAlertConfig(JSON.stringify({ ...file, email }), { ...env, SMTP_PORT: '465' });
  assert.deepEqual([read.email?.smtp.tls, read.email?.smtp.port], ['implicit', 465]);
});

test('a variable that is not set, or empty, is named with its place', () => {
  assert.deepEqual(flawsOf(file, { ...env, SMTP_PASSWORD: '' }), [
    { at: '/email/password', reason: 'refers to the environment variable SMTP_PASSWORD, which is not set' },
  ]);
  assert.deepEqual(placesOf(file, {}), ['/email/password', '/sms/account_sid', '/sms/auth_token', '/webhook/secret']);
});

test('only a whole value is a reference', () => {
  const email = { ...file.email, password: 'my env_SMTP_PASSWORD' };
  const read = readAlertConfig(JSON.stringify({ ...file, email }), env);
  assert.equal(read.email?.smtp.password?.reveal(), 'my env_SMTP_PASSWORD');
});

test('what is unknown, missing or wrong is refused with its place', () => {
  assert.deepEqual(placesOf({ ...file, slack: {} }), ['/slack']);
  assert.deepEqual(placesOf({ ...file, email: { ...file.email, bcc: ['x@example.org'] } }), ['/email/bcc']);
  assert.deepEqual(placesOf({ ...file, events: [] }), ['/events']);
  assert.deepEqual(placesOf({ ...file, events: ['Address Blocked'] }), ['/events/0']);
  assert.deepEqual(placesOf({ ...file, email: { ...file.email, to: ['ops@example.org, x@example.org'] } }), [
    '/email/to/0',
  ]);
  assert.deepEqual(placesOf({ ...file, email: { ...file.email, to: Array(21).fill('o@example.org') } }), ['/email/to']);
  assert.deepEqual(placesOf({ ...file, email: { ...file.email, from: 'a@b.org\r\nBcc: x@example.org' } }), [
    '/email/from',
  ]);
  assert.deepEqual(placesOf({ ...file, email: { ...file.email, username: undefined } }), ['/email/password']);
  assert.deepEqual(placesOf({ ...file, sms: { ...file.sms, from: '<script>' } }), ['/sms/from']);
  assert.deepEqual(placesOf(file, { ...env, HOOK_SECRET: 'hunter2' }), ['/webhook/secret']);
  assert.deepEqual(placesOf('{"email": correct horse'), ['/']);
  assert.deepEqual(placesOf('['.repeat(30_000) + ']'.repeat(30_000)), ['/0/0/0/0/0/0/0/0']);
  assert.deepEqual(placesOf(`"${'x'.repeat(70_000)}"`), ['/']);
  assert.deepEqual(placesOf('{"__proto__": {"events": ["*"]}, "events": ["*"]}'), ['/__proto__']);
});

test('what must not be in production is named with the way out', () => {
  const email = { ...file.email, tls: 'none', password: undefined, username: undefined };
  const { email: read, sms } = readAlertConfig(
    JSON.stringify({ ...file, email, sms: { ...file.sms, base_url: 'http://sms.example' } }),
    env,
  );
  const flaws = unsafeDelivery({ smtp: read?.smtp, sms: sms?.provider });
  assert.deepEqual(
    flaws.map(({ at }) => at),
    ['delivery.smtp.tls', 'delivery.sms.baseUrl'],
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configSchema } from './config.ts';
import { doubtful, unsafe } from './unsafe.ts';

const places = (publicUrl: string, production = true): readonly string[] =>
  unsafe(configSchema.parse({ production, accounts: { publicUrl } })).map(({ at }) => at);

// Attack: the link of a mail is read on its way to the server, and used first.
test('in production the links of mails lead to https, or to this machine', () => {
  for (const url of ['http://twin.example', 'http://10.0.0.7:8080', 'http://127.0.0.1.evil.example'])
    assert.deepEqual(places(url), ['accounts.publicUrl'], url);
  for (const url of ['https://twin.example', 'http://127.0.0.1:8080', 'http://localhost', 'http://[::1]:1'])
    assert.deepEqual(places(url), [], url);
  assert.deepEqual(places('http://twin.example', false), []);
});

// Attack: a server is put on a public address as it is, and everybody on the way reads the passwords.
test('plain HTTP on a public address in production is warned of, and nothing else of the kind is', () => {
  const isWarned = (config: object): boolean =>
    doubtful(configSchema.parse({ production: true, host: '0.0.0.0', ...config })).some((doubt) =>
      doubt.includes('in the clear'),
    );
  for (const host of ['0.0.0.0', '::', '10.0.0.7']) assert.equal(isWarned({ host }), true, host);
  for (const host of ['127.0.0.1', '::1', 'localhost']) assert.equal(isWarned({ host }), false, host);
  assert.equal(isWarned({ production: false }), false);
  assert.equal(isWarned({ trustedProxies: ['10.0.0.1'] }), false);
  assert.equal(isWarned({ tls: { certFile: 'a.pem', keyFile: 'a.key' } }), false);
  assert.equal(isWarned({ tls: { enabled: false, certFile: 'a.pem', keyFile: 'a.key' } }), true);
});

test('the old patterns are for profiles that there are', () => {
  const flaws = (oldPatterns: string[]): readonly string[] =>
    unsafe(configSchema.parse({ detection: { inspection: { oldPatterns } } })).map(({ at }) => at);
  assert.deepEqual(flaws(['ems', 'twinkeep']), []);
  assert.deepEqual(flaws(['ems', 'emms']), ['detection.inspection.oldPatterns']);
});

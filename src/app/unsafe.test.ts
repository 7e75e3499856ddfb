import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configSchema } from './config.ts';
import { unsafe } from './unsafe.ts';

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

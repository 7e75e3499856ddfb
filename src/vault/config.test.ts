import assert from 'node:assert/strict';
import { test } from 'node:test';
import { vaultConfig } from './config.ts';
import { MOST_SEALS } from './keyring.ts';

test('a key is followed long before it may seal nothing more, whatever is configured', () => {
  const most = 2 ** 31 - 2 ** 28;
  assert.equal(vaultConfig.parse({ maxSeals: most }).maxSeals, most);
  assert.ok(vaultConfig.parse({}).maxSeals <= most);
  for (const maxSeals of [most + 1, MOST_SEALS, 999]) assert.ok(!vaultConfig.safeParse({ maxSeals }).success);
  // What one process seals in the two minutes until the job of the minute has made the successor.
  assert.ok(MOST_SEALS - most >= 120 * 1_000_000);
});

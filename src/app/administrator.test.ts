import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestClock } from '../testing/index.ts';
import { assertAdministrator } from './administrator.ts';
import { configSchema } from './config.ts';
import { createTwinkeep } from './twinkeep.ts';

const configOf = (adminPassword?: string) => configSchema.parse({ logLevel: 'silent', port: 0, adminPassword });
/** With the user name in it, so that everybody who knows of the one guesses the other. */
const WEAK = 'admin twinkeep personal';

const named = (error: unknown): boolean => {
  const { code, facts } = Object(error);
  assert.equal(code, 'CONFIG_INVALID');
  assert.equal(facts.errors[0].at, 'TWINKEEP_ADMIN_PASSWORD');
  assert.match(facts.errors[0].reason, /personal/);
  assert.ok(!facts.errors[0].reason.includes(WEAK));
  return true;
};

test('a first password that is easy to guess is told by its setting, before the start and at it', async () => {
  await assert.rejects(assertAdministrator(configOf(WEAK)), named);
  const databaseUrl = 'sqlite::memory:';
  const config = configSchema.parse({ logLevel: 'silent', port: 0, adminPassword: WEAK, databaseUrl });
  await assert.rejects(createTwinkeep(config, { ownFolder: false, clock: createTestClock() }), named);
});

test('a good one passes, and so does none', async () => {
  await assertAdministrator(configOf('violet tractor hums nightly'));
  await assertAdministrator(configOf());
});

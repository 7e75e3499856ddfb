import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFault } from '../kernel/errors.ts';
import { createSqliteStorage } from '../storage/index.ts';
import { createTestClock } from '../testing/index.ts';
import { type ConfigInput, configSchema } from './config.ts';
import { assertEvenRefusals } from './even-refusals.ts';
import { createTwinkeep } from './twinkeep.ts';

const SECRET = 'QkNEUkVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=';
const configOf = (bcryptCost: number, refusalMs: number, more: ConfigInput = {}) =>
  configSchema.parse({
    logLevel: 'silent',
    limits: { refusalMs },
    profiles: ['twinkeep', 'digital-twin-v2'],
    profile: { 'digital-twin-v2': { bcryptCost, secret: SECRET, encryptionKey: SECRET } },
    ...more,
  });

function namesBoth(at: string) {
  return (error: unknown): boolean => {
    assert.ok(isFault(error, 'CONFIG_INVALID'));
    const [flaw] = Array.from(Object(error.facts['errors']));
    assert.equal(Object(flaw).at, at);
    assert.match(Object(flaw).reason, /limits\.refusalMs of \d+ in effect.*set that to \d+/);
    return true;
  };
}

// Attack: a profile hashes so dearly that every refusal tells who has such a hash, and who is not here.
test('a bcrypt that takes longer than a refusal is refused before the start, naming both settings', async () => {
  const named = namesBoth('profile.digital-twin-v2.bcryptCost');
  await assert.rejects(assertEvenRefusals(configOf(15, 400)), named);
  const config = configOf(15, 400);
  const storage = createSqliteStorage({ file: ':memory:', clock: createTestClock() });
  await assert.rejects(createTwinkeep(config, { storage, ownFolder: false }), named);
  const own = configOf(12, 400, { accounts: { scheme: 'bcrypt', bcryptCost: 15 } });
  await assert.rejects(assertEvenRefusals(own), namesBoth('accounts.bcryptCost'));
});

test('the value that the refusal names is enough, and it is the one in effect that counts', async () => {
  await assertEvenRefusals(configOf(13, 10_000));
  await assert.rejects(assertEvenRefusals(configOf(15, 10_000), 400));
});

test('what is not used, is of an ordinary cost, or where nothing is evened out, is not measured', async () => {
  await assertEvenRefusals(configOf(12, 1));
  await assertEvenRefusals(configOf(15, 0));
  await assertEvenRefusals(configOf(12, 400, { accounts: { scheme: 'argon2id', bcryptCost: 15 } }));
  await assertEvenRefusals(configOf(15, 400, { profiles: ['twinkeep'] }));
});

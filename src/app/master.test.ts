import assert from 'node:assert/strict';
import { chmodSync, existsSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { type Config, configSchema } from './config.ts';
import { createTwinkeep } from './twinkeep.ts';

const fault = { code: 'VAULT_MASTER_KEY' };

let data: string;
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'twinkeep-start-'));
});
afterEach(() => rm(data, { recursive: true }));

const configOf = (more: object = {}): Config => configSchema.parse({ data, port: 0, logLevel: 'silent', ...more });

async function startAndStop(config = configOf()): Promise<boolean> {
  const twinkeep = await createTwinkeep(config);
  await twinkeep.close();
  return twinkeep.firstAdministrator !== undefined;
}

const file = () => join(data, 'master.key');

test('the first start makes the key and an administrator, and the second neither', async () => {
  assert.equal(await startAndStop(), true);
  const { mtimeMs, mode } = statSync(file());
  assert.equal(mode & 0o777, 0o600);
  for (const name of ['twinkeep.db', 'master.key']) assert.equal(statSync(join(data, name)).mode & 0o077, 0, name);
  assert.equal(await startAndStop(), false);
  assert.equal(statSync(file()).mtimeMs, mtimeMs);
});

// Slip: the key file was not restored with the database; a new one in its place would make all of it unreadable.
test('a data folder without its key does not start, and no new key is made', async () => {
  await startAndStop();
  renameSync(file(), `${file()}.away`);
  await assert.rejects(createTwinkeep(configOf()), fault);
  assert.equal(existsSync(file()), false);
  renameSync(`${file()}.away`, file());
  assert.equal(await startAndStop(), false, 'the refusal left nothing locked or broken');
});

test('a data folder with another key does not start, from a file or from the environment', async () => {
  await startAndStop();
  const other = Buffer.from('0123456789abcdef'.repeat(2)).toString('base64');
  await assert.rejects(createTwinkeep(configOf({ masterKey: other })), fault);
  renameSync(file(), `${file()}.away`);
  writeFileSync(file(), other, { mode: 0o600 });
  await assert.rejects(createTwinkeep(configOf()), fault);
  renameSync(`${file()}.away`, file());
  assert.equal(await startAndStop(), false);
});

test('a key that others may read, or that is a placeholder, does not start', async () => {
  await startAndStop();
  chmodSync(file(), 0o644);
  await assert.rejects(createTwinkeep(configOf()), fault);
  chmodSync(file(), 0o600);
  await assert.rejects(createTwinkeep(configOf({ masterKey: `${'A'.repeat(43)}=` })), fault);
  await assert.rejects(createTwinkeep(configOf({ masterKey: 'short' })), fault);
  assert.equal(await startAndStop(), false);
});

test('a key from the environment is kept nowhere', async () => {
  const masterKey = Buffer.from('0123456789abcdef'.repeat(2)).toString('base64');
  assert.equal(await startAndStop(configOf({ masterKey })), true);
  assert.equal(existsSync(file()), false);
  assert.equal(await startAndStop(configOf({ masterKey })), false);
});

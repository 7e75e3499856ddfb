import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { createSystemRandom } from '../kernel/random.ts';
import { createSecret, type Secret } from '../kernel/secret.ts';
import { createSqliteStorage, type Storage } from '../storage/index.ts';
import { createTestClock } from '../testing/index.ts';
import { vaultMigrations } from '../vault/index.ts';
import { type MasterSettings, openMasterKeys } from './master-keys.ts';

const random = createSystemRandom();
const clock = createTestClock();
const refused = { code: 'VAULT_MASTER_KEY' };

let data: string;
let storage: Storage;
beforeEach(async () => {
  data = mkdtempSync(join(tmpdir(), 'twinkeep-keys-'));
  storage = createSqliteStorage({ file: ':memory:', clock });
  await storage.migrate(vaultMigrations);
});
afterEach(async () => {
  await storage.close();
  rmSync(data, { recursive: true });
});

const vault = { providerGraceMs: 3_600_000 };
const open = (settings: Partial<MasterSettings> = {}, ownFolder = true) =>
  openMasterKeys(
    { data, vault, ...settings },
    { storage, clock, random, ownFolder, isAlone: true, onError: () => assert.fail() },
  );

const file = () => join(data, 'master.key');
const newKey = (): Secret => createSecret(Buffer.from(random.bytes(32)).toString('base64'));

test('without a setting the key lies in a file of the data folder, which is made once', async () => {
  const { masters, provider, leadMs } = await open();
  assert.equal(masters.state.provider, 'file');
  assert.equal(leadMs, 0);
  assert.equal(provider.held().length, 1);
  assert.equal(statSync(file()).mode & 0o777, 0o600);
  assert.equal((await open()).masters.current.id, masters.current.id);
  renameSync(file(), `${file()}.away`);
  await assert.rejects(open(), refused);
  assert.equal(existsSync(file()), false);
});

test('a key of the environment is kept nowhere, and another takes its place only with the former at hand', async () => {
  const [masterKey, next] = [newKey(), newKey()];
  const { masters } = await open({ masterKey });
  assert.equal(masters.state.provider, 'environment');
  assert.equal(existsSync(file()), false);
  await assert.rejects(open({ masterKey: next }), refused);
  const both = await open({ masterKey: next, previousMasterKey: masterKey });
  assert.equal(both.masters.isOutgrown, true);
  await assert.rejects(open({ masterKey, previousMasterKey: createSecret('short') }), refused);
});

// Slip: a key is set in the environment of a server whose own lies in its folder.
test('a key of the environment does not take the place of the file by itself', async () => {
  await open();
  await assert.rejects(open({ masterKey: newKey() }), refused);
  const former = createSecret(readFileSync(file(), 'utf8'));
  assert.equal((await open({ masterKey: newKey(), previousMasterKey: former })).masters.isOutgrown, true);
});

test('a provider that is set and a key of the environment contradict each other', async () => {
  const provider = {
    kind: 'transit',
    address: 'http://127.0.0.1:1',
    token: newKey(),
    mount: 'transit',
    key: 'k',
  } as const;
  await assert.rejects(open({ masterKey: newKey(), vault: { ...vault, provider } }), refused);
  await assert.rejects(open({ vault: { ...vault, provider } }), { code: 'VAULT_PROVIDER_AWAY' });
});

test('a file that others may read does not open, and a database that ends with its process has a key that does too', async () => {
  writeFileSync(file(), newKey().reveal(), { mode: 0o600 });
  chmodSync(file(), 0o640);
  await assert.rejects(open(), refused);
  const { masters } = await open({}, false);
  assert.equal(masters.state.provider, 'memory');
});

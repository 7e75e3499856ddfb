import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { personId, tenantId } from '../kernel/brand.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { platform } from '../kernel/tx.ts';
import { createSqliteStorage, type Storage } from '../storage/index.ts';
import { createTestClock, type TestClock } from '../testing/index.ts';
import { createMasterKey, hasSealedKeys, openVault, singleMaster, type Vault, vaultMigrations } from './index.ts';

const random = createSystemRandom();
const NORTH = tenantId('north');
const ADA = personId('ada');
const place = { table: 'reading', column: 'location', row: 'M1|0' };
const masters = singleMaster(createMasterKey(random.bytes(32), random));

let storage: Storage;
let clock: TestClock;
let vault: Vault;
before(async () => {
  clock = createTestClock();
  storage = createSqliteStorage({ file: ':memory:', clock });
  await storage.migrate(vaultMigrations);
  assert.equal(await hasSealedKeys(storage), false);
  vault = await openVault({ storage, masters, clock, random });
});
after(() => storage.close());

const seal = (text: string): Promise<string> =>
  storage.write(platform, (tx) => vault.subjects.seal(tx, ADA, 'note', text));
const open = (sealed: string, column = 'note', subject = ADA): Promise<string> =>
  storage.read(platform, (tx) => vault.subjects.open(tx, subject, column, sealed));
const destroy = (): Promise<boolean> => storage.write(platform, (tx) => vault.subjects.destroy(tx, ADA));

test('a tenant has one key however many ask for it first, and another tenant another', async () => {
  const sealers = await Promise.all(Array.from({ length: 20 }, () => vault.fields(NORTH)));
  const sealed = sealers.map((sealer) => sealer.seal(place, 'x'));
  assert.equal(new Set(sealed.map((each) => each.split('.')[1])).size, 1);
  assert.match(sealed[0] ?? '', /^tk1\.v_20261121_120000_[0-9a-f]{4}\./);
  const south = await vault.fields(tenantId('south'));
  for (const each of sealed) assert.throws(() => south.open(place, each), { kind: 'unprocessable' });
});

test('what was sealed opens after a restart under the same master key', async () => {
  const sealed = (await vault.fields(NORTH)).seal(place, 'Gwangyang');
  const personal = await seal('a note');
  const again = await openVault({ storage, masters, clock, random });
  assert.equal((await again.fields(NORTH)).open(place, sealed), 'Gwangyang');
  assert.equal(await storage.read(platform, (tx) => again.subjects.open(tx, ADA, 'note', personal)), 'a note');
  assert.equal(await hasSealedKeys(storage), true);
});

// Attack, or slip: the database is started with the master key of another.
test('another master key is refused at the start, before anything is sealed under it', async () => {
  const other = singleMaster(createMasterKey(random.bytes(32), random));
  await assert.rejects(openVault({ storage, masters: other, clock, random }), { code: 'VAULT_MASTER_KEY' });
});

test('what is sealed about a person opens for that person and column alone', async () => {
  const sealed = await seal('a note');
  assert.equal(await open(sealed), 'a note');
  await storage.write(platform, (tx) => vault.subjects.seal(tx, personId('bob'), 'note', 'another'));
  await assert.rejects(open(sealed, 'other'), { code: 'VAULT_UNREADABLE' });
  await assert.rejects(open(sealed, 'note', personId('bob')), { code: 'VAULT_UNREADABLE' });
  await assert.rejects(open(sealed, 'note', personId('nobody')), { code: 'VAULT_SUBJECT_ERASED' });
  for (const text of ['', 'tks1.', `${sealed}A`, sealed.slice(0, -2), sealed.replace('tks1', 'tk1')]) {
    await assert.rejects(open(text), { code: 'VAULT_UNREADABLE' });
  }
});

test('what is sealed about a person is unreadable once their key is destroyed', async () => {
  const sealed = await seal('a note');
  assert.equal(await destroy(), true);
  await assert.rejects(open(sealed), { code: 'VAULT_SUBJECT_ERASED' });
  assert.equal(await destroy(), false);
  const later = await seal('another note');
  await assert.rejects(open(sealed), { code: 'VAULT_UNREADABLE' }, 'a later key opens nothing of before');
  assert.equal(await open(later), 'another note');
});

// Attack: a write of the same moment has just taken the key into memory, and it lives on there.
test('a key that is destroyed together with other writes is gone from memory too', async () => {
  await seal('makes the key');
  const fresh = await openVault({ storage, masters, clock, random }); // its memory holds no key yet
  const [sealed] = await Promise.all([
    storage.write(platform, (tx) => fresh.subjects.seal(tx, ADA, 'note', 'just now')),
    storage.write(platform, (tx) => fresh.subjects.destroy(tx, ADA)),
  ]);
  const reading = storage.read(platform, (tx) => fresh.subjects.open(tx, ADA, 'note', sealed));
  await assert.rejects(reading, { code: 'VAULT_SUBJECT_ERASED' });
});

test('a key that was made in a write that failed is nowhere', async () => {
  const carl = personId('carl');
  let sealed = '';
  await assert.rejects(
    storage.write(platform, async (tx) => {
      sealed = await vault.subjects.seal(tx, carl, 'note', 'x');
      throw new Error('undone');
    }),
    /undone/,
  );
  await assert.rejects(open(sealed, 'note', carl), { code: 'VAULT_SUBJECT_ERASED' });
});

test('a pseudonym is the same within a month and another in the next', async () => {
  const pseudonym = (text: string) => storage.write(platform, (tx) => vault.subjects.pseudonym(tx, text));
  const first = await pseudonym('somebody');
  assert.match(first, /^[A-Za-z0-9_-]{22}$/);
  assert.equal(await pseudonym('somebody'), first);
  assert.notEqual(await pseudonym('somebody else'), first);
  assert.equal(vault.subjects.month(), 'month-2026-11');
  clock.advance(10 * 86_400_000);
  assert.equal(vault.subjects.month(), 'month-2026-12');
  assert.notEqual(await pseudonym('somebody'), first);
});

/** Rewrap of 100,000 sealed locations on a SQLite file: Twinkeep's engine, and the bare loop that it cannot do without. */
import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { tenantId } from '../../src/kernel/brand.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { createSystemRandom } from '../../src/kernel/random.ts';
import { inTenant, platform } from '../../src/kernel/tx.ts';
import { readingMigrations, sealedFields } from '../../src/readings/index.ts';
import { createSqliteStorage, insertion } from '../../src/storage/index.ts';
import { createMasterKey, createRewrap, openVault, singleMaster, vaultMigrations } from '../../src/vault/index.ts';
import { isInMemory } from '../machine.ts';
import { type MicroCases, TEXT } from './case.ts';

const TENANT = tenantId('plant-1');
const VALUES = 100_000;
const PER_METER = 1_000;
const PER_WRITE = 5_000;

const insertReadings = insertion({
  reach: 'tenant',
  table: 'reading',
  columns: { meter_id: 'text', at: 'int', energy_consumption: 'real', location: 'text?' },
});

/** A folder that goes with the process; on a disk, for a write in memory costs nothing. */
function newFolder(): string {
  const root = isInMemory(tmpdir()) ? join(import.meta.dirname, '..', 'results') : tmpdir();
  mkdirSync(root, { recursive: true });
  const folder = mkdtempSync(join(root, 'twinkeep-rewrap-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const keyOf = (i: number) => ({ meter_id: `STEEL-${Math.floor(i / PER_METER)}`, at: 1_514_764_800_000 + i * 900_000 });

async function filled() {
  const random = createSystemRandom();
  const clock = systemClock;
  const storage = createSqliteStorage({ file: join(newFolder(), 'twinkeep.db'), clock });
  await storage.migrate([...vaultMigrations, ...readingMigrations]);
  const masters = singleMaster(createMasterKey(random.bytes(32), random));
  const vault = await openVault({ storage, masters, clock, random });
  const [field] = sealedFields;
  if (field === undefined) throw new Error('readings have no sealed field');
  const sealer = await vault.fields(TENANT);
  const place = (key: ReturnType<typeof keyOf>) => ({ table: field.table, column: field.column, row: field.row(key) });
  for (let from = 0; from < VALUES; from += PER_WRITE) {
    const rows = Array.from({ length: PER_WRITE }, (_, i) => {
      const key = keyOf(from + i);
      return {
        ...key,
        energy_consumption: 1,
        location: sealer.seal(place(key), `${TEXT.slice(0, -8)}${key.meter_id}`),
      };
    });
    await storage.write(inTenant(TENANT), (tx) => tx.insert(insertReadings, rows));
  }
  return { storage, vault, clock };
}

async function twinkeep(indexed: boolean) {
  const { storage, vault, clock } = await filled();
  const rewrap = createRewrap({
    vault,
    storage,
    clock,
    audit: { record: async () => undefined },
    fields: indexed ? sealedFields : sealedFields.map(({ indexes: _, ...field }) => field),
    holder: 'bench',
    onError: (error) => {
      throw error;
    },
  });
  const run = async (): Promise<void> => {
    await storage.write(platform, async (tx) => {
      const { rotation, announce } = vault.dataKeys;
      announce(tx, await rotation.follow(tx, TENANT, 'manual', 0));
    });
    await rewrap.run({ urgent: true });
    const { version } = await vault.fields(TENANT);
    const walked = (await rewrap.status()).find(({ target }) => target === version);
    if (walked?.done !== VALUES) throw new Error(`${walked?.done} of ${VALUES} values were sealed anew`);
  };
  return { waits: true, each: VALUES, run };
}

const AAD = Buffer.from('tk1\0v_20240827_140523_a1b2\0plant-1\0reading\0location\0STEEL-1|1514764800000');

function bareSeal(key: ReturnType<typeof createSecretKey>): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(AAD);
  return Buffer.concat([nonce, cipher.update(TEXT, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64url');
}

function bareOpen(key: ReturnType<typeof createSecretKey>, text: string): void {
  const sealed = Buffer.from(text, 'base64url');
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12), { authTagLength: 16 });
  decipher.setAAD(AAD).setAuthTag(sealed.subarray(-16));
  decipher.update(sealed.subarray(12, -16));
  decipher.final();
}

/** One transaction a thousand rows, and nobody else to think of. */
function bare() {
  const db = new DatabaseSync(join(newFolder(), 'bare.db'));
  db.exec(`pragma journal_mode = wal; pragma synchronous = full;
    create table reading (meter text, at integer, location text, primary key (meter, at)) strict, without rowid`);
  const key = createSecretKey(randomBytes(32));
  const insert = db.prepare('insert into reading values (?, ?, ?)');
  db.exec('begin');
  for (let i = 0; i < VALUES; i += 1) insert.run(keyOf(i).meter_id, keyOf(i).at, bareSeal(key));
  db.exec('commit');
  const page = db.prepare('select * from reading where (meter, at) > (?, ?) order by meter, at limit 1000');
  const update = db.prepare('update reading set location = ? where meter = ? and at = ? and location = ?');
  const run = (): void => {
    let rows = page.all('', 0);
    while (rows.length > 0) {
      db.exec('begin immediate');
      for (const { meter, at, location } of rows) {
        bareOpen(key, String(location));
        update.run(bareSeal(key), String(meter), Number(at), String(location));
      }
      db.exec('commit');
      const last = rows.at(-1);
      rows = page.all(String(last?.['meter']), Number(last?.['at']));
    }
  };
  return { waits: false, each: VALUES, run };
}

export const rewrapCases: MicroCases = {
  'rewrap/twinkeep': () => twinkeep(false),
  'rewrap/indexed': () => twinkeep(true),
  'rewrap/node': async () => bare(),
};

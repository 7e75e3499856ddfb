import { tenantId } from '../../src/kernel/brand.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { createSystemRandom } from '../../src/kernel/random.ts';
import { inTenant, type Tx } from '../../src/kernel/tx.ts';
import { readingMigrations, sealedFields } from '../../src/readings/index.ts';
import { createSqliteStorage, insertion, type Storage } from '../../src/storage/index.ts';
import {
  createMasterKey,
  type FieldSealer,
  openVault,
  singleMaster,
  type Vault,
  vaultMigrations,
} from '../../src/vault/index.ts';

export const PLANT = tenantId('plant-1');

/** A reading's key; `METER` are those that were there before, others are written while values are sealed anew. */
export interface Key {
  readonly meter_id: string;
  readonly at: number;
}
export const METER = 'OLD-1';
export const WRITTEN = 'NEW-1';

export const locationOf = ({ meter_id, at }: Key): string => `Hall ${at % 7}, cabinet ${meter_id}/${at}`;

const [field] = sealedFields;

export const placeOf = (key: Key) => {
  if (field === undefined) throw new Error('readings have no sealed field');
  return { table: field.table, column: field.column, row: field.row({ ...key }) };
};

const insertReadings = insertion({
  reach: 'tenant',
  table: 'reading',
  columns: { meter_id: 'text', at: 'int', energy_consumption: 'real', location: 'text?' },
});

export const addReadings = (tx: Tx, sealer: FieldSealer, keys: readonly Key[]) =>
  tx.insert(
    insertReadings,
    keys.map((key) => ({ ...key, energy_consumption: 1, location: sealer.seal(placeOf(key), locationOf(key)) })),
  );

export interface Ground {
  readonly storage: Storage;
  readonly vault: Vault;
}

/** A database and its vault under a master key that every process of the test knows. */
export async function openGround(file: string): Promise<Ground> {
  const clock = systemClock;
  const random = createSystemRandom();
  const storage = createSqliteStorage({ file, clock });
  await storage.migrate([...vaultMigrations, ...readingMigrations]);
  const masters = singleMaster(createMasterKey(Buffer.alloc(32, 1), random));
  return { storage, vault: await openVault({ storage, masters, clock, random }) };
}

const PER_WRITE = 2_000;

/** Readings 1 to `count` of `METER`, sealed under the current key. */
export async function fill({ storage, vault }: Ground, count: number): Promise<void> {
  const sealer = await vault.fields(PLANT);
  for (let from = 1; from <= count; from += PER_WRITE) {
    const keys = Array.from({ length: Math.min(PER_WRITE, count - from + 1) }, (_, i) => ({
      meter_id: METER,
      at: from + i,
    }));
    await storage.write(inTenant(PLANT), (tx) => addReadings(tx, sealer, keys));
  }
}

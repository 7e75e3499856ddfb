import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { sealFernet } from '../crypto/index.ts';
import { tenantId } from '../kernel/brand.ts';
import { systemClock } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { createSqliteStorage } from '../storage/index.ts';
import { createMasterKey, openVault, singleMaster, vaultMigrations } from '../vault/index.ts';
import { readLegacyKeys } from './legacy-keys.ts';
import { createMigration, type Migration, type MigrationDeps } from './migration.ts';
import { openForeign } from './open.ts';
import type { Answer, Envelopes, OutsidePlace } from './scan.ts';

/** A real vault, in memory or in a file that several processes may open. */
export interface TestVault extends Envelopes {
  sealOne(place: OutsidePlace, text: string): string;
  openOne(place: OutsidePlace, sealed: string): string;
  close(): Promise<void>;
}

const random = createSystemRandom();
const TENANT = tenantId('main');

export async function createTestVault(file = ':memory:'): Promise<TestVault> {
  const storage = createSqliteStorage({ file, clock: systemClock });
  await storage.migrate(vaultMigrations);
  const masters = singleMaster(createMasterKey(Buffer.alloc(32, 7), random));
  const vault = await openVault({ storage, masters, clock: systemClock, random });
  const sealer = await vault.fields(TENANT);
  const outside = ({ table, column, row }: OutsidePlace) => ({ table: `external.${table}`, column, row });
  const answer = (work: () => string): Answer => {
    try {
      return { kind: 'text', text: work() };
    } catch (error) {
      if (isFault(error)) return { kind: 'refused', code: error.code };
      throw error;
    }
  };
  return {
    seal: async (items) => items.map((item) => answer(() => sealer.seal(outside(item), item.text))),
    open: async (items) => items.map((item) => answer(() => sealer.open(outside(item), item.sealed))),
    sealOne: (place, text) => sealer.seal(outside(place), text),
    openOne: (place, sealed) => sealer.open(outside(place), sealed),
    close: () => storage.close(),
  };
}

/** The key of the program that wrote the legacy values, and as its key file has it. */
export const LEGACY_KEY = Buffer.alloc(32, 3);
export const KEY_FILE = `${LEGACY_KEY.toString('base64url')}=\n`;

export const legacy = (text: string | Uint8Array, key: Uint8Array = LEGACY_KEY): string =>
  sealFernet(key, text, { now: 1_700_000_000_000, iv: random.bytes(16) });

export function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'twinkeep-migration-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface Migrating {
  readonly url: string;
  readonly envelopes: Envelopes;
  readonly folder: string;
  readonly table?: string;
  readonly key?: readonly string[];
  readonly columns?: readonly string[];
  readonly keyFile?: string;
  readonly form?: 'fernet' | 'aes-gcm';
  readonly overrides?: Partial<MigrationDeps>;
}

/** Runs one piece of work as a command would, with a database connection of its own. */
export async function migrating<Result>(
  { url, envelopes, folder, form = 'fernet', overrides, ...rest }: Migrating,
  work: (migration: Migration) => Promise<Result>,
): Promise<Result> {
  const fields = { table: rest.table ?? 'users', key: rest.key ?? ['id'], columns: rest.columns ?? ['email', 'phone'] };
  const database = await openForeign(url, fields);
  const deps: MigrationDeps = {
    ...{ database, fields, envelopes, folder, tenant: undefined, batch: 500 },
    legacy: readLegacyKeys(form, rest.keyFile ?? KEY_FILE, systemClock),
    clock: systemClock,
    stopped: () => false,
    onProgress: () => undefined,
    onWarning: () => undefined,
    beforeChange: async () => undefined,
  };
  try {
    return await work(createMigration({ ...deps, ...overrides }));
  } finally {
    await database.close();
  }
}

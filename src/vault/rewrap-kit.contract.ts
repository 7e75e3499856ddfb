import assert from 'node:assert/strict';
import type { AuditEntry } from '../kernel/audit.ts';
import { type TenantId, tenantId } from '../kernel/brand.ts';
import { systemClock } from '../kernel/clock.ts';
import { createSystemRandom } from '../kernel/random.ts';
import type { SealedField } from '../kernel/sealed.ts';
import { inTenant, platform, type Scope, type Tx } from '../kernel/tx.ts';
import { createSqliteStorage, insertion, type Migration, type Storage, statement } from '../storage/index.ts';
import { createTestClock, type TestClock } from '../testing/index.ts';
import { sealField } from './field.ts';
import { createMasterKey } from './master-key.ts';
import { singleMaster } from './masters.ts';
import { vaultMigrations } from './migrations/index.ts';
import { foldedText } from './normalise.ts';
import { createRewrap, type Rewrap, type RewrapDeps } from './rewrap.ts';
import { openVault, type Vault } from './vault.ts';

export type MakeStorage = () => Promise<Storage>;

export const inMemory: MakeStorage = async () => createSqliteStorage({ file: ':memory:', clock: systemClock });

export const plant = tenantId('plant-1');
export const other = tenantId('plant-2');
export const home = tenantId('platform');

const migrations: readonly Migration[] = [
  ...vaultMigrations,
  {
    name: '202611250099_test_sealed',
    changes: [
      {
        kind: 'table',
        name: 'note',
        rows: 'tenant',
        columns: { tenant_id: 'text', area: 'text', n: 'int', body: 'text?', body_index: 'text?' },
        key: ['tenant_id', 'area', 'n'],
      },
      {
        kind: 'table',
        name: 'holder',
        rows: 'platform',
        columns: { id: 'text', who: 'text', mail: 'text?', mail_index: 'text?', pin: 'text?' },
        key: ['id'],
      },
    ],
  },
];

const INDEXED = { table: 'note', column: 'body' };
const MAIL = { table: 'holder', column: 'mail' };
export const placeOf = (area: string, n: number) => ({ ...INDEXED, row: `${area}/${n}` });
export const pinPlace = (id: string) => ({ table: 'holder', column: 'pin', row: id });

export const fields: readonly SealedField[] = [
  {
    ...INDEXED,
    rows: 'tenant',
    key: { area: 'text', n: 'int' },
    row: ({ area, n }) => placeOf(String(area), Number(n)).row,
    under: 'tenant',
    indexes: [{ column: 'body_index', of: (text) => foldedText(text) || undefined }],
  },
  {
    ...MAIL,
    rows: 'platform',
    key: { id: 'text' },
    row: ({ id }) => String(id),
    under: { subject: 'who' },
    indexes: [{ column: 'mail_index', of: foldedText }],
  },
  {
    table: 'holder',
    column: 'pin',
    rows: 'platform',
    key: { id: 'text' },
    row: ({ id }) => pinPlace(String(id)).row,
    under: 'platform',
  },
];

const note = { area: 'text', n: 'int', body: 'text?', body_index: 'text?' } as const;
const insertNotes = insertion({ reach: 'tenant', table: 'note', columns: note });
const selectNotes = statement({
  reach: 'tenant',
  sql: 'select area, n, body, body_index from note where tenant_id = :tenant_id order by area, n',
  returns: note,
});
const updateNote = statement({
  reach: 'tenant',
  sql: 'update note set body = :body where tenant_id = :tenant_id and area = :area and n = :n',
  params: { area: 'text', n: 'int', body: 'text?' },
});
const deleteNote = statement({
  reach: 'tenant',
  sql: 'delete from note where tenant_id = :tenant_id and area = :area and n = :n',
  params: { area: 'text', n: 'int' },
});
const findNotes = statement({
  reach: 'tenant',
  sql: 'select n from note where tenant_id = :tenant_id and body_index = :wanted order by n',
  params: { wanted: 'text' },
  returns: { n: 'int' },
});
const holder = { id: 'text', who: 'text', mail: 'text?', mail_index: 'text?', pin: 'text?' } as const;
const insertHolders = insertion({ reach: 'platform', table: 'holder', columns: holder });
const selectHolders = statement({
  reach: 'platform',
  sql: 'select id, who, mail, mail_index, pin from holder order by id',
  returns: holder,
});

export const rows = {
  addNotes: (tx: Tx, notes: readonly NoteRow[]) => tx.insert(insertNotes, notes),
  notes: (tx: Tx): Promise<readonly NoteRow[]> => tx.all(selectNotes, {}),
  setNote: (tx: Tx, n: number, body: string | null) => tx.run(updateNote, { area: AREA, n, body }),
  dropNote: (tx: Tx, n: number) => tx.run(deleteNote, { area: AREA, n }),
  findNotes: (tx: Tx, wanted: string) => tx.all(findNotes, { wanted }),
  addHolder: (tx: Tx, row: Record<keyof typeof holder, string>) => tx.insert(insertHolders, [row]),
  holders: (tx: Tx) => tx.all(selectHolders, {}),
};

export interface NoteRow {
  readonly area: string;
  readonly n: number;
  readonly body: string | null;
  readonly body_index: string | null;
}

export const AREA = 'hall';
export const textOf = (n: number): string => `Meter cabinet ${n}, Übergang ☃`;

export interface RewrapKit {
  readonly storage: Storage;
  readonly vault: Vault;
  readonly clock: TestClock;
  readonly entries: readonly AuditEntry[];
  readonly errors: unknown[];
  readonly rewrap: Rewrap;
  /** Another engine on the same database, as after a restart or in another process. */
  another(more?: Partial<RewrapDeps>): Rewrap;
  /** A new key, sealed with from now on. @returns the version before */
  rotate(tenant?: TenantId, reason?: 'manual' | 'emergency'): Promise<string>;
  /** Stores notes 0 to `count - 1` under the current key. */
  fill(tenant: TenantId, count: number): Promise<void>;
  notes(tenant?: TenantId): Promise<readonly NoteRow[]>;
  write<T>(scope: Scope, work: (tx: Tx) => Promise<T>): Promise<T>;
  /** A note as somebody seals it who has not heard of any later key. */
  sealedUnder(version: string, n: number): Promise<string>;
}

/** Past the moment from which on nobody writes what was sealed under a key that is followed. */
export const SETTLED_MS = 60_000;

export async function withKit(make: MakeStorage, work: (kit: RewrapKit) => Promise<void>): Promise<void> {
  const storage = await make();
  try {
    await storage.migrate(migrations);
    const kit = await createKit(storage);
    await work(kit);
    assert.deepEqual(kit.errors, []);
  } finally {
    await storage.close();
  }
}

async function createKit(storage: Storage): Promise<RewrapKit> {
  const clock = createTestClock();
  const random = createSystemRandom();
  const masters = singleMaster(createMasterKey(random.bytes(32), random));
  const vault = await openVault({ storage, masters, clock, random });
  const entries: AuditEntry[] = [];
  const errors: unknown[] = [];
  const another = (more: Partial<RewrapDeps> = {}): Rewrap =>
    createRewrap({
      vault,
      storage,
      audit: { record: async (tx, entry) => tx.afterCommit(() => entries.push(entry)) },
      clock,
      fields,
      holder: 'test',
      onError: (error) => errors.push(error),
      ...more,
    });

  return {
    storage,
    vault,
    clock,
    entries,
    errors,
    rewrap: another(),
    another,
    rotate: async (tenant = plant, reason = 'manual') => {
      const { version } = await vault.fields(tenant);
      clock.advance(1_000);
      await storage.write(platform, async (tx) => {
        const { rotation, activationMs, announce } = vault.dataKeys;
        announce(tx, await rotation.follow(tx, tenant, reason, activationMs));
      });
      clock.advance(vault.dataKeys.activationMs);
      return version;
    },
    fill: async (tenant, count) => {
      const sealer = await vault.fields(tenant);
      const notes = Array.from({ length: count }, (_, n) => ({
        area: AREA,
        n,
        body: sealer.seal(placeOf(AREA, n), textOf(n)),
        body_index: sealer.index(INDEXED, foldedText(textOf(n))),
      }));
      await storage.write(inTenant(tenant), (tx) => rows.addNotes(tx, notes));
    },
    notes: (tenant = plant) => storage.read(inTenant(tenant), rows.notes),
    write: (scope, write) => storage.write(scope, write),
    sealedUnder: async (version, n) => {
      const key = (await vault.dataKeys.ring(plant)).of(version);
      if (key === undefined) throw new Error(`there is no key ${version}`);
      return sealField(key, placeOf(AREA, n), textOf(n), random);
    },
  };
}

import { type EpochMs, epochMs, type TenantId, tenantId } from '../kernel/brand.ts';
import type { RowOf, Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';

const insertMaster = insertion({
  reach: 'platform',
  table: 'vault_master',
  columns: { id: 'text', created_at: 'int', provider: 'text?' },
});

const selectMasters = statement({
  reach: 'platform',
  sql: 'select id from vault_master order by created_at, id',
  returns: { id: 'text' },
});

const dataKey = {
  tenant: 'text',
  version: 'text',
  wrapped: 'bytes',
  created_at: 'int',
  algorithm: 'text?',
  active_at: 'int?',
  retired_at: 'int?',
  emptied_at: 'int?',
  destroyed_at: 'int?',
  reason: 'text?',
  seals: 'int?',
  external_at: 'int?',
  master: 'text?',
  changed: 'int?',
} as const;

const columns = Object.keys(dataKey).join(', ');

const insertDataKey = insertion({ reach: 'platform', table: 'vault_data_key', columns: dataKey });

const selectDataKeys = statement({
  reach: 'platform',
  sql: `select ${columns} from vault_data_key where tenant = :tenant`,
  params: { tenant: 'text' },
  returns: dataKey,
});

const selectEveryDataKey = statement({
  reach: 'platform',
  sql: `select ${columns} from vault_data_key order by tenant`,
  returns: dataKey,
});

const selectChangedDataKeys = statement({
  reach: 'platform',
  sql: `select ${columns} from vault_data_key where changed > :seen order by changed, tenant, version limit :most`,
  params: { seen: 'int', most: 'int' },
  returns: dataKey,
});

const selectNewestChange = statement({
  reach: 'platform',
  sql: 'select max(changed) as newest from vault_data_key where changed is not null',
  returns: { newest: 'int?' },
});

const LIVE = 'retired_at is null and algorithm is null'; // as the index says it

const selectTenants = statement({
  reach: 'platform',
  sql: `select tenant from vault_data_key where ${LIVE} and tenant > :after order by tenant limit :most`,
  params: { after: 'text', most: 'int' },
  returns: { tenant: 'text' },
});

const selectDue = statement({
  reach: 'platform',
  sql: `select tenant, version, seals from vault_data_key where ${LIVE}
    and (created_at <= :before or created_at > :unborn or seals >= :max_seals) order by tenant limit :most`,
  params: { before: 'int', unborn: 'int', max_seals: 'int', most: 'int' },
  returns: { tenant: 'text', version: 'text', seals: 'int?' },
});

const retireDataKeys = statement({
  reach: 'platform',
  sql: `update vault_data_key set retired_at = :at, changed = :changed where tenant = :tenant and ${LIVE}`,
  params: { tenant: 'text', at: 'int', changed: 'int' },
});

const emptyDataKey = statement({
  reach: 'platform',
  sql: `update vault_data_key set emptied_at = :at, changed = :changed
    where tenant = :tenant and version = :version and emptied_at is null and destroyed_at is null`,
  params: { tenant: 'text', version: 'text', at: 'int', changed: 'int' },
});

const destroyDataKey = statement({
  reach: 'platform',
  sql: `update vault_data_key set wrapped = :nothing, destroyed_at = :at, changed = :changed
    where tenant = :tenant and version = :version and destroyed_at is null`,
  params: { tenant: 'text', version: 'text', nothing: 'bytes', at: 'int', changed: 'int' },
});

const addSeals = statement({
  reach: 'platform',
  sql: `update vault_data_key set seals = coalesce(seals, 0) + :seals where tenant = :tenant and version = :version`,
  params: { tenant: 'text', version: 'text', seals: 'int' },
});

const markExternal = statement({
  reach: 'platform',
  sql: `update vault_data_key set external_at = :now, changed = :changed where tenant = :tenant and algorithm is null
    and external_at is null and (retired_at is null or retired_at > :now)`,
  params: { tenant: 'text', now: 'int', changed: 'int' },
});

const namedKey = { purpose: 'text', name: 'text', wrapped: 'bytes', created_at: 'int', master: 'text?' } as const;

const insertNamedKey = insertion({
  reach: 'platform',
  table: 'vault_named_key',
  columns: namedKey,
  unless: ['purpose', 'name'],
});

const selectNamedKey = statement({
  reach: 'platform',
  sql: 'select name, wrapped, master from vault_named_key where purpose = :purpose and name = :name',
  params: { purpose: 'text', name: 'text' },
  returns: { name: 'text', wrapped: 'bytes', master: 'text?' },
});

// `.` is the character before `/`, so that these are `name` itself and `name.2` and the like.
const selectNumberedKeys = statement({
  reach: 'platform',
  sql: `select name, wrapped, master from vault_named_key
    where purpose = :purpose and (name = :name or (name > :first and name < :past))`,
  params: { purpose: 'text', name: 'text', first: 'text', past: 'text' },
  returns: { name: 'text', wrapped: 'bytes', master: 'text?' },
});

const deleteNamedKey = statement({
  reach: 'platform',
  sql: 'delete from vault_named_key where purpose = :purpose and name = :name',
  params: { purpose: 'text', name: 'text' },
});

const insertErased = insertion({
  reach: 'platform',
  table: 'vault_erased',
  columns: { purpose: 'text', name: 'text', at: 'int' },
  unless: ['purpose', 'name'],
});

const updateErased = statement({
  reach: 'platform',
  sql: 'update vault_erased set at = :at where purpose = :purpose and name = :name',
  params: { purpose: 'text', name: 'text', at: 'int' },
});

/** What an imported key opens; it seals nothing. */
export type LegacyAlgorithm = 'fernet' | 'aes-gcm';

/** Why a key was made. */
export type KeyReason = 'first' | 'schedule' | 'seals' | 'emergency' | 'manual' | 'import';

/** A row of `vault_data_key`. */
export interface StoredDataKey {
  readonly tenant: TenantId;
  readonly version: string;
  /** Empty once the key is destroyed. */
  readonly wrapped: Uint8Array;
  /** The master key that wrapped it; `null`: the first of the database. */
  readonly master: string | null;
  /** `undefined`: it seals envelopes. */
  readonly algorithm: LegacyAlgorithm | undefined;
  readonly reason: KeyReason;
  readonly createdAt: EpochMs;
  /** From when on it seals. */
  readonly activeAt: EpochMs;
  /** From when on its successor seals. */
  readonly retiredAt: EpochMs | undefined;
  /** When no value of ours was left under it. */
  readonly emptiedAt: EpochMs | undefined;
  readonly destroyedAt: EpochMs | undefined;
  /** When a value was first sealed for somebody outside, which no walk of ours finds. */
  readonly externalAt: EpochMs | undefined;
  readonly seals: number;
  /** Grows over all keys with every change; tells which of two readings of a row is the later. */
  readonly changed: number;
}

export interface DueKey {
  readonly tenant: TenantId;
  readonly version: string;
  readonly seals: number;
}

/** Keys of one kind: of a `subject` (a person), or a month's `pseudonym` key. */
export type KeyPurpose = 'subject' | 'pseudonym';

export interface StoredNamedKey {
  readonly name: string;
  readonly wrapped: Uint8Array;
  readonly master: string | null;
}

const NOTHING = Buffer.alloc(0);
const MOST_TENANTS = 500;

export const vaultStore = {
  masters: async (tx: Tx): Promise<readonly string[]> => (await tx.all(selectMasters, {})).map(({ id }) => id),
  addMaster: (tx: Tx, id: string, provider: string, now: EpochMs) =>
    tx.insert(insertMaster, [{ id, created_at: now, provider }]),

  /** In the order in which they seal. */
  dataKeys: async (tx: Tx, tenant: string): Promise<readonly StoredDataKey[]> =>
    (await tx.all(selectDataKeys, { tenant })).map(keyOf).sort(inOrder),
  /** By tenant, and of each in the order in which they seal. */
  everyDataKey: async (tx: Tx): Promise<readonly StoredDataKey[]> =>
    (await tx.all(selectEveryDataKey, {})).map(keyOf).sort(inOrder),
  /** Those that have changed since `seen`, the earliest change first. */
  changedDataKeys: async (tx: Tx, seen: number, most: number): Promise<readonly StoredDataKey[]> =>
    (await tx.all(selectChangedDataKeys, { seen, most })).map(keyOf),
  /** Serializable writes give the numbers in the order in which they become durable. */
  newestChange: async (tx: Tx): Promise<number> => (await tx.one(selectNewestChange, {}))?.newest ?? 0,
  /** Tenants that have a key to seal with, a page at a time. */
  tenants: async (tx: Tx, after: string): Promise<readonly TenantId[]> =>
    (await tx.all(selectTenants, { after, most: MOST_TENANTS })).map(({ tenant }) => tenantId(tenant)),
  /** Newest keys that were made at `before` or earlier, or only after `unborn`, or have sealed `maxSeals` values. */
  due: async (tx: Tx, due: { before: number; unborn: number; maxSeals: number }): Promise<readonly DueKey[]> => {
    const params = { before: due.before, unborn: due.unborn, max_seals: due.maxSeals, most: MOST_TENANTS };
    const rows = await tx.all(selectDue, params);
    return rows.map(({ tenant, version, seals }) => ({ tenant: tenantId(tenant), version, seals: seals ?? 0 }));
  },
  addDataKey: (tx: Tx, key: StoredDataKey) => tx.insert(insertDataKey, [rowOf(key)]),
  /** Whichever key of a tenant has no successor yet. */
  retire: (tx: Tx, tenant: TenantId, at: EpochMs, changed: number) => tx.run(retireDataKeys, { tenant, at, changed }),
  markEmptied: (tx: Tx, tenant: TenantId, version: string, at: EpochMs, changed: number) =>
    tx.run(emptyDataKey, { tenant, version, at, changed }),
  destroy: (tx: Tx, tenant: TenantId, version: string, at: EpochMs, changed: number) =>
    tx.run(destroyDataKey, { tenant, version, nothing: NOTHING, at, changed }),
  addSeals: (tx: Tx, { tenant, version, seals }: DueKey) => tx.run(addSeals, { tenant, version, seals }),
  markExternal: (tx: Tx, tenant: TenantId, now: EpochMs, changed: number) =>
    tx.run(markExternal, { tenant, now, changed }),

  namedKey: (tx: Tx, purpose: KeyPurpose, name: string): Promise<StoredNamedKey | undefined> =>
    tx.one(selectNamedKey, { purpose, name }),
  /** `name` and those after it: `name.2`, `name.3`; in no order. */
  numberedKeys: (tx: Tx, purpose: KeyPurpose, name: string): Promise<readonly StoredNamedKey[]> =>
    tx.all(selectNumberedKeys, { purpose, name, first: `${name}.`, past: `${name}/` }),
  addNamedKey: (tx: Tx, purpose: KeyPurpose, key: StoredNamedKey, now: EpochMs) =>
    tx.insert(insertNamedKey, [{ purpose, ...key, created_at: now }]),
  dropNamedKey: (tx: Tx, purpose: KeyPurpose, name: string) => tx.run(deleteNamedKey, { purpose, name }),
  /** Remembers that a key was destroyed: a backup from before still holds it. */
  noteErased: async (tx: Tx, purpose: KeyPurpose, name: string, at: EpochMs): Promise<void> => {
    const [known] = await tx.insert(insertErased, [{ purpose, name, at }]);
    if (known !== undefined) await tx.run(updateErased, { purpose, name, at });
  },
};

function rowOf(key: StoredDataKey): RowOf<typeof dataKey> {
  return {
    tenant: key.tenant,
    version: key.version,
    wrapped: key.wrapped,
    created_at: key.createdAt,
    algorithm: key.algorithm ?? null,
    active_at: key.activeAt,
    retired_at: key.retiredAt ?? null,
    emptied_at: key.emptiedAt ?? null,
    destroyed_at: key.destroyedAt ?? null,
    reason: key.reason,
    seals: key.seals,
    external_at: key.externalAt ?? null,
    master: key.master,
    changed: key.changed,
  };
}

function keyOf(row: RowOf<typeof dataKey>): StoredDataKey {
  return {
    tenant: tenantId(row.tenant),
    version: row.version,
    wrapped: row.wrapped,
    master: row.master,
    algorithm: algorithmOf(row.algorithm),
    reason: (row.reason ?? 'first') as KeyReason, // only ours are written
    createdAt: epochMs(row.created_at),
    activeAt: epochMs(row.active_at ?? row.created_at),
    retiredAt: timeOf(row.retired_at),
    emptiedAt: timeOf(row.emptied_at),
    destroyedAt: timeOf(row.destroyed_at),
    externalAt: timeOf(row.external_at),
    seals: row.seals ?? 0,
    changed: row.changed ?? 0,
  };
}

const timeOf = (at: number | null): EpochMs | undefined => (at === null ? undefined : epochMs(at));

function algorithmOf(text: string | null): LegacyAlgorithm | undefined {
  if (text === null || text === 'fernet' || text === 'aes-gcm') return text ?? undefined;
  throw new TypeError(`a key of an algorithm that this program does not know: ${text}`); // of a later program
}

function inOrder(a: StoredDataKey, b: StoredDataKey): number {
  if (a.tenant !== b.tenant) return a.tenant < b.tenant ? -1 : 1;
  return a.activeAt - b.activeAt || (a.version < b.version ? -1 : 1);
}

import type { EpochMs } from '../kernel/brand.ts';
import type { Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';

const insertMaster = insertion({
  reach: 'platform',
  table: 'vault_master',
  columns: { id: 'text', created_at: 'int' },
});

const selectMasters = statement({ reach: 'platform', sql: 'select id from vault_master', returns: { id: 'text' } });

const insertDataKey = insertion({
  reach: 'platform',
  table: 'vault_data_key',
  columns: { tenant: 'text', version: 'text', wrapped: 'bytes', created_at: 'int' },
  unless: ['tenant', 'version'],
});

const selectDataKeys = statement({
  reach: 'platform',
  sql: 'select version, wrapped, created_at from vault_data_key where tenant = :tenant order by created_at, version',
  params: { tenant: 'text' },
  returns: { version: 'text', wrapped: 'bytes', created_at: 'int' },
});

const insertNamedKey = insertion({
  reach: 'platform',
  table: 'vault_named_key',
  columns: { purpose: 'text', name: 'text', wrapped: 'bytes', created_at: 'int' },
  unless: ['purpose', 'name'],
});

const selectNamedKey = statement({
  reach: 'platform',
  sql: 'select wrapped from vault_named_key where purpose = :purpose and name = :name',
  params: { purpose: 'text', name: 'text' },
  returns: { wrapped: 'bytes' },
});

const deleteNamedKey = statement({
  reach: 'platform',
  sql: 'delete from vault_named_key where purpose = :purpose and name = :name',
  params: { purpose: 'text', name: 'text' },
});

export interface StoredDataKey {
  readonly version: string;
  readonly wrapped: Uint8Array;
}

/** Keys of one kind: of a `subject` (a person), or a month's `pseudonym` key. */
export type KeyPurpose = 'subject' | 'pseudonym';

export const vaultStore = {
  masters: async (tx: Tx): Promise<readonly string[]> => (await tx.all(selectMasters, {})).map(({ id }) => id),
  addMaster: (tx: Tx, id: string, now: EpochMs) => tx.insert(insertMaster, [{ id, created_at: now }]),

  /** Oldest first; the last is the one to seal with. */
  dataKeys: (tx: Tx, tenant: string): Promise<readonly StoredDataKey[]> => tx.all(selectDataKeys, { tenant }),
  addDataKey: (tx: Tx, tenant: string, key: StoredDataKey, now: EpochMs) =>
    tx.insert(insertDataKey, [{ tenant, ...key, created_at: now }]),

  namedKey: async (tx: Tx, purpose: KeyPurpose, name: string): Promise<Uint8Array | undefined> =>
    (await tx.one(selectNamedKey, { purpose, name }))?.wrapped,
  addNamedKey: (tx: Tx, purpose: KeyPurpose, name: string, wrapped: Uint8Array, now: EpochMs) =>
    tx.insert(insertNamedKey, [{ purpose, name, wrapped, created_at: now }]),
  dropNamedKey: (tx: Tx, purpose: KeyPurpose, name: string) => tx.run(deleteNamedKey, { purpose, name }),
};

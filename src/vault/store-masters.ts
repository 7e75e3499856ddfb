import type { EpochMs } from '../kernel/brand.ts';
import type { Json, RowOf, Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';

const master = {
  id: 'text',
  created_at: 'int',
  provider: 'text?',
  wrapped: 'bytes?',
  retired_at: 'int?',
  shares: 'json?',
} as const;

const selectMasters = statement({
  reach: 'platform',
  sql: `select ${Object.keys(master).join(', ')} from vault_master order by created_at, id`,
  returns: master,
});

const insertMaster = insertion({
  reach: 'platform',
  table: 'vault_master',
  columns: { id: 'text', created_at: 'int', provider: 'text?', wrapped: 'bytes?' },
});

const retireOthers = statement({
  reach: 'platform',
  sql: 'update vault_master set retired_at = :now where id <> :id and retired_at is null',
  params: { id: 'text', now: 'int' },
});

const markShares = statement({
  reach: 'platform',
  sql: 'update vault_master set shares = :shares where id = :id',
  params: { id: 'text', shares: 'json' },
});

/** Keys that a destroyed version has left no bytes of are nobody's. */
const UNDER_ANOTHER = 'coalesce(master, :first) <> :target and length(wrapped) > 0';

const selectDataKeys = statement({
  reach: 'platform',
  sql: `select tenant, version, wrapped, master from vault_data_key
    where (tenant, version) > (:tenant, :version) and ${UNDER_ANOTHER} order by tenant, version limit :most`,
  params: { tenant: 'text', version: 'text', first: 'text', target: 'text', most: 'int' },
  returns: { tenant: 'text', version: 'text', wrapped: 'bytes', master: 'text?' },
});

const selectNamedKeys = statement({
  reach: 'platform',
  sql: `select purpose, name, wrapped, master from vault_named_key
    where (purpose, name) > (:purpose, :name) and ${UNDER_ANOTHER} order by purpose, name limit :most`,
  params: { purpose: 'text', name: 'text', first: 'text', target: 'text', most: 'int' },
  returns: { purpose: 'text', name: 'text', wrapped: 'bytes', master: 'text?' },
});

/** Compare-and-set: a key that was destroyed or replaced meanwhile stays so. */
const replaceDataKey = statement({
  reach: 'platform',
  sql: `update vault_data_key set wrapped = :next, master = :target
    where tenant = :tenant and version = :version and wrapped = :before`,
  params: { tenant: 'text', version: 'text', before: 'bytes', next: 'bytes', target: 'text' },
});

const replaceNamedKey = statement({
  reach: 'platform',
  sql: `update vault_named_key set wrapped = :next, master = :target
    where purpose = :purpose and name = :name and wrapped = :before`,
  params: { purpose: 'text', name: 'text', before: 'bytes', next: 'bytes', target: 'text' },
});

const countOthers = statement({
  reach: 'platform',
  sql: `select (select count(*) from vault_data_key where ${UNDER_ANOTHER})
    + (select count(*) from vault_named_key where ${UNDER_ANOTHER}) as keys`,
  params: { first: 'text', target: 'text' },
  returns: { keys: 'int' },
});

const countUnder = statement({
  reach: 'platform',
  sql: `select (select count(*) from vault_data_key where coalesce(master, :first) = :id and length(wrapped) > 0)
    + (select count(*) from vault_named_key where coalesce(master, :first) = :id) as keys`,
  params: { first: 'text', id: 'text' },
  returns: { keys: 'int' },
});

/** A master key as the database knows it: never its bytes. */
export interface StoredMaster {
  readonly id: string;
  readonly created_at: number;
  readonly provider: string | null;
  readonly wrapped: Uint8Array | null;
  readonly retired_at: number | null;
  readonly shares: Json;
}

/** Which keys are to be wrapped anew: all that are not under `target`; those that name no master are under `first`. */
export interface Aim {
  readonly first: string;
  readonly target: string;
}

type DataKeyRow = RowOf<typeof selectDataKeys.returns>;
type NamedKeyRow = RowOf<typeof selectNamedKeys.returns>;
interface Replacing {
  readonly next: Uint8Array;
  readonly target: string;
}

export const masterStore = {
  /** Oldest first. */
  all: (tx: Tx): Promise<readonly StoredMaster[]> => tx.all(selectMasters, {}),
  add: (tx: Tx, row: Pick<StoredMaster, 'id' | 'provider' | 'wrapped'>, now: EpochMs) =>
    tx.insert(insertMaster, [{ ...row, created_at: now }]),
  /** @returns how many were not retired yet */
  retireOthers: (tx: Tx, id: string, now: EpochMs) => tx.run(retireOthers, { id, now }),
  markShares: (tx: Tx, id: string, shares: Json) => tx.run(markShares, { id, shares }),

  dataKeys: (tx: Tx, after: Pick<DataKeyRow, 'tenant' | 'version'>, aim: Aim, most: number) =>
    tx.all(selectDataKeys, { tenant: after.tenant, version: after.version, ...aim, most }),
  namedKeys: (tx: Tx, after: Pick<NamedKeyRow, 'purpose' | 'name'>, aim: Aim, most: number) =>
    tx.all(selectNamedKeys, { purpose: after.purpose, name: after.name, ...aim, most }),
  replaceDataKey: (tx: Tx, { tenant, version, wrapped }: DataKeyRow, { next, target }: Replacing) =>
    tx.run(replaceDataKey, { tenant, version, before: wrapped, next, target }),
  replaceNamedKey: (tx: Tx, { purpose, name, wrapped }: NamedKeyRow, { next, target }: Replacing) =>
    tx.run(replaceNamedKey, { purpose, name, before: wrapped, next, target }),
  countOthers: async (tx: Tx, aim: Aim): Promise<number> => (await tx.one(countOthers, aim))?.keys ?? 0,
  countUnder: async (tx: Tx, first: string, id: string): Promise<number> =>
    (await tx.one(countUnder, { first, id }))?.keys ?? 0,
};

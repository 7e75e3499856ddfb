import { type EpochMs, epochMs } from '../kernel/brand.ts';
import type { Json, RowOf, Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';

const backup = {
  id: 'text',
  kind: 'text',
  file: 'text',
  created_at: 'int',
  size: 'int?',
  sha256: 'text?',
  state: 'text',
  keys: 'json',
  tables: 'json',
  audit_size: 'int?',
  audit_root: 'text?',
  reason: 'text?',
  verified_at: 'int?',
  drilled_at: 'int?',
  drill_result: 'text?',
  sequence: 'int?',
  flaw: 'text?',
} as const;

const columns = Object.keys(backup).join(', ');

const insertBackup = insertion({ reach: 'platform', table: 'backups_backup', columns: backup, unless: ['id'] });

const selectBackups = statement({
  reach: 'platform',
  sql: `select ${columns} from backups_backup where (:state is null or state = :state)
    order by coalesce(sequence, 0) desc, created_at desc, id desc limit :count`,
  params: { state: 'text?', count: 'int' },
  returns: backup,
});

const selectBackup = statement({
  reach: 'platform',
  sql: `select ${columns} from backups_backup where id = :name or file = :name
    order by case when state = 'made' then 0 else 1 end, coalesce(sequence, 0) desc limit 1`,
  params: { name: 'text' },
  returns: backup,
});

/** `state = 'making'` decides between whoever makes a backup and whoever took it for dead. */
const finishBackup = statement({
  reach: 'platform',
  sql: `update backups_backup set state = :state, size = :size, sha256 = :sha256, keys = :keys, tables = :tables,
    audit_size = :audit_size, audit_root = :audit_root, reason = :reason where id = :id and state = 'making'`,
  params: {
    id: 'text',
    state: 'text',
    size: 'int?',
    sha256: 'text?',
    keys: 'json',
    tables: 'json',
    audit_size: 'int?',
    audit_root: 'text?',
    reason: 'text?',
  },
});

const extendKeys = statement({
  reach: 'platform',
  sql: "update backups_backup set keys = :keys where id = :id and state = 'making'",
  params: { id: 'text', keys: 'json' },
});

const failBackup = statement({
  reach: 'platform',
  sql: "update backups_backup set state = 'failed', reason = :reason where id = :id and state = 'making'",
  params: { id: 'text', reason: 'text' },
});

const removeBackup = statement({
  reach: 'platform',
  sql: "update backups_backup set state = 'removed' where id = :id and state = 'made'",
  params: { id: 'text' },
});

/** A file that lies there although the list has it as gone, or under another name. */
const reviveBackup = statement({
  reach: 'platform',
  sql: `update backups_backup set state = 'made', file = :file, size = :size, sha256 = :sha256, keys = :keys,
    tables = :tables, sequence = :sequence, reason = null, flaw = null where id = :id and state <> 'making'`,
  params: {
    id: 'text',
    file: 'text',
    size: 'int?',
    sha256: 'text?',
    keys: 'json',
    tables: 'json',
    sequence: 'int?',
  },
});

const markVerified = statement({
  reach: 'platform',
  sql: 'update backups_backup set verified_at = :at, flaw = :flaw where id = :id',
  params: { id: 'text', at: 'int?', flaw: 'text?' },
});

const selectLast = statement({
  reach: 'platform',
  sql: 'select max(sequence) as last from backups_backup',
  returns: { last: 'int?' },
});

const markDrilled = statement({
  reach: 'platform',
  sql: 'update backups_backup set drilled_at = :at, drill_result = :result where id = :id',
  params: { id: 'text', at: 'int', result: 'text' },
});

const deleteOld = statement({
  reach: 'platform',
  sql: "delete from backups_backup where created_at < :before and state in ('failed', 'removed')",
  params: { before: 'int' },
});

const identity = { master: 'text', sealed: 'text', created_at: 'int' } as const;

const insertIdentity = insertion({
  reach: 'platform',
  table: 'backups_identity',
  columns: identity,
  unless: ['master'],
});

const selectIdentities = statement({
  reach: 'platform',
  sql: 'select master, sealed, created_at from backups_identity order by created_at, master',
  returns: identity,
});

const endLeases = statement({ reach: 'platform', sql: 'update twinkeep_lease set until = 0' });

const selectHead = statement({
  reach: 'platform',
  sql: 'select note from audit_checkpoint order by size desc limit 1',
  returns: { note: 'text' },
});

export type BackupState = 'making' | 'made' | 'failed' | 'removed';
export type BackupKind = 'manual' | 'schedule' | 'found';

/** The versions of data keys that the values in a backup are sealed under, by tenant. */
export type NeededKeys = Readonly<Record<string, readonly string[]>>;

export interface CountedTable {
  readonly name: string;
  readonly rows: number;
}

/** One backup, as it was made and as it has been tried since. */
export interface Backup {
  readonly id: string;
  readonly kind: BackupKind;
  /** Its name in the folder of backups. */
  readonly file: string;
  readonly createdAt: EpochMs;
  readonly state: BackupState;
  readonly size: number | undefined;
  /** Of the file, in hex. */
  readonly sha256: string | undefined;
  readonly keys: NeededKeys;
  readonly tables: readonly CountedTable[];
  /** The head of the audit log that it holds for certain; it may hold a later one. */
  readonly audit: { readonly size: number; readonly root: string } | undefined;
  readonly reason: string | undefined;
  readonly verifiedAt: EpochMs | undefined;
  readonly drilledAt: EpochMs | undefined;
  readonly drillResult: 'good' | 'bad' | undefined;
  /** Above that of every backup from before; undefined where nobody has read it. */
  readonly sequence: number | undefined;
  /** What was wrong with its file when it was read last. */
  readonly flaw: string | undefined;
}

const MOST = 10_000;

export const backupStore = {
  add: (tx: Tx, added: Backup) => tx.insert(insertBackup, [rowOf(added)]),
  /** The newest first, by their sequence: a clock may have been wrong. */
  all: async (tx: Tx, state: BackupState | undefined, count = MOST): Promise<readonly Backup[]> =>
    (await tx.all(selectBackups, { state: state ?? null, count })).map(backupOf),
  /** By its id or the name of its file. */
  find: async (tx: Tx, name: string): Promise<Backup | undefined> => {
    const row = await tx.one(selectBackup, { name });
    return row && backupOf(row);
  },
  /** @returns false where it is not in the making any more */
  finish: async (tx: Tx, made: Backup): Promise<boolean> => {
    const { kind: _kind, file: _file, created_at: _at, ...row } = rowOf(made);
    const { verified_at: _verified, drilled_at: _drilled, drill_result: _result, ...rest } = row;
    const { sequence: _sequence, flaw: _flaw, ...changed } = rest;
    return (await tx.run(finishBackup, changed)) > 0;
  },
  extendKeys: (tx: Tx, id: string, keys: NeededKeys) => tx.run(extendKeys, { id, keys }),
  fail: async (tx: Tx, id: string, reason: string): Promise<boolean> => (await tx.run(failBackup, { id, reason })) > 0,
  remove: async (tx: Tx, id: string): Promise<boolean> => (await tx.run(removeBackup, { id })) > 0,
  revive: (tx: Tx, found: Backup) => {
    const { id, file, size, sha256, keys, tables, sequence } = rowOf(found);
    return tx.run(reviveBackup, { id, file, size, sha256, keys, tables, sequence });
  },
  verified: (tx: Tx, id: string, at: EpochMs) => tx.run(markVerified, { id, at, flaw: null }),
  spoilt: (tx: Tx, id: string, flaw: string) => tx.run(markVerified, { id, at: null, flaw }),
  drilled: (tx: Tx, id: string, at: EpochMs, result: 'good' | 'bad') => tx.run(markDrilled, { id, at, result }),
  /** The largest sequence of all; 0 where there is none. */
  lastSequence: async (tx: Tx): Promise<number> => (await tx.one(selectLast, {}))?.last ?? 0,
  /** Forgets what is not there any more. */
  forget: (tx: Tx, before: EpochMs) => tx.run(deleteOld, { before }),

  addIdentity: (tx: Tx, row: RowOf<typeof identity>) => tx.insert(insertIdentity, [row]),
  identities: (tx: Tx) => tx.all(selectIdentities, {}),

  /** Of a restored database: those who held them never heard of it. */
  endLeases: (tx: Tx) => tx.run(endLeases, {}),

  /** The newest signed head of the audit log. */
  auditHead: async (tx: Tx): Promise<string | undefined> => (await tx.one(selectHead, {}))?.note,
};

const rowOf = (added: Backup): RowOf<typeof backup> => ({
  id: added.id,
  kind: added.kind,
  file: added.file,
  created_at: added.createdAt,
  size: added.size ?? null,
  sha256: added.sha256 ?? null,
  state: added.state,
  keys: added.keys,
  tables: added.tables.map(({ name, rows }) => ({ name, rows })),
  audit_size: added.audit?.size ?? null,
  audit_root: added.audit?.root ?? null,
  reason: added.reason ?? null,
  verified_at: added.verifiedAt ?? null,
  drilled_at: added.drilledAt ?? null,
  drill_result: added.drillResult ?? null,
  sequence: added.sequence ?? null,
  flaw: added.flaw ?? null,
});

const STATES: readonly BackupState[] = ['making', 'made', 'failed', 'removed'];
const KINDS: readonly BackupKind[] = ['manual', 'schedule', 'found'];
const timeOf = (at: number | null): EpochMs | undefined => (at === null ? undefined : epochMs(at));

function backupOf(row: RowOf<typeof backup>): Backup {
  return {
    id: row.id,
    kind: KINDS.find((kind) => kind === row.kind) ?? 'found',
    file: row.file,
    createdAt: epochMs(row.created_at),
    state: STATES.find((state) => state === row.state) ?? 'failed',
    size: row.size ?? undefined,
    sha256: row.sha256 ?? undefined,
    keys: readKeys(row.keys),
    tables: readTableCounts(row.tables),
    audit: row.audit_size === null ? undefined : { size: row.audit_size, root: row.audit_root ?? '' },
    reason: row.reason ?? undefined,
    verifiedAt: timeOf(row.verified_at),
    drilledAt: timeOf(row.drilled_at),
    drillResult: row.drill_result === 'good' || row.drill_result === 'bad' ? row.drill_result : undefined,
    sequence: row.sequence ?? undefined,
    flaw: row.flaw ?? undefined,
  };
}

const textsOf = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : []);

/** As stored, or as an archive says. */
export function readKeys(value: Json | undefined): NeededKeys {
  const entries = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
  return Object.fromEntries(entries.map(([tenant, versions]) => [tenant, textsOf(versions)]));
}

function readTableCounts(value: Json): readonly CountedTable[] {
  if (!Array.isArray(value)) return [];
  return value.map((one) => ({ name: String(Object(one).name), rows: Number(Object(one).rows) }));
}

import type { EpochMs } from '../kernel/brand.ts';
import type { RowOf, Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';

const insertEntry = insertion({
  reach: 'platform',
  table: 'audit_entry',
  columns: { id: 'text', at: 'int', action: 'text', tenant: 'text?', body: 'text' },
});

const selectNew = statement({
  reach: 'platform',
  sql: 'select id, body from audit_entry where seq is null order by id limit :count',
  params: { count: 'int' },
  returns: { id: 'text', body: 'text' },
});

const numberEntry = statement({
  reach: 'platform',
  sql: 'update audit_entry set seq = :seq, leaf = :leaf where id = :id and seq is null',
  params: { id: 'text', seq: 'int', leaf: 'bytes' },
});

const numbered = {
  seq: 'int',
  id: 'text',
  at: 'int',
  action: 'text',
  tenant: 'text?',
  body: 'text',
  leaf: 'bytes?', // always there with a number, unless somebody else wrote here
} as const;

const selectFrom = statement({
  reach: 'platform',
  sql: `select seq, id, at, action, tenant, body, leaf from audit_entry
    where seq >= :first order by seq limit :count`,
  params: { first: 'int', count: 'int' },
  returns: numbered,
});

const selectBefore = statement({
  reach: 'platform',
  sql: `select seq, id, at, action, tenant, body, leaf from audit_entry
    where seq < :before and at >= :since and (:tenant is null or tenant = :tenant)
      and (:action is null or action = :action)
    order by seq desc limit :count`,
  params: { before: 'int', since: 'int', tenant: 'text?', action: 'text?', count: 'int' },
  returns: numbered,
});

const selectLeaves = statement({
  reach: 'platform',
  sql: 'select leaf from audit_entry where seq >= :first and seq < :past order by seq',
  params: { first: 'int', past: 'int' },
  returns: { leaf: 'bytes' },
});

const countNew = statement({
  reach: 'platform',
  sql: 'select count(*) as count from audit_entry where seq is null',
  returns: { count: 'int' },
});

const insertNode = insertion({
  reach: 'platform',
  table: 'audit_node',
  columns: { level: 'int', idx: 'int', hash: 'bytes' },
});

const selectNode = statement({
  reach: 'platform',
  sql: 'select hash from audit_node where level = :level and idx = :idx',
  params: { level: 'int', idx: 'int' },
  returns: { hash: 'bytes' },
});

const selectNodes = statement({
  reach: 'platform',
  sql: 'select level, idx, hash from audit_node order by level, idx',
  returns: { level: 'int', idx: 'int', hash: 'bytes' },
});

const checkpoint = { size: 'int', at: 'int', frontier: 'bytes', note: 'text' } as const;

const insertCheckpoint = insertion({ reach: 'platform', table: 'audit_checkpoint', columns: checkpoint });

const selectLastCheckpoint = statement({
  reach: 'platform',
  sql: 'select size, at, frontier, note from audit_checkpoint order by size desc limit 1',
  returns: checkpoint,
});

const selectCheckpoints = statement({
  reach: 'platform',
  sql: 'select size, at, frontier, note from audit_checkpoint where size > :after order by size limit :count',
  params: { after: 'int', count: 'int' },
  returns: checkpoint,
});

const key = { name: 'text', verifier: 'text', sealed: 'text' } as const;

const insertKey = insertion({
  reach: 'platform',
  table: 'audit_key',
  columns: { ...key, created_at: 'int' },
  unless: ['name'],
});

const selectKey = statement({
  reach: 'platform',
  sql: 'select name, verifier, sealed from audit_key order by created_at desc limit 1',
  returns: key,
});

export type NewEntry = RowOf<{ id: 'text'; at: 'int'; action: 'text'; tenant: 'text?'; body: 'text' }>;
export type NumberedEntry = RowOf<typeof numbered>;
export type CheckpointRow = RowOf<typeof checkpoint>;
export type KeyRow = RowOf<typeof key>;
export interface EntryFilter {
  readonly before: number;
  readonly since: number;
  /** `null` for those of every tenant and of none. */
  readonly tenant: string | null;
  readonly action: string | null;
  readonly count: number;
}

export const auditStore = {
  add: (tx: Tx, entry: NewEntry) => tx.insert(insertEntry, [entry]),
  unnumbered: (tx: Tx, count: number) => tx.all(selectNew, { count }),
  countUnnumbered: async (tx: Tx): Promise<number> => (await tx.one(countNew, {}))?.count ?? 0,
  number: (tx: Tx, id: string, seq: number, leaf: Uint8Array) => tx.run(numberEntry, { id, seq, leaf }),
  from: (tx: Tx, first: number, count: number) => tx.all(selectFrom, { first, count }),
  latest: (tx: Tx, filter: EntryFilter) => tx.all(selectBefore, filter),
  leaves: async (tx: Tx, first: number, past: number): Promise<readonly Uint8Array[]> =>
    (await tx.all(selectLeaves, { first, past })).map(({ leaf }) => leaf),

  addNodes: (tx: Tx, nodes: readonly RowOf<{ level: 'int'; idx: 'int'; hash: 'bytes' }>[]) =>
    tx.insert(insertNode, nodes),
  node: async (tx: Tx, level: number, idx: number) => (await tx.one(selectNode, { level, idx }))?.hash,
  nodes: (tx: Tx) => tx.all(selectNodes, {}),

  addCheckpoint: (tx: Tx, row: CheckpointRow) => tx.insert(insertCheckpoint, [row]),
  lastCheckpoint: (tx: Tx) => tx.one(selectLastCheckpoint, {}),
  checkpoints: (tx: Tx, after: number, count: number) => tx.all(selectCheckpoints, { after, count }),

  addKey: (tx: Tx, row: KeyRow, now: EpochMs) => tx.insert(insertKey, [{ ...row, created_at: now }]),
  key: (tx: Tx) => tx.one(selectKey, {}),
};

import { type EpochMs, epochMs } from '../kernel/brand.ts';
import type { Json, RowOf, Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';
import type { Block, Evidence, Violation } from './block.ts';

const block = {
  id: 'text',
  kind: 'text',
  value: 'text',
  profile: 'text?',
  violation: 'text',
  reason: 'text',
  evidence: 'json',
  strikes: 'int',
  created_at: 'int',
  created_by: 'text',
  ends_at: 'int?',
  lifted_at: 'int?',
  lifted_by: 'text?',
} as const;

const columns = Object.keys(block).join(', ');
const inForce = `kind = 'address' and live is not null and (ends_at is null or ends_at > :now)`;

const insertBlock = insertion({
  reach: 'platform',
  table: 'block',
  columns: { ...block, live: 'text?', changed_at: 'int' },
  unless: ['kind', 'live'],
});

/** What ran out by the clock gives up its place; lifting and replacing do so at once. */
const releaseEnded = statement({
  reach: 'platform',
  sql: `update block set live = null where kind = 'address' and live = :value and ends_at <= :now`,
  params: { value: 'text', now: 'int' },
});

const selectLive = statement({
  reach: 'platform',
  sql: `select ${columns} from block where ${inForce} and (id = :name or live = :name)`,
  params: { name: 'text', now: 'int' },
  returns: block,
});

const selectLast = statement({
  reach: 'platform',
  sql: `select ${columns} from block where kind = 'address' and value = :value order by created_at desc, id desc limit 1`,
  params: { value: 'text' },
  returns: block,
});

const liftBlock = statement({
  reach: 'platform',
  sql: `update block set live = null, lifted_at = :now, lifted_by = :by, changed_at = :now
    where id = :id and live is not null`,
  params: { id: 'text', by: 'text', now: 'int' },
});

const selectInForce = statement({
  reach: 'platform',
  sql: `select ${columns} from block where ${inForce}
    order by case when ends_at is null then 0 else 1 end, ends_at desc limit :count`,
  params: { now: 'int', count: 'int' },
  returns: block,
});

const selectChanged = statement({
  reach: 'platform',
  sql: `select ${columns} from block where changed_at >= :since order by changed_at desc limit :count`,
  params: { since: 'int', count: 'int' },
  returns: block,
});

const selectPage = statement({
  reach: 'platform',
  sql: `select ${columns} from block where id < :before and (:ended or (${inForce}))
    and (:value is null or value = :value) order by id desc limit :count`,
  params: { before: 'text', ended: 'bool', value: 'text?', now: 'int', count: 'int' },
  returns: block,
});

const deleteEnded = statement({
  reach: 'platform',
  sql: 'delete from block where lifted_at < :before or ends_at < :before',
  params: { before: 'int' },
});

/** Which blocks are listed; `before` is an id, for the page behind it. */
export interface PageWish {
  readonly ended: boolean;
  readonly value: string | undefined;
  readonly before: string | undefined;
  readonly count: number;
}

const BEHIND_ALL = 'g'; // ids are hexadecimal

export const blockStore = {
  /** @returns false when a block of that value is there */
  add: async (tx: Tx, added: Block): Promise<boolean> => {
    await tx.run(releaseEnded, { value: added.value, now: added.createdAt });
    const row = { ...rowOf(added), live: added.value, changed_at: added.createdAt };
    return (await tx.insert(insertBlock, [row])).length === 0;
  },
  /** @param name the id of a block in force, or its value */
  live: async (tx: Tx, name: string, now: EpochMs): Promise<Block | undefined> => {
    const row = await tx.one(selectLive, { name, now });
    return row && blockOf(row);
  },
  last: async (tx: Tx, value: string): Promise<Block | undefined> => {
    const row = await tx.one(selectLast, { value });
    return row && blockOf(row);
  },
  /** @returns false when it was not there any more */
  lift: async (tx: Tx, id: string, by: string, now: EpochMs): Promise<boolean> =>
    (await tx.run(liftBlock, { id, by, now })) > 0,
  inForce: async (tx: Tx, now: EpochMs, count: number) => (await tx.all(selectInForce, { now, count })).map(blockOf),
  changed: async (tx: Tx, since: number, count: number) => (await tx.all(selectChanged, { since, count })).map(blockOf),
  page: async (tx: Tx, { ended, value, before, count }: PageWish, now: EpochMs): Promise<readonly Block[]> => {
    const rows = await tx.all(selectPage, { before: before ?? BEHIND_ALL, ended, value: value ?? null, now, count });
    return rows.map(blockOf);
  },
  forget: (tx: Tx, before: number) => tx.run(deleteEnded, { before }),
};

function rowOf(added: Block): RowOf<typeof block> {
  return {
    id: added.id,
    kind: added.kind,
    value: added.value,
    profile: added.profile ?? null,
    violation: added.violation,
    reason: added.reason,
    evidence: added.evidence,
    strikes: added.strikes,
    created_at: added.createdAt,
    created_by: added.createdBy,
    ends_at: added.endsAt ?? null,
    lifted_at: added.liftedAt ?? null,
    lifted_by: added.liftedBy ?? null,
  };
}

function blockOf(row: RowOf<typeof block>): Block {
  return {
    id: row.id,
    kind: 'address',
    value: row.value,
    profile: row.profile ?? undefined,
    violation: violationOf(row.violation),
    reason: row.reason,
    evidence: evidenceOf(row.evidence),
    strikes: row.strikes,
    createdAt: epochMs(row.created_at),
    createdBy: row.created_by,
    endsAt: row.ends_at === null ? undefined : epochMs(row.ends_at),
    liftedAt: row.lifted_at === null ? undefined : epochMs(row.lifted_at),
    liftedBy: row.lifted_by ?? undefined,
    stored: true,
  };
}

const violationOf = (text: string): Violation => (text === 'suspicious_pattern' ? text : 'ip_blocked');

function evidenceOf(value: Json): Evidence {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  return Object.fromEntries(Object.entries(value));
}

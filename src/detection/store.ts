import { type EpochMs, epochMs } from '../kernel/brand.ts';
import type { Json, RowOf, Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';
import { type Block, type Evidence, SUSPECT_KINDS, type SuspectKind, type Target, type Violation } from './block.ts';

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
const inForce = `live is not null and (ends_at is null or ends_at > :now)`;

const insertBlock = insertion({
  reach: 'platform',
  table: 'block',
  columns: { ...block, live: 'text?', changed_at: 'int' },
  unless: ['kind', 'live'],
});

/** What ran out by the clock gives up its place; lifting and replacing do so at once. */
const releaseEnded = statement({
  reach: 'platform',
  sql: 'update block set live = null where kind = :kind and live = :value and ends_at <= :now',
  params: { kind: 'text', value: 'text', now: 'int' },
});

const selectLive = statement({
  reach: 'platform',
  sql: `select ${columns} from block where ${inForce} and kind = :kind and live = :value`,
  params: { kind: 'text', value: 'text', now: 'int' },
  returns: block,
});

/** An id of a block, or of whom it is about; where one id stands for two, for the block. */
const selectNamed = statement({
  reach: 'platform',
  sql: `select ${columns} from block where ${inForce} and (id = :name or live = :name)
    order by case when id = :name then 0 else 1 end, id limit 1`,
  params: { name: 'text', now: 'int' },
  returns: block,
});

const selectLast = statement({
  reach: 'platform',
  sql: `select ${columns} from block where kind = :kind and value = :value order by created_at desc, id desc limit 1`,
  params: { kind: 'text', value: 'text' },
  returns: block,
});

const liftBlock = statement({
  reach: 'platform',
  sql: `update block set live = null, lifted_at = :now, lifted_by = :by, changed_at = :mark
    where id = :id and live is not null`,
  params: { id: 'text', by: 'text', now: 'int', mark: 'int' },
});

const selectHighest = statement({
  reach: 'platform',
  sql: 'select max(changed_at) as highest from block',
  params: {},
  returns: { highest: 'int?' },
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
  sql: `select ${columns} from block where changed_at > :since order by changed_at desc limit :count`,
  params: { since: 'int', count: 'int' },
  returns: block,
});

const selectPage = statement({
  reach: 'platform',
  sql: `select ${columns} from block where id < :before and (:ended or (${inForce}))
    and (:kind is null or kind = :kind) and (:value is null or value = :value) order by id desc limit :count`,
  params: { before: 'text', ended: 'bool', kind: 'text?', value: 'text?', now: 'int', count: 'int' },
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
  readonly kind: SuspectKind | undefined;
  readonly value: string | undefined;
  readonly before: string | undefined;
  readonly count: number;
}

type Aim = Pick<Target, 'kind' | 'value'>;

const BEHIND_ALL = 'g'; // ids are hexadecimal

const highest = async (tx: Tx): Promise<number> => (await tx.one(selectHighest, {}))?.highest ?? 0;

/** Higher than every mark that this write can see, whatever the clocks of those say that made them. */
const nextMark = async (tx: Tx, now: number): Promise<number> => Math.max(now, (await highest(tx)) + 1);

export const blockStore = {
  /** @returns false when a block of that value is there */
  add: async (tx: Tx, added: Block): Promise<boolean> => {
    await tx.run(releaseEnded, { kind: added.kind, value: added.value, now: added.createdAt });
    const row = { ...rowOf(added), live: added.value, changed_at: await nextMark(tx, added.createdAt) };
    return (await tx.insert(insertBlock, [row])).length === 0;
  },
  live: async (tx: Tx, { kind, value }: Aim, now: EpochMs): Promise<Block | undefined> => {
    const row = await tx.one(selectLive, { kind, value, now });
    return row && blockOf(row);
  },
  /** @param name the id of a block in force, or of whom it is about */
  named: async (tx: Tx, name: string, now: EpochMs): Promise<Block | undefined> => {
    const row = await tx.one(selectNamed, { name, now });
    return row && blockOf(row);
  },
  last: async (tx: Tx, { kind, value }: Aim): Promise<Block | undefined> => {
    const row = await tx.one(selectLast, { kind, value });
    return row && blockOf(row);
  },
  /** @returns false when it was not there any more */
  lift: async (tx: Tx, id: string, by: string, now: EpochMs): Promise<boolean> =>
    (await tx.run(liftBlock, { id, by, now, mark: await nextMark(tx, now) })) > 0,
  inForce: async (tx: Tx, now: EpochMs, count: number) => (await tx.all(selectInForce, { now, count })).map(blockOf),
  /** The mark of the latest change. */
  highest,
  /** What has a mark above that of an earlier change. */
  changed: async (tx: Tx, since: number, count: number) => (await tx.all(selectChanged, { since, count })).map(blockOf),
  page: async (tx: Tx, { ended, kind, value, before, count }: PageWish, now: EpochMs): Promise<readonly Block[]> => {
    const wanted = { ended, kind: kind ?? null, value: value ?? null };
    const rows = await tx.all(selectPage, { before: before ?? BEHIND_ALL, ...wanted, now, count });
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
    kind: kindOf(row.kind),
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

/** @throws TypeError for a kind that a newer version wrote: what it keeps out, this one must not read as an address */
function kindOf(text: string): SuspectKind {
  const kind = SUSPECT_KINDS.find((known) => known === text);
  if (kind === undefined) throw new TypeError(`not a kind of block: ${text}`);
  return kind;
}

const violationOf = (text: string): Violation =>
  text === 'suspicious_pattern' || text === 'principal_blocked' ? text : 'ip_blocked';

function evidenceOf(value: Json): Evidence {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  return Object.fromEntries(Object.entries(value));
}

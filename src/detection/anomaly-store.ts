import { type EpochMs, epochMs, tenantId } from '../kernel/brand.ts';
import type { Json, RowOf, Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';
import { ANOMALY_KINDS, type Anomaly, type AnomalyEvidence } from './anomaly.ts';

const row = {
  id: 'text',
  principal: 'text',
  kind: 'text',
  profile: 'text',
  tenant: 'text?',
  score: 'real',
  evidence: 'json',
  begun_at: 'int',
  last_at: 'int',
  ended_at: 'int?',
} as const;
const columns = Object.keys(row).join(', ');

const insertAnomaly = insertion({
  reach: 'platform',
  table: 'anomaly',
  columns: { ...row, live: 'text?' },
  unless: ['live'],
});

const selectLive = statement({
  reach: 'platform',
  sql: `select ${columns} from anomaly where live = :live`,
  params: { live: 'text' },
  returns: row,
});

const updateGoing = statement({
  reach: 'platform',
  sql: `update anomaly set score = :score, evidence = :evidence, last_at = :last_at
    where id = :id and live is not null and last_at <= :last_at`,
  params: { id: 'text', score: 'real', evidence: 'json', last_at: 'int' },
});

const selectQuiet = statement({
  reach: 'platform',
  sql: `select ${columns} from anomaly where live is not null and last_at <= :before order by last_at limit :count`,
  params: { before: 'int', count: 'int' },
  returns: row,
});

/** Two processes may come for the same: the one whose update finds it going on tells of its end. */
const endAnomaly = statement({
  reach: 'platform',
  sql: `update anomaly set live = null, ended_at = :now where id = :id and live is not null and last_at <= :before`,
  params: { id: 'text', now: 'int', before: 'int' },
});

const selectPage = statement({
  reach: 'platform',
  sql: `select ${columns} from anomaly where id < :cursor and (:ended or live is not null)
    and (:principal is null or principal = :principal) order by id desc limit :count`,
  params: { cursor: 'text', ended: 'bool', principal: 'text?', count: 'int' },
  returns: row,
});

const deleteEnded = statement({
  reach: 'platform',
  sql: 'delete from anomaly where ended_at < :before',
  params: { before: 'int' },
});

/** Which are listed, the newest first; `before` is an id, for the page behind it. */
export interface AnomalyWish {
  readonly ended: boolean;
  readonly principal: string | undefined;
  readonly before: string | undefined;
  readonly count: number;
}

const BEHIND_ALL = 'g'; // ids are hexadecimal

const liveOf = ({ principal, kind }: Pick<Anomaly, 'principal' | 'kind'>): string => `${kind} ${principal}`;

export const anomalyStore = {
  /** @returns the one that goes on afterwards: this, or that of a process that was earlier */
  begin: async (tx: Tx, begun: Anomaly): Promise<Anomaly> => {
    const live = liveOf(begun);
    const left = await tx.insert(insertAnomaly, [{ ...rowOf(begun), live }]);
    if (left.length === 0) return begun;
    const there = await tx.one(selectLive, { live });
    return there === undefined ? begun : anomalyOf(there);
  },
  goOn: (tx: Tx, { id, score, evidence, lastAt }: Anomaly) =>
    tx.run(updateGoing, { id, score, evidence, last_at: lastAt }),
  quiet: async (tx: Tx, before: number, count: number): Promise<readonly Anomaly[]> =>
    (await tx.all(selectQuiet, { before, count })).map(anomalyOf),
  /** @returns false where another process has ended it, or it goes on */
  end: async (tx: Tx, id: string, now: EpochMs, before: number): Promise<boolean> =>
    (await tx.run(endAnomaly, { id, now, before })) > 0,
  page: async (tx: Tx, { ended, principal, before, count }: AnomalyWish): Promise<readonly Anomaly[]> => {
    const wish = { ended, principal: principal ?? null, cursor: before ?? BEHIND_ALL, count };
    return (await tx.all(selectPage, wish)).map(anomalyOf);
  },
  prune: (tx: Tx, before: number) => tx.run(deleteEnded, { before }),
};

const rowOf = (one: Anomaly): RowOf<typeof row> => ({
  id: one.id,
  principal: one.principal,
  kind: one.kind,
  profile: one.profile,
  tenant: one.tenantId ?? null,
  score: one.score,
  evidence: one.evidence,
  begun_at: one.begunAt,
  last_at: one.lastAt,
  ended_at: one.endedAt ?? null,
});

function anomalyOf(found: RowOf<typeof row>): Anomaly {
  const { id, principal, profile, tenant, score, evidence, begun_at, last_at, ended_at } = found;
  return {
    id,
    principal,
    kind: ANOMALY_KINDS.find((kind) => kind === found.kind) ?? 'rate',
    profile,
    tenantId: tenant === null ? undefined : tenantId(tenant),
    score,
    evidence: evidenceOf(evidence),
    begunAt: epochMs(begun_at),
    lastAt: epochMs(last_at),
    endedAt: ended_at === null ? undefined : epochMs(ended_at),
  };
}

function evidenceOf(value: Json): AnomalyEvidence {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  return Object.fromEntries(Object.entries(value));
}

import { type EpochMs, epochMs, type TenantId, tenantId } from '../kernel/brand.ts';
import type { Json, RowOf, Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';

const progress = {
  tenant: 'text',
  field: 'text',
  target: 'text',
  after_key: 'json?',
  seen: 'int',
  done: 'int',
  unreadable: 'int',
  started_at: 'int',
  finished_at: 'int?',
} as const;

const columns = Object.keys(progress).join(', ');

const selectProgress = statement({
  reach: 'platform',
  sql: `select ${columns} from vault_rewrap where tenant = :tenant and field = :field`,
  params: { tenant: 'text', field: 'text' },
  returns: progress,
});

const selectEveryProgress = statement({
  reach: 'platform',
  sql: `select ${columns} from vault_rewrap order by tenant, field`,
  returns: progress,
});

const deleteProgress = statement({
  reach: 'platform',
  sql: 'delete from vault_rewrap where tenant = :tenant and field = :field',
  params: { tenant: 'text', field: 'text' },
});

const insertProgress = insertion({ reach: 'platform', table: 'vault_rewrap', columns: progress });

/** `seen` decides where two walk the same rows: the one who comes late changes nothing. */
const moveProgress = statement({
  reach: 'platform',
  sql: `update vault_rewrap set after_key = :after_key, seen = seen + :seen, done = done + :done,
      unreadable = unreadable + :unreadable, finished_at = :finished_at
    where tenant = :tenant and field = :field and target = :target and seen = :seen_before and finished_at is null`,
  params: {
    tenant: 'text',
    field: 'text',
    target: 'text',
    seen_before: 'int',
    after_key: 'json?',
    seen: 'int',
    done: 'int',
    unreadable: 'int',
    finished_at: 'int?',
  },
});

const unreadable = { tenant: 'text', field: 'text', row: 'text', at: 'int' } as const;

const insertUnreadable = insertion({
  reach: 'platform',
  table: 'vault_unreadable',
  columns: unreadable,
  unless: ['tenant', 'field', 'row'],
});

const deleteUnreadable = statement({
  reach: 'platform',
  sql: 'delete from vault_unreadable where tenant = :tenant and field = :field',
  params: { tenant: 'text', field: 'text' },
});

const selectIsUnreadable = statement({
  reach: 'platform',
  sql: 'select at from vault_unreadable where tenant = :tenant and field = :field and row = :row',
  params: { tenant: 'text', field: 'text', row: 'text' },
  returns: { at: 'int' },
});

const selectUnreadable = statement({
  reach: 'platform',
  sql: 'select field, row, at from vault_unreadable where tenant = :tenant order by field, row limit :most',
  params: { tenant: 'text', most: 'int' },
  returns: { field: 'text', row: 'text', at: 'int' },
});

const selectHurried = statement({
  reach: 'platform',
  sql: `select distinct tenant from vault_data_key
    where algorithm is null and reason = 'emergency' and emptied_at is null and destroyed_at is null`,
  returns: { tenant: 'text' },
});

const selectRotated = statement({
  reach: 'platform',
  sql: `select distinct tenant from vault_data_key
    where algorithm is null and retired_at is not null and emptied_at is null and destroyed_at is null order by tenant`,
  returns: { tenant: 'text' },
});

/** How far the walk over one column of one tenant has come. */
export interface RewrapProgress {
  readonly tenant: TenantId;
  /** `table.column`. */
  readonly field: string;
  /** The version that its values are brought under. */
  readonly target: string;
  /** Rows looked at. */
  readonly seen: number;
  /** Values sealed anew, or whose indexes were made anew. */
  readonly done: number;
  /** Values that did not open, and were left as they are. */
  readonly unreadable: number;
  readonly startedAt: EpochMs;
  readonly finishedAt: EpochMs | undefined;
}

/** The progress, and the key behind which it goes on. */
export interface Place extends RewrapProgress {
  readonly afterKey: Json;
}

/** One step of a walk. */
export interface Step {
  readonly afterKey: readonly (string | number)[] | null;
  readonly seen: number;
  readonly done: number;
  readonly unreadable: number;
  readonly finishedAt: EpochMs | undefined;
}

const MOST_UNREADABLE = 10_000;

export const rewrapStore = {
  every: async (tx: Tx): Promise<readonly RewrapProgress[]> =>
    (await tx.all(selectEveryProgress, {})).map((row) => {
      const { afterKey: _, ...shown } = placeOf(row);
      return shown;
    }),
  place: async (tx: Tx, tenant: TenantId, field: string): Promise<Place | undefined> => {
    const row = await tx.one(selectProgress, { tenant, field });
    return row && placeOf(row);
  },
  /** Begins a walk at the first row; what an earlier one could not open is tried again. */
  begin: async (tx: Tx, tenant: TenantId, field: string, target: string, now: EpochMs): Promise<void> => {
    await tx.run(deleteProgress, { tenant, field });
    await tx.run(deleteUnreadable, { tenant, field });
    const none = { after_key: null, seen: 0, done: 0, unreadable: 0, finished_at: null };
    await tx.insert(insertProgress, [{ tenant, field, target, started_at: now, ...none }]);
  },
  /** @returns false where another walk has come between */
  move: async (tx: Tx, { tenant, field, target, seen: seen_before }: Place, step: Step): Promise<boolean> => {
    const { afterKey: after_key, finishedAt, ...counts } = step;
    const finished_at = finishedAt ?? null;
    return (await tx.run(moveProgress, { tenant, field, target, seen_before, after_key, ...counts, finished_at })) > 0;
  },

  addUnreadable: (tx: Tx, tenant: TenantId, field: string, rows: readonly string[], at: EpochMs) =>
    tx.insert(
      insertUnreadable,
      rows.map((row) => ({ tenant, field, row, at })),
    ),
  /** Whether every one of some rows is noted as unreadable. */
  areUnreadable: async (tx: Tx, tenant: TenantId, field: string, rows: readonly string[]): Promise<boolean> => {
    const noted = await Promise.all(rows.map((row) => tx.one(selectIsUnreadable, { tenant, field, row })));
    return noted.every((one) => one !== undefined);
  },
  unreadable: async (tx: Tx, tenant: TenantId) =>
    (await tx.all(selectUnreadable, { tenant, most: MOST_UNREADABLE })).map(({ at, ...row }) => ({
      ...row,
      at: epochMs(at),
    })),

  /** Tenants with a version that is followed by another, and not known to be empty. */
  rotated: async (tx: Tx): Promise<readonly TenantId[]> =>
    (await tx.all(selectRotated, {})).map(({ tenant }) => tenantId(tenant)),
  /** Tenants with a version that was made because the one before it may be known to others. */
  hurried: async (tx: Tx): Promise<ReadonlySet<TenantId>> =>
    new Set((await tx.all(selectHurried, {})).map(({ tenant }) => tenantId(tenant))),
};

function placeOf(row: RowOf<typeof progress>): Place {
  return {
    tenant: tenantId(row.tenant),
    field: row.field,
    target: row.target,
    afterKey: row.after_key,
    seen: row.seen,
    done: row.done,
    unreadable: row.unreadable,
    startedAt: epochMs(row.started_at),
    finishedAt: row.finished_at === null ? undefined : epochMs(row.finished_at),
  };
}

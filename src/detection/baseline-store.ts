import { z } from 'zod';
import { type EpochMs, epochMs } from '../kernel/brand.ts';
import type { Json, RowOf, Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';
import type { KnownSpot } from './anomaly-travel.ts';
import { MEASURES, type Sums } from './baseline.ts';
import { entriesOf, hoursOf, type Learned, learnedOf, nothingLearned, PLACES } from './baseline-hours.ts';

/** Everything that is learned of one principal. */
export interface Baseline {
  readonly principal: string;
  readonly kind: string;
  readonly firstAt: EpochMs;
  readonly seenAt: EpochMs;
  readonly learned: Learned;
  readonly spots: readonly KnownSpot[];
}

const row = { principal: 'text', kind: 'text', first_at: 'int', seen_at: 'int', learned: 'json' } as const;
const columns = Object.keys(row).join(', ');

const insertBaseline = insertion({ reach: 'platform', table: 'anomaly_baseline', columns: row, unless: ['principal'] });

const updateBaseline = statement({
  reach: 'platform',
  sql: `update anomaly_baseline set first_at = :first_at, seen_at = :seen_at, learned = :learned
    where principal = :principal`,
  params: { principal: 'text', first_at: 'int', seen_at: 'int', learned: 'json' },
});

const selectBaseline = statement({
  reach: 'platform',
  sql: `select ${columns} from anomaly_baseline where principal = :principal`,
  params: { principal: 'text' },
  returns: row,
});

const selectNewest = statement({
  reach: 'platform',
  sql: `select ${columns} from anomaly_baseline order by seen_at desc limit :count`,
  params: { count: 'int' },
  returns: row,
});

const deleteUnseen = statement({
  reach: 'platform',
  sql: 'delete from anomaly_baseline where kind = :kind and seen_at < :before',
  params: { kind: 'text', before: 'int' },
});

const deleteBeyond = statement({
  reach: 'platform',
  sql: `delete from anomaly_baseline where kind = :kind and seen_at < (
    select seen_at from anomaly_baseline where kind = :kind order by seen_at desc limit 1 offset :count)`,
  params: { kind: 'text', count: 'int' },
});

const deleteOne = statement({
  reach: 'platform',
  sql: 'delete from anomaly_baseline where principal = :principal',
  params: { principal: 'text' },
});

export const baselineStore = {
  get: async (tx: Tx, principal: string): Promise<Baseline | undefined> => {
    const found = await tx.one(selectBaseline, { principal });
    return found && baselineOf(found);
  },
  newest: async (tx: Tx, count: number): Promise<readonly Baseline[]> =>
    (await tx.all(selectNewest, { count })).map(baselineOf),
  add: async (tx: Tx, made: Baseline): Promise<void> => void (await tx.insert(insertBaseline, [rowOf(made)])),
  /** @returns false where it is not there any more: it was forgotten since the caller read it */
  change: async (tx: Tx, kept: Baseline): Promise<boolean> => {
    const { kind: _, ...changed } = rowOf(kept);
    return (await tx.run(updateBaseline, changed)) > 0;
  },
  forget: (tx: Tx, principal: string) => tx.run(deleteOne, { principal }),
  prune: async (tx: Tx, kind: string, before: number, count: number): Promise<void> => {
    await tx.run(deleteUnseen, { kind, before });
    await tx.run(deleteBeyond, { kind, count });
  },
};

const sums = z.tuple([z.number(), z.number(), z.number(), z.number(), z.number()]);
const point = z.object({ latitude: z.number(), longitude: z.number(), radiusKm: z.number() });
const spot = z.object({
  country: z.string().optional(),
  name: z.string().optional(),
  point: point.optional(),
  firstAt: z.number(),
  lastAt: z.number(),
  usual: z.boolean(),
});
const spots = z.array(spot).max(16);
const place = z
  .int()
  .min(0)
  .max(PLACES - 1);
const byHours = z.object({
  hours: z.array(z.tuple([place, z.number(), z.number(), z.number(), z.number(), z.number()])).max(PLACES),
  spots,
});
/** As it was stored before there were hours. */
const byQuarters = z.object({
  requests: z.array(sums).length(1),
  errors: z.array(sums).length(1),
  bytes: z.array(sums).length(4),
  records: z.array(sums).length(4),
  spots,
});

/** Nine digits are more than the limits are worth, and half of what a row would weigh. */
const short = (value: number): number => Number(value.toPrecision(9));

function rowOf({ principal, kind, firstAt, seenAt, learned, spots: seen }: Baseline): RowOf<typeof row> {
  const hours = [...entriesOf(learned)].map(([at, { n, s1, s2, peak, anchor }]) => [
    at,
    ...[n, s1, s2, peak, anchor].map(short),
  ]);
  const json = { hours, spots: seen.map(spotJson) };
  return { principal, kind, first_at: firstAt, seen_at: seenAt, learned: json };
}

const spotJson = ({ country, name, point: where, firstAt, lastAt, usual }: KnownSpot): Json => ({
  ...(country === undefined ? {} : { country }),
  ...(name === undefined ? {} : { name }),
  ...(where === undefined ? {} : { point: { ...where } }),
  firstAt,
  lastAt,
  usual,
});

function baselineOf({ principal, kind, first_at, seen_at, learned }: RowOf<typeof row>): Baseline {
  const read = learnedIn(learned);
  return { principal, kind, firstAt: epochMs(first_at), seenAt: epochMs(seen_at), ...read };
}

function learnedIn(json: Json): Pick<Baseline, 'learned' | 'spots'> {
  const now = byHours.safeParse(json);
  if (now.success) {
    const entries = now.data.hours.map(([at, ...rest]) => [at, sumsIn(rest)] as const);
    return { learned: learnedOf(new Map(entries)), spots: now.data.spots.map(spotIn) };
  }
  const before = byQuarters.safeParse(json);
  if (!before.success) return { learned: nothingLearned(), spots: [] }; // learned anew: it is never worth a stop
  const entries = MEASURES.flatMap((measure) => hoursOf(measure, before.data[measure].map(sumsIn)));
  return { learned: learnedOf(entries), spots: before.data.spots.map(spotIn) };
}

const sumsIn = ([n, s1, s2, peak, anchor]: z.output<typeof sums>): Sums => ({ n, s1, s2, peak, anchor });

const spotIn = ({ country, name, point: where, ...rest }: z.output<typeof spot>): KnownSpot => ({
  country,
  name,
  point: where,
  ...rest,
});

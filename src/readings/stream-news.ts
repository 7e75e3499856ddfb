import { z } from 'zod';
import { type TenantId, tenantId } from '../kernel/brand.ts';
import type { Random } from '../kernel/random.ts';
import type { Json } from '../kernel/tx.ts';
import type { Bus } from '../storage/index.ts';
import type { ReadingRow } from './store.ts';

/** Word of new readings between processes: their rows as they are stored, so that what is sealed stays so on its way. */
export interface ReadingNews {
  /** Tells everybody, and never throws: what could not be told is a gap that everybody is told of. */
  publish(tenantId: TenantId, rows: readonly ReadingRow[]): void;
  stop(): void;
}

export interface NewsDeps {
  readonly bus: Bus;
  readonly random: Random;
  readonly onError: (error: unknown) => void;
  /** Whether anybody listens to a tenant: rows of others are not even looked at. */
  readonly isWanted: (tenantId: TenantId) => boolean;
  readonly onRows: (tenantId: TenantId, rows: readonly ReadingRow[]) => void;
  /** Readings may have been missed: of any tenant. */
  readonly onGap: () => void;
}

const TOPIC = 'readings.stored';
/** A message of so many rows is some 25 KiB. */
const MOST_ROWS = 256;
const MOST_PUBLISHERS = 1_024;
const RETRY_MS = 1_000;

const row = z.tuple([z.string(), z.int(), z.number(), z.number().nullable(), z.string().nullable()]);
const message = z.object({
  from: z.string(),
  seq: z.int(),
  tenant: z.string().optional(),
  rows: z.unknown(),
});
const tuples = z.array(row).max(MOST_ROWS);

/**
 * Each message has a number of its publisher, so that one which is lost on the way is noticed with the next; after one
 * that could not be sent a word with the next number follows until it gets through.
 */
export function createReadingNews({ bus, random, onError, isWanted, onRows, onGap }: NewsDeps): ReadingNews {
  const self = random.bytes(9).toString('base64url');
  const heard = new Map<string, number>();
  let seq = 0;
  let retry: NodeJS.Timeout | undefined;

  async function send(content: { readonly tenant?: string; readonly rows?: Json }): Promise<void> {
    try {
      seq++;
      await bus.publish(TOPIC, { from: self, seq, ...content });
    } catch (error) {
      onError(error);
      if (retry === undefined) {
        retry = setTimeout(() => {
          retry = undefined;
          void send({});
        }, RETRY_MS).unref();
      }
    }
  }

  function hear(json: Json): void {
    const parsed = message.safeParse(json);
    if (!parsed.success) {
      onGap(); // of another version: there were readings that we can't read
      return;
    }
    const { from, seq: number, tenant, rows } = parsed.data;
    const before = heard.get(from);
    heard.delete(from);
    heard.set(from, number); // the latest stand last
    if (heard.size > MOST_PUBLISHERS) for (const oldest of [...heard.keys()].slice(0, 1)) heard.delete(oldest);
    if (before !== undefined && number !== before + 1) onGap();
    const of = tenant === undefined ? undefined : tenantId(tenant);
    if (of === undefined || !isWanted(of)) return;
    const read = tuples.safeParse(rows);
    if (read.success) onRows(of, read.data.map(rowOf));
    else onGap();
  }

  const ends = [bus.subscribe(TOPIC, hear), bus.onGap(onGap)];
  return {
    publish: (tenant, rows) => {
      for (let from = 0; from < rows.length; from += MOST_ROWS)
        void send({ tenant, rows: rows.slice(from, from + MOST_ROWS).map(tupleOf) });
    },
    stop: () => {
      clearTimeout(retry);
      for (const end of ends) end();
    },
  };
}

const tupleOf = ({ meter_id: meter, at, energy_consumption: energy, power_factor: power, location }: ReadingRow) => [
  ...[meter, at, energy],
  power,
  location,
];

const rowOf = ([meter, at, energy, power, location]: z.output<typeof row>): ReadingRow => ({
  ...{ meter_id: meter, at, energy_consumption: energy, power_factor: power, location },
});

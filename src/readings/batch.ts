import { encodeBase64url, sha256 } from '../crypto/index.ts';
import type { AuditEntry, AuditSink } from '../kernel/audit.ts';
import { epochMs, type TenantId } from '../kernel/brand.ts';
import { rfc3339 } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import type { Actor } from '../kernel/principal.ts';
import { inTenant, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { FieldSealer, Vault } from '../vault/index.ts';
import { readingFault } from './errors.ts';
import { indexLocation, openLocation, sealLocation } from './location.ts';
import { keyText, type NewReadingRow, type ReadingRow, readingStore, spanOf } from './store.ts';
import { inTurns } from './turns.ts';
import type { Reading } from './validate.ts';

/** Who acts, and in which tenant. */
export type TenantActor = Actor & { readonly tenantId: TenantId };

/** What became of readings: new ones, and those that were stored already with the same values. */
export type Counts = { readonly stored: number; readonly repeated: number };

/** A reading's values as a client sees them; the location stands there only where it makes the difference. */
export type Values = {
  readonly energy_consumption: number;
  readonly power_factor: number | null;
  readonly location?: string | null;
};

/** An offered reading that differs from the one which came first: stored before, or earlier in the same batch. */
export interface Conflict {
  readonly position: number;
  readonly meterId: string;
  readonly timestamp: string;
  readonly stored: Values;
  readonly offered: Values;
}

export type BatchOutcome =
  | ({ readonly kind: 'stored' } & Counts)
  | { readonly kind: 'conflicting'; readonly first: Conflict; readonly conflicts: readonly Conflict[] };

/** Stores a batch, all or none. */
export type StoreBatch = (actor: TenantActor, readings: readonly Reading[]) => Promise<BatchOutcome>;

export interface BatchDeps {
  readonly storage: Storage;
  readonly vault: Vault;
  readonly audit: AuditSink;
  /** Hears of rows that are new, once they are durable. */
  readonly onStored?: ((tenantId: TenantId, rows: readonly ReadingRow[]) => void) | undefined;
}

/** A batch ready to be written: all that takes long is done before the write, which holds up every other one. */
interface Prepared {
  readonly readings: readonly Reading[];
  readonly rows: readonly NewReadingRow[];
  readonly digest: string;
}

/** Makes the one way in which readings are stored; nothing of a batch with a conflict is. */
export function createStoreBatch({ storage, vault, audit, onStored }: BatchDeps): StoreBatch {
  return async (actor, readings) => {
    const fields = await vault.fields(actor.tenantId);
    const prepared = await prepare(fields, readings);
    let conflicts: readonly Conflict[] = [];
    try {
      const counts = await storage.write(inTenant(actor.tenantId), async (tx) => {
        const leftOut = await readingStore.add(tx, prepared.rows);
        conflicts = leftOut.length === 0 ? [] : await conflictsAmong(tx, fields, readings, leftOut);
        if (conflicts.length > 0) throw readingFault('READING_CONFLICT'); // undoes what was inserted
        const taken = { stored: readings.length - leftOut.length, repeated: leftOut.length };
        await audit.record(tx, entryOf(actor, prepared, taken));
        if (onStored !== undefined && taken.stored > 0) {
          const repeated = new Set(leftOut);
          tx.afterCommit(() =>
            onStored(
              actor.tenantId,
              prepared.rows.filter((_, at) => !repeated.has(at)),
            ),
          );
        }
        return taken;
      });
      return { kind: 'stored', ...counts };
    } catch (error) {
      const [first] = conflicts;
      if (first === undefined || !isFault(error, 'READING_CONFLICT')) throw error;
      return { kind: 'conflicting', first, conflicts };
    }
  };
}

async function prepare(fields: FieldSealer, readings: readonly Reading[]): Promise<Prepared> {
  const rows: NewReadingRow[] = [];
  let lines = '';
  await inTurns(readings, (reading) => {
    rows.push({
      meter_id: reading.meterId,
      at: reading.at,
      energy_consumption: reading.energyConsumption,
      power_factor: reading.powerFactor,
      location: sealLocation(fields, reading, reading.location),
      location_index: indexLocation(fields, reading.location),
    });
    lines += `${reading.meterId},${reading.at},${reading.energyConsumption},${reading.powerFactor ?? ''}\n`;
  });
  return { readings, rows, digest: encodeBase64url(sha256(lines)) };
}

/**
 * Where readings that were left out differ from those that kept them out.
 *
 * @throws READING_UNREADABLE
 */
async function conflictsAmong(
  tx: Tx,
  fields: FieldSealer,
  readings: readonly Reading[],
  leftOut: readonly number[],
): Promise<readonly Conflict[]> {
  const offers = leftOut.flatMap((position) => {
    const reading = readings[position];
    return reading === undefined ? [] : [{ position, reading }];
  });
  const rows = await readingStore.rowsOf(
    tx,
    offers.map(({ reading }) => reading),
  );
  return offers.flatMap(({ position, reading }) => {
    const row = rows.get(keyText(reading));
    if (row === undefined) throw new TypeError('the row that kept another out is not there');
    const stored = openLocation(fields, row);
    const same =
      row.energy_consumption === reading.energyConsumption &&
      row.power_factor === reading.powerFactor &&
      stored === reading.location;
    return same ? [] : [conflictOf(position, row, stored, reading)];
  });
}

function conflictOf(position: number, row: ReadingRow, location: string | null, reading: Reading): Conflict {
  const differ = location !== reading.location;
  return {
    position,
    meterId: reading.meterId,
    timestamp: rfc3339(reading.at),
    stored: {
      energy_consumption: row.energy_consumption,
      power_factor: row.power_factor,
      ...(differ && { location }),
    },
    offered: {
      energy_consumption: reading.energyConsumption,
      power_factor: reading.powerFactor,
      ...(differ && { location: reading.location }),
    },
  };
}

/**
 * The digest lets an auditor prove what a batch held: base64url of the SHA-256 over a line for each reading in the
 * order in which they came, `meter_id,at,energy_consumption,power_factor`, where `at` is in milliseconds and a missing
 * power factor is empty, each with a line feed.
 */
function entryOf(actor: TenantActor, { readings, digest }: Prepared, counts: Counts): AuditEntry {
  const meters = new Set(readings.map((reading) => reading.meterId));
  const [only] = meters;
  const { from, to } = spanOf(readings);
  return {
    ...actor,
    action: 'readings.stored',
    outcome: 'done',
    object: meters.size === 1 && only !== undefined ? { type: 'meter', id: only } : undefined,
    facts: {
      count: readings.length,
      ...counts,
      meters: meters.size,
      first_at: rfc3339(epochMs(from)),
      last_at: rfc3339(epochMs(to)),
      digest,
    },
  };
}

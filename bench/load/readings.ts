/** Readings that no other job of the run makes: 500 meters that report every quarter of an hour from 2020 on. */
const METERS = 500;
const STEP_MS = 15 * 60_000;
const FIRST_AT = Date.UTC(2020, 0, 1);

export interface Reading {
  readonly meter_id: string;
  readonly timestamp: string;
  readonly energy_consumption: number;
  readonly power_factor: number;
  readonly location: string;
}

/** @param seed tells one job's meters from another's */
export function readingAt(seed: number, n: number): Reading {
  const meter = n % METERS;
  return {
    meter_id: `BENCH-${seed}-${meter}`,
    timestamp: new Date(FIRST_AT + Math.floor(n / METERS) * STEP_MS).toISOString(),
    energy_consumption: ((n * 37) % 10_000) / 10,
    power_factor: 0.5 + ((n * 13) % 500) / 1_000,
    location: `Hall ${meter % 12}, Gwangyang, KR`,
  };
}

/** A body of many readings, one JSON object a line or one JSON array. */
export function bulkBody(format: 'ndjson' | 'json', seed: number, first: number, lines: number): string {
  const items = Array.from({ length: lines }, (_, i) => JSON.stringify(readingAt(seed, first + i)));
  return format === 'ndjson' ? `${items.join('\n')}\n` : `[${items.join(',')}]`;
}

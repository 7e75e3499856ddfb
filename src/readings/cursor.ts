import { z } from 'zod';
import { decodeBase64url, encodeBase64url, sha256 } from '../crypto/index.ts';
import type { TenantId } from '../kernel/brand.ts';
import { readingFault } from './errors.ts';
import type { ReadingKey, Span } from './store.ts';
import { EARLIEST, LATEST } from './timestamp.ts';
import { meterId } from './validate.ts';

/** Which readings are asked for. */
export interface ReadingFilter extends Span {
  readonly meterId: string | undefined;
  /** As it was asked for. */
  readonly location?: string | undefined;
}

const VERSION = 1;
const SUM_BYTES = 9;

const cursorBody = z.strictObject({
  v: z.literal(VERSION),
  meter: meterId,
  at: z.int().min(EARLIEST).max(LATEST),
  sum: z.string(),
});

/** Where the next page begins: behind `key`. Opaque to clients, and bound to the query that it continues. */
export function encodeCursor(tenant: TenantId, filter: ReadingFilter, key: ReadingKey): string {
  const body = { v: VERSION, meter: key.meterId, at: key.at, sum: sumOf(tenant, filter, key) };
  return encodeBase64url(Buffer.from(JSON.stringify(body)));
}

/** @throws READING_CURSOR for one that is malformed, altered, or of another query, tenant or version */
export function decodeCursor(tenant: TenantId, filter: ReadingFilter, cursor: string): ReadingKey {
  const { success, data } = cursorBody.safeParse(jsonOf(cursor));
  if (!success) throw readingFault('READING_CURSOR');
  const key = { meterId: data.meter, at: data.at };
  if (data.sum !== sumOf(tenant, filter, key)) throw readingFault('READING_CURSOR');
  return key;
}

function jsonOf(cursor: string): unknown {
  try {
    return JSON.parse(decodeBase64url(cursor)?.toString() ?? '');
  } catch (error) {
    throw readingFault('READING_CURSOR', {}, error);
  }
}

/**
 * Keeps a cursor from silently continuing another query. It is no secret and needs no key: whoever makes one up gets
 * to see what he may see anyway.
 */
function sumOf(tenant: TenantId, filter: ReadingFilter, key: ReadingKey): string {
  const parts = [tenant, filter.meterId ?? null, filter.from, filter.to, filter.location ?? null, key.meterId, key.at];
  return encodeBase64url(sha256(JSON.stringify(parts)).subarray(0, SUM_BYTES));
}

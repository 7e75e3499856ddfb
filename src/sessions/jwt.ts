import { type EpochMs, epochMs } from '../kernel/brand.ts';
import { TwinkeepError } from '../kernel/errors.ts';
import { sessionFault } from './errors.ts';
import { isStrictJws } from './strict-jose.ts';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * Reads a token by `read`, and makes whatever is wrong with it one of our faults.
 *
 * @throws SESSION_TOKEN_INVALID, SESSION_EXPIRED
 */
export async function decoded<Found>(token: string, read: () => Promise<Found>): Promise<Found> {
  if (!isStrictJws(token)) throw sessionFault('SESSION_TOKEN_INVALID');
  try {
    return await read();
  } catch (error) {
    if (error instanceof TwinkeepError) throw error;
    const expired = error instanceof Error && 'code' in error && error.code === 'ERR_JWT_EXPIRED';
    throw sessionFault(expired ? 'SESSION_EXPIRED' : 'SESSION_TOKEN_INVALID', {}, error);
  }
}

/**
 * When a UUIDv7 was made, to the millisecond: `iat` tells whole seconds, too coarse to say what came before a revocation.
 *
 * @throws SESSION_TOKEN_INVALID for text of another form
 */
export function momentOf(uuid: string): EpochMs {
  if (!UUID_V7.test(uuid)) throw sessionFault('SESSION_TOKEN_INVALID');
  return epochMs(Number.parseInt(uuid.slice(0, 8) + uuid.slice(9, 13), 16));
}

/** A moment as claims tell it. @see RFC 7519 §2, NumericDate */
export const secondsOf = (at: number): number => Math.floor(at / 1_000);

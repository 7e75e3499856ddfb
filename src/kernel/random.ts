import { randomFillSync } from 'node:crypto';
import type { Clock } from './clock.ts';

/** Randomness, passed in. */
export interface Random {
  /** `size` bytes from the system's generator; the caller owns them. */
  bytes(size: number): Buffer;
}

const POOL_BYTES = 8_192;

/** Draws from the system in blocks, for a call per nonce costs more than the cipher it serves. */
export function createSystemRandom(): Random {
  const pool = Buffer.allocUnsafe(POOL_BYTES);
  let used = POOL_BYTES;
  return {
    bytes(size) {
      if (size > POOL_BYTES / 8) return randomFillSync(Buffer.allocUnsafe(size));
      if (used + size > POOL_BYTES) {
        randomFillSync(pool);
        used = 0;
      }
      const drawn = Buffer.allocUnsafe(size);
      for (let at = 0; at < size; at++, used++) {
        drawn[at] = pool[used] ?? 0; // byte by byte: a copy of so few costs twice as much
        pool[used] = 0; // a dump of the pool must not tell what was handed out
      }
      return drawn;
    },
  };
}

/** UUID of version 7: sorts by time, so that keys of a growing table land at its end. @see RFC 9562 §5.7 */
export function newUuid(clock: Clock, random: Random): string {
  const bytes = random.bytes(16);
  bytes.writeUIntBE(clock.now(), 0, 6);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

import { equalBytes } from '../crypto/index.ts';
import type { EpochMs } from '../kernel/brand.ts';
import { seconds } from '../kernel/clock.ts';
import type { Tx } from '../kernel/tx.ts';
import type { SessionConfig } from './config.ts';
import { digestOf, openSuccessor } from './refresh-token.ts';
import type { SessionRow } from './session.ts';
import { sessionStore } from './store.ts';

/** What became of a presented refresh token. Everything but the first two leaves no token to go on with. */
export type Rotation =
  | { readonly kind: 'rotated' | 'repeated'; readonly session: SessionRow; readonly refreshToken: string }
  | { readonly kind: 'replayed' | 'foreign-device' | 'expired' | 'revoked'; readonly session: SessionRow }
  | { readonly kind: 'unknown' };

export interface Presented {
  readonly token: string;
  /** The device secret that came with it. */
  readonly device: string | undefined;
  /** The token that follows if this one is good, and the same sealed for its holder. */
  readonly successor: string;
  readonly sealedSuccessor: string;
}

/** A client that never showed a device secret may repeat one refresh, for ten seconds. */
const BARE_GRACE_MS = seconds(10);
const BARE_REPEATS = 1;
const DEVICE_REPEATS = 100;

/**
 * Decides, in one write, what a presented refresh token is worth. One compare-and-set lets a single caller rotate;
 * the others are told the same successor while that is harmless, or end the family.
 *
 * @see RFC 9700 §4.14.2, docs/decisions/0005-refresh-rotation.md
 */
export async function rotate(tx: Tx, presented: Presented, config: SessionConfig, now: EpochMs): Promise<Rotation> {
  const digest = digestOf(presented.token);
  const row = await sessionStore.refresh(tx, digest);
  const session = row && (await sessionStore.get(tx, row.sessionId));
  if (row === undefined || session === undefined) return { kind: 'unknown' };
  if (session.ended) return { kind: 'revoked', session };
  if (now >= session.expiresAt || now >= row.expiresAt || now - session.lastUsedAt >= config.idleMs) {
    return { kind: 'expired', session };
  }

  const sameDevice = presented.device !== undefined && equalBytes(digestOf(presented.device), session.deviceDigest);
  if (row.usedAt === undefined) {
    // A copied token without the secret of the device that keeps it: refused, and its owner goes on undisturbed.
    if (session.deviceProved && !sameDevice) return { kind: 'foreign-device', session };
    if (await sessionStore.take(tx, digest, presented.sealedSuccessor, now)) {
      await sessionStore.addRefresh(tx, digestOf(presented.successor), session.id, session.expiresAt);
      await sessionStore.touch(tx, session.id, now);
      if (sameDevice && !session.deviceProved) await sessionStore.proveDevice(tx, session.id);
      return { kind: 'rotated', session, refreshToken: presented.successor };
    }
  }

  const used = await sessionStore.refresh(tx, digest); // again: another caller may have won since
  const successor = used?.successor && openSuccessor(presented.token, used.successor);
  if (used?.usedAt === undefined || successor === undefined || successor === '') return { kind: 'replayed', session };
  const mayRepeat = await allowsRepeat(tx, digest, used.usedAt, successor, { session, sameDevice, config, now });
  return mayRepeat ? { kind: 'repeated', session, refreshToken: successor } : { kind: 'replayed', session };
}

interface Circumstances {
  readonly session: SessionRow;
  readonly sameDevice: boolean;
  readonly config: SessionConfig;
  readonly now: EpochMs;
}

/** Whether a token that was used already is a lost answer rather than a second party. */
async function allowsRepeat(
  tx: Tx,
  digest: Uint8Array,
  usedAt: EpochMs,
  successor: string,
  { session, sameDevice, config, now }: Circumstances,
): Promise<boolean> {
  const age = now - usedAt;
  if (sameDevice) {
    // Not proved yet, so whoever rotated came without the secret: not the device that asks now.
    if (!session.deviceProved) return false;
    return age <= config.graceMs && sessionStore.countRepeat(tx, digest, DEVICE_REPEATS);
  }
  if (session.deviceProved || age > BARE_GRACE_MS) return false;
  const next = await sessionStore.refresh(tx, digestOf(successor));
  // Somebody went on from the successor, so its answer was not lost: whoever asks again is another party.
  if (next === undefined || next.usedAt !== undefined) return false;
  return sessionStore.countRepeat(tx, digest, BARE_REPEATS);
}

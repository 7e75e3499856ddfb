import { equalBytes } from '../crypto/index.ts';
import type { EpochMs } from '../kernel/brand.ts';
import { seconds } from '../kernel/clock.ts';
import type { Tx } from '../kernel/tx.ts';
import type { SessionConfig } from './config.ts';
import { isDeviceOf, noteShown } from './devices.ts';
import { refreshStore } from './refresh-store.ts';
import { digestOf, openSuccessor } from './refresh-token.ts';
import type { SessionRow, ShownDevice } from './session.ts';
import { type HeldRow, sessionStore } from './store.ts';

/** What became of a presented refresh token. Everything but the first two leaves no token to go on with. */
export type Rotation = Judged | { readonly kind: 'unknown' };

/** Of a token that is stored. */
export type Judged = Rotated | { readonly kind: Refusal; readonly session: SessionRow };

export interface Rotated {
  /** `kept`: the profile's clients go on with one token. */
  readonly kind: 'rotated' | 'repeated' | 'kept';
  readonly session: SessionRow;
  readonly username: string;
  readonly refreshToken: string;
}

/** `barred`: the person may no longer sign in. The family is to end then, as it is when `replayed`. */
type Refusal = 'replayed' | 'barred' | 'foreign-device' | 'foreign-profile' | 'expired' | 'revoked';

export interface Presented {
  readonly token: string;
  /** What came with it to show the device. */
  readonly device: ShownDevice;
  /** Where it was presented. */
  readonly profile: string;
  /** Whether the same token is to stay good. */
  readonly keep?: boolean;
  /** The token that follows if this one is good, and the same sealed for its holder. */
  readonly successor: string;
  readonly sealedSuccessor: string;
}

/** What is stored of it: the rows, read in the same transaction. */
export interface Held extends HeldRow {
  /** `undefined` when the person may no longer sign in. */
  readonly username: string | undefined;
}

/** A client that never showed a device secret may repeat a refresh for ten seconds. */
const BARE_GRACE_MS = seconds(10);
/** Many tabs may lose one race, and an answer may be lost more than once; a loop without end is no honest client. */
const MOST_REPEATS = 100;

/**
 * Decides, in one write, what a presented refresh token is worth. One compare-and-set lets a single caller rotate;
 * the others are told the same successor while that is harmless, or end the family.
 *
 * @param beside what else a good outcome writes; it is sent along with the rest, for each wait is one of every refresh
 * @see RFC 9700 §4.14.2, docs/refresh.md
 */
export async function rotate(
  tx: Tx,
  presented: Presented,
  { row, session, username }: Held,
  config: SessionConfig,
  now: EpochMs,
  beside: (good: Rotated) => Promise<void> = async () => undefined,
): Promise<Judged> {
  if (session.profile !== presented.profile) return { kind: 'foreign-profile', session };
  if (session.ended) return { kind: 'revoked', session };
  if (username === undefined) return { kind: 'barred', session };
  const idle = now - session.lastUsedAt >= (session.idleMs ?? config.idleMs);
  if (now >= session.expiresAt || now >= row.expiresAt || idle) return { kind: 'expired', session };

  const sameDevice = await isSameDevice(tx, presented.device, session);
  if (row.usedAt === undefined) {
    // A copied token without the secret of the device that keeps it: refused, and its owner goes on undisturbed.
    if (session.deviceProved && !sameDevice) return { kind: 'foreign-device', session };
    const good: Rotated = presented.keep
      ? { kind: 'kept', session, username, refreshToken: presented.token }
      : { kind: 'rotated', session, username, refreshToken: presented.successor };
    await goOn(tx, presented, good, { sameDevice, now, beside });
    return good;
  }

  const digest = digestOf(presented.token);
  const successor = row.successor && openSuccessor(presented.token, row.successor);
  if (successor === undefined || successor === '') return { kind: 'replayed', session };
  const mayRepeat = await allowsRepeat(tx, digest, row.usedAt, successor, { session, sameDevice, config, now });
  if (!mayRepeat) return { kind: 'replayed', session };
  const good: Rotated = { kind: 'repeated', session, username, refreshToken: successor };
  await beside(good);
  return good;
}

/** A later sign-in of the same browser has its own secret where that of this one was; the browser is known all the same. */
async function isSameDevice(tx: Tx, { secret, known }: ShownDevice, session: SessionRow): Promise<boolean> {
  if (secret !== undefined && equalBytes(digestOf(secret), session.deviceDigest)) return true;
  return isDeviceOf(tx, session, known);
}

interface GoingOn {
  readonly sameDevice: boolean;
  readonly now: EpochMs;
  readonly beside: (good: Rotated) => Promise<void>;
}

/** All at once: no statement needs the answer of another, and all of them stand or fall together. */
async function goOn(tx: Tx, presented: Presented, good: Rotated, { sameDevice, now, beside }: GoingOn): Promise<void> {
  const { id, deviceProved, expiresAt } = good.session;
  const [taken] = await Promise.all([
    good.kind === 'kept' || sessionStore.take(tx, digestOf(presented.token), presented.sealedSuccessor, now),
    good.kind === 'kept' || sessionStore.addRefresh(tx, digestOf(presented.successor), id, expiresAt),
    sessionStore.touch(tx, id, now),
    deviceProved || !sameDevice || sessionStore.proveDevice(tx, id),
    noteShown(tx, good.session, presented.device.known, now),
    beside(good),
  ]);
  // Read as unused in this same write, so nobody can have been before us; were it so all the same, nothing may be kept.
  if (!taken) throw new Error('a refresh token was taken by another write within this one');
}

interface Circumstances {
  readonly session: SessionRow;
  readonly sameDevice: boolean;
  readonly config: SessionConfig;
  readonly now: EpochMs;
}

/**
 * Whether a token that was used already is a lost answer rather than a second party. Once somebody has gone on from its
 * successor, that one's answer was not lost: then it is never harmless, whoever asks and however soon.
 */
async function allowsRepeat(
  tx: Tx,
  digest: Uint8Array,
  usedAt: EpochMs,
  successor: string,
  { session, sameDevice, config, now }: Circumstances,
): Promise<boolean> {
  // Whoever rotated came with the secret where it is proved, and without it where it isn't: anybody else is another party.
  if (session.deviceProved !== sameDevice) return false;
  const next = await sessionStore.refresh(tx, digestOf(successor));
  if (next === undefined || next.usedAt !== undefined) return false;
  // The clock was set back: the grace begins anew, once, or it would not end before the clock is where it was.
  if (usedAt > now) await refreshStore.startGraceAgain(tx, digest, now);
  else if (now - usedAt > (sameDevice ? config.graceMs : BARE_GRACE_MS)) return false;
  return sessionStore.countRepeat(tx, digest, MOST_REPEATS);
}

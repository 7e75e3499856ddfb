import { z } from 'zod';
import { type EpochMs, epochMs, type PersonId, type SessionId } from '../kernel/brand.ts';
import { isFault } from '../kernel/errors.ts';
import type { Tx } from '../kernel/tx.ts';
import type { SubjectKeys } from '../vault/index.ts';
import type { SessionConfig } from './config.ts';
import type { Place } from './places.ts';
import { type Proof, proofOf } from './proof.ts';
import type { Device, SessionRow } from './session.ts';

/** A session as its owner sees it. */
export interface LiveSession extends Proof {
  readonly id: SessionId;
  readonly profile: string;
  readonly startedAt: EpochMs;
  readonly lastUsedAt: EpochMs;
  readonly expiresAt: EpochMs;
  readonly device: Device | undefined;
  readonly knownDeviceId: string | undefined;
  /** Where its address is, where there is a database that knows. */
  readonly place?: Place | undefined;
}

const DEVICE_COLUMN = 'session.device';
const KNOWN_COLUMN = 'known_device.device';
const sealed = z.object({ userAgent: z.string(), address: z.string() });

/** Seals where a session was begun under the key of its person. */
export const sealDevice = (tx: Tx, subjects: SubjectKeys, person: PersonId, device: Device): Promise<string> =>
  subjects.seal(tx, person, DEVICE_COLUMN, JSON.stringify(device));

/** The same of a device that is kept beyond a session. */
export const sealKnownDevice = (tx: Tx, subjects: SubjectKeys, person: PersonId, device: Device): Promise<string> =>
  subjects.seal(tx, person, KNOWN_COLUMN, JSON.stringify(device));

export const openKnownDevice = (tx: Tx, subjects: SubjectKeys, person: PersonId, text: string | null) =>
  openDevice(tx, subjects, person, { column: KNOWN_COLUMN, text: text ?? undefined });

export async function liveOf(
  tx: Tx,
  subjects: SubjectKeys,
  row: SessionRow,
  config: SessionConfig,
): Promise<LiveSession> {
  return {
    id: row.id,
    profile: row.profile,
    startedAt: row.authenticatedAt,
    lastUsedAt: row.lastUsedAt,
    expiresAt: epochMs(Math.min(row.expiresAt, row.lastUsedAt + (row.idleMs ?? config.idleMs))),
    device: await openDevice(tx, subjects, row.personId, { column: DEVICE_COLUMN, text: row.device }),
    knownDeviceId: row.knownDeviceId,
    ...proofOf(row),
  };
}

async function openDevice(
  tx: Tx,
  subjects: SubjectKeys,
  person: PersonId,
  { column, text }: { readonly column: string; readonly text: string | undefined },
): Promise<Device | undefined> {
  const plain = text && (await openOrNothing(tx, subjects, person, { column, text }));
  return plain ? sealed.parse(JSON.parse(plain)) : undefined;
}

/** Undefined where the person's key was destroyed, or another made since: a row may outlive what was known of them. */
export async function openOrNothing(
  tx: Tx,
  subjects: SubjectKeys,
  person: PersonId,
  { column, text }: { readonly column: string; readonly text: string },
): Promise<string | undefined> {
  try {
    return await subjects.open(tx, person, column, text);
  } catch (error) {
    if (isFault(error, 'VAULT_SUBJECT_ERASED') || isFault(error, 'VAULT_UNREADABLE')) return undefined;
    throw error;
  }
}

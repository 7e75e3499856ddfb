import { type EpochMs, epochMs, type PersonId, type SessionId } from '../kernel/brand.ts';
import { isFault } from '../kernel/errors.ts';
import type { Tx } from '../kernel/tx.ts';
import type { SubjectKeys } from '../vault/index.ts';
import type { SessionConfig } from './config.ts';
import type { Device, SessionRow } from './session.ts';

/** A session as its owner sees it. */
export interface LiveSession {
  readonly id: SessionId;
  readonly profile: string;
  readonly startedAt: EpochMs;
  readonly lastUsedAt: EpochMs;
  readonly expiresAt: EpochMs;
  readonly device: Device | undefined;
}

const DEVICE_COLUMN = 'session.device';

/** Seals where a session was begun under the key of its person. */
export const sealDevice = (tx: Tx, subjects: SubjectKeys, person: PersonId, device: Device): Promise<string> =>
  subjects.seal(tx, person, DEVICE_COLUMN, JSON.stringify(device));

export async function liveOf(
  tx: Tx,
  subjects: SubjectKeys,
  row: SessionRow,
  config: SessionConfig,
): Promise<LiveSession> {
  const plain = row.device && (await deviceText(tx, subjects, row.personId, row.device));
  return {
    id: row.id,
    profile: row.profile,
    startedAt: row.authenticatedAt,
    lastUsedAt: row.lastUsedAt,
    expiresAt: epochMs(Math.min(row.expiresAt, row.lastUsedAt + (row.idleMs ?? config.idleMs))),
    device: plain === undefined ? undefined : (JSON.parse(plain) as Device), // sealed by ourselves, above
  };
}

/** Undefined where the person's key was destroyed, or another made since: a session may outlive what was known of it. */
async function deviceText(
  tx: Tx,
  subjects: SubjectKeys,
  person: PersonId,
  sealed: string,
): Promise<string | undefined> {
  try {
    return await subjects.open(tx, person, DEVICE_COLUMN, sealed);
  } catch (error) {
    if (isFault(error, 'VAULT_SUBJECT_ERASED') || isFault(error, 'VAULT_UNREADABLE')) return undefined;
    throw error;
  }
}

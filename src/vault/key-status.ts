import type { EpochMs, TenantId } from '../kernel/brand.ts';
import { days } from '../kernel/clock.ts';
import { isPending } from './keyring.ts';
import type { KeyReason, LegacyAlgorithm, StoredDataKey } from './store.ts';

/** How a tenant's keys stand: what V04 lists, under its names, and every version. */
export interface KeyStatus {
  readonly tenant: TenantId;
  /** The version that seals now. */
  readonly current_version: string;
  /** Whole days, rounded up; 0 when it is due. */
  readonly days_until_rotation: number;
  readonly algorithm: 'AES-256-GCM';
  /** Oldest first, imported ones among them. */
  readonly versions: readonly KeyVersion[];
}

/**
 * `pending`: opens, and seals in a moment. `retired`: opens. `emptied`: opens, though nothing of ours is under it.
 * `read-only`: another system's, imported.
 */
export type KeyState = 'pending' | 'current' | 'retired' | 'emptied' | 'destroyed' | 'read-only';

export interface KeyVersion {
  readonly version: string;
  readonly state: KeyState;
  readonly algorithm: 'AES-256-GCM' | LegacyAlgorithm;
  readonly reason: KeyReason;
  /** Values sealed under it, by this process to the last one, by others as of some seconds ago. */
  readonly seals: number;
  /** Whether values may exist outside that were sealed under it. */
  readonly external: boolean;
  readonly created_at: EpochMs;
  /** From when on it seals. */
  readonly active_at: EpochMs;
  readonly retired_at: EpochMs | null;
  readonly emptied_at: EpochMs | null;
  readonly destroyed_at: EpochMs | null;
}

export interface StatusTerms {
  readonly now: EpochMs;
  readonly rotateEveryMs: number;
  /** What this process has sealed under a version and not written down yet. */
  readonly unflushed: (version: string) => number;
}

/** @param keys of one tenant, in the order in which they seal */
export function keyStatusOf(tenant: TenantId, keys: readonly StoredDataKey[], terms: StatusTerms): KeyStatus {
  const current = currentOf(keys, terms.now);
  if (current === undefined) throw new TypeError('a tenant with a status has a key');
  const leftMs = current.createdAt + terms.rotateEveryMs - terms.now;
  return {
    tenant,
    current_version: current.version,
    days_until_rotation: Math.max(0, Math.ceil(leftMs / days(1))),
    algorithm: 'AES-256-GCM',
    versions: keys.map((key) => versionOf(key, current, terms)),
  };
}

/** The key that seals at a moment. @param keys of one tenant, in the order in which they seal */
export function currentOf(keys: readonly StoredDataKey[], now: EpochMs): StoredDataKey | undefined {
  const native = keys.filter(({ algorithm, destroyedAt }) => algorithm === undefined && destroyedAt === undefined);
  return native.findLast((key) => !isPending(key, now)) ?? native[0];
}

function versionOf(key: StoredDataKey, current: StoredDataKey, { now, unflushed }: StatusTerms): KeyVersion {
  const { version, algorithm = 'AES-256-GCM', reason, createdAt, activeAt, emptiedAt, destroyedAt } = key;
  return {
    version,
    state: stateOf(key, current, now),
    algorithm,
    reason,
    seals: key.seals + unflushed(version),
    external: key.externalAt !== undefined || key.algorithm !== undefined,
    created_at: createdAt,
    active_at: activeAt,
    retired_at: key.version === current.version ? null : (key.retiredAt ?? null), // it is known a moment ahead
    emptied_at: emptiedAt ?? null,
    destroyed_at: destroyedAt ?? null,
  };
}

function stateOf(key: StoredDataKey, current: StoredDataKey, now: EpochMs): KeyState {
  if (key.destroyedAt !== undefined) return 'destroyed';
  if (key.algorithm !== undefined) return 'read-only';
  if (key.version === current.version) return 'current';
  if (isPending(key, now)) return 'pending';
  return key.emptiedAt === undefined ? 'retired' : 'emptied';
}

import { createSecretKey, type KeyObject } from 'node:crypto';
import type { EpochMs, TenantId } from '../kernel/brand.ts';
import { type Clock, seconds } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import { vaultFault } from './errors.ts';
import type { DataKey } from './field.ts';
import type { MasterKeys } from './masters.ts';
import { aadOf } from './place.ts';
import type { StoredDataKey } from './store.ts';

/** A key of another system, to read by what that system has sealed. Fernet's is 32 bytes, AES-256's a key object. */
export type LegacyKey =
  | { readonly version: string; readonly algorithm: 'fernet'; readonly key: Buffer }
  | { readonly version: string; readonly algorithm: 'aes-gcm'; readonly key: KeyObject };

/**
 * A tenant's data keys, live: a rotation, an import and a destruction show in the same object, so that whoever keeps it
 * for hours seals under the key of the moment.
 */
export interface Keyring {
  readonly tenant: TenantId;
  /** The key to seal with now. @throws VAULT_PROVIDER_AWAY */
  current(): DataKey;
  /** The key to seal with now, and one value more under it. @throws VAULT_KEY_SPENT, VAULT_PROVIDER_AWAY */
  spend(): DataKey;
  /** The key that opens envelopes of a version. @throws VAULT_PROVIDER_AWAY when it is not open and cannot be now */
  of(version: string): DataKey | undefined;
  /**
   * Those under which a blind index may stand; `emptied` ones too where values are kept outside. Damaged ones are left
   * out: nothing that stands under them opens. @throws VAULT_PROVIDER_AWAY
   */
  searched(emptied: boolean): readonly DataKey[];
  /** Imported keys that open, the newest first. @throws VAULT_PROVIDER_AWAY */
  legacy(): readonly LegacyKey[];
  /** Values sealed by this process that the database does not know of yet. */
  unflushed(version: string): number;
  /** Takes a row up as it was read; an older reading than the one before is left. */
  put(row: StoredDataKey): void;
}

/** A key of a ring: what is stored, opened or not yet, and how much it has sealed. */
export interface RingKey {
  row: StoredDataKey;
  opened: DataKey | undefined;
  /** By everybody when the row was first read, and by this process since. */
  seals: number;
  unflushed: number;
  /** Whether it was said already that the stored key does not open. */
  isToldDamaged: boolean;
}

export interface KeyringDeps {
  readonly masters: MasterKeys;
  readonly clock: Clock;
  /** Hears of a key with its first seal that the database does not know of. */
  readonly onSeal: (key: RingKey) => void;
  /** Hears once of each stored key that does not open, where the others go on without it. */
  readonly onDamaged?: ((tenant: TenantId, version: string, error: unknown) => void) | undefined;
}

/** One process seals no more than this under a key; with a random nonce for each, NIST allows 2^32 over all. */
export const MOST_SEALS = 2 ** 31;

/** A key that becomes active later than this is none to wait for: a clock has been put back. */
const MAX_PENDING_MS = seconds(10);
const MIN_PENDING_MS = seconds(1);

/** How long a retired key is sealed with while its successor cannot be opened; it is destroyed later than that. */
const MAX_BEHIND_MS = seconds(30);

export const dataKeyAad = (tenant: string, version: string): Buffer => aadOf('data-key', tenant, version);

/**
 * Whether a key is there to be opened with, but not yet to seal with. One that was not told to wait does not: it may
 * stand a moment ahead only because it was made in the same millisecond as the key before it.
 */
export const isPending = (
  { activeAt, createdAt }: Pick<StoredDataKey, 'activeAt' | 'createdAt'>,
  now: EpochMs,
): boolean => activeAt > now && activeAt - now <= MAX_PENDING_MS && activeAt - createdAt >= MIN_PENDING_MS;

export function createKeyring(tenant: TenantId, deps: KeyringDeps): Keyring {
  const { masters, clock, onSeal, onDamaged } = deps;
  const byVersion = new Map<string, RingKey>();
  let sealing: RingKey | undefined;
  let nextAt = Number.POSITIVE_INFINITY; // when the key after `sealing` becomes active

  const inOrder = (): RingKey[] =>
    [...byVersion.values()]
      .filter(({ row }) => row.algorithm === undefined && row.destroyedAt === undefined)
      .sort((a, b) => a.row.activeAt - b.row.activeAt || (a.row.version < b.row.version ? -1 : 1));

  function settle(): void {
    const now = clock.now();
    const keys = inOrder();
    sealing = keys.findLast(({ row }) => !isPending(row, now)) ?? keys[0];
    nextAt = keys.find(({ row }) => isPending(row, now))?.row.activeAt ?? Number.POSITIVE_INFINITY;
  }

  /** @throws VAULT_PROVIDER_AWAY, VAULT_MASTER_KEY */
  function open(key: RingKey): DataKey {
    if (key.opened !== undefined) {
      masters.assertLent();
      return key.opened;
    }
    const { version, wrapped, master } = key.row;
    const bytes = masters.of(master).unwrap(wrapped, dataKeyAad(tenant, version));
    key.opened = { tenantId: tenant, version, key: createSecretKey(bytes) };
    bytes.fill(0);
    return key.opened;
  }

  /** One damaged key must not keep the others shut; a provider that is away keeps all of them so. */
  function openWhole(key: RingKey): DataKey | undefined {
    try {
      return open(key);
    } catch (error) {
      if (!isFault(error, 'VAULT_MASTER_KEY')) throw error;
      if (!key.isToldDamaged) onDamaged?.(tenant, key.row.version, error);
      key.isToldDamaged = true;
      return undefined;
    }
  }

  function toSeal(): RingKey {
    if (nextAt !== Number.POSITIVE_INFINITY && clock.now() >= nextAt) settle();
    if (sealing === undefined) throw new TypeError('a keyring needs a key');
    try {
      open(sealing);
      return sealing;
    } catch (error) {
      const before = isFault(error, 'VAULT_PROVIDER_AWAY') ? openBefore(sealing) : undefined;
      if (before === undefined) throw error;
      return before;
    }
  }

  /** A key that was made while its provider was away cannot be opened yet; the one before it goes on for a moment. */
  function openBefore(key: RingKey): RingKey | undefined {
    const keys = inOrder();
    const before = keys[keys.indexOf(key) - 1];
    if (before?.opened === undefined || clock.now() - key.row.activeAt > MAX_BEHIND_MS) return undefined;
    masters.assertLent();
    return before;
  }

  return {
    tenant,
    current: () => open(toSeal()),
    spend: () => {
      const key = toSeal();
      if (key.seals >= MOST_SEALS) throw vaultFault('VAULT_KEY_SPENT', { version: key.row.version });
      key.seals++;
      if (key.unflushed++ === 0) onSeal(key);
      return key.opened ?? open(key);
    },
    of: (version) => {
      const key = byVersion.get(version);
      if (key === undefined || key.row.algorithm !== undefined || key.row.destroyedAt !== undefined) return undefined;
      return open(key);
    },
    searched: (emptied) =>
      inOrder()
        .filter(({ row }) => emptied || row.emptiedAt === undefined)
        .flatMap((key) => openWhole(key) ?? []),
    legacy: () =>
      [...byVersion.values()]
        .filter(({ row }) => row.algorithm !== undefined && row.destroyedAt === undefined)
        .sort((a, b) => b.row.createdAt - a.row.createdAt || b.row.changed - a.row.changed)
        .flatMap((key) => {
          const opened = openWhole(key);
          return opened === undefined ? [] : [legacyOf(key.row, opened)];
        }),
    unflushed: (version) => byVersion.get(version)?.unflushed ?? 0,
    put: (row) => {
      const known = byVersion.get(row.version);
      if (known === undefined) byVersion.set(row.version, ringKeyOf(row));
      else if (row.changed < known.row.changed) return;
      else known.row = row;
      const key = byVersion.get(row.version);
      if (key !== undefined && row.destroyedAt !== undefined) key.opened = undefined;
      else if (key !== undefined) openEarly(() => open(key));
      settle();
    },
  };
}

const ringKeyOf = (row: StoredDataKey): RingKey => ({
  row,
  opened: undefined,
  seals: row.seals,
  unflushed: 0,
  isToldDamaged: false,
});

/** Whatever is wrong with the key is said to whoever needs it: one that is broken must not keep the others shut. */
function openEarly(open: () => unknown): void {
  try {
    open();
  } catch {
    return;
  }
}

function legacyOf({ algorithm }: StoredDataKey, { version, key }: DataKey): LegacyKey {
  return algorithm === 'fernet' ? { version, algorithm, key: key.export() } : { version, algorithm: 'aes-gcm', key };
}

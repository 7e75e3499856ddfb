import type { TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Bus, Storage } from '../storage/index.ts';
import { vaultFault } from './errors.ts';
import { createKeyChanges } from './key-changes.ts';
import { createScrubbing, type Scrubbing } from './key-scrubbing.ts';
import { createKeyring, type Keyring } from './keyring.ts';
import type { MasterKeys } from './masters.ts';
import { createRings } from './rings.ts';
import { activationMsOf, createRotation, isShared, nextChange, type Rotation } from './rotation.ts';
import { createSealCounts } from './seal-counts.ts';
import { type StoredDataKey, vaultStore } from './store.ts';

export interface DataKeyDeps {
  readonly storage: Storage;
  readonly masters: MasterKeys;
  readonly clock: Clock;
  readonly random: Random;
  /** By which other processes hear at once of a key that was made or destroyed; without one they ask within a second. */
  readonly bus?: Bus | undefined;
  /** How many tenants' keys are kept open; 10,000 unless told. */
  readonly maxRings?: number | undefined;
  /** Hears, once each, of stored keys that do not open, and of destroyed ones that could not be taken off the disk. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** The opened keys of all tenants, and what keeps them as the database has them. */
export interface DataKeys {
  /** A tenant's keys as they stand now; makes the first one when there is none. @throws VAULT_PROVIDER_AWAY */
  ring(tenant: TenantId): Promise<Keyring>;
  /** Those that are open and known to be as the database has them; else undefined. */
  held(tenant: TenantId): Keyring | undefined;
  /** Belongs into the write that made or changed keys: this process goes by them before it is answered. */
  announce(tx: Tx, rows: readonly StoredDataKey[]): void;
  /** Takes up what other processes have changed. To be called every second by each process. */
  refresh(): Promise<void>;
  /** Adds to the database how many values this process has sealed. */
  flushSeals(): Promise<void>;
  /** What this process has sealed under a tenant's versions and not written down yet. */
  unflushed(tenant: TenantId): (version: string) => number;
  /** Every tenant that has keys to seal with. */
  tenants(): Promise<readonly TenantId[]>;
  /** Every key of a tenant, in the order in which they seal. */
  versions(tenant: TenantId): Promise<readonly StoredDataKey[]>;
  /** Notes inside `tx` that no value of ours is left under a retired key. @returns false when it was noted before */
  markEmptied(tx: Tx, tenant: TenantId, version: string): Promise<boolean>;
  /** Makes keys. */
  readonly rotation: Rotation;
  /** Takes destroyed keys off the disk. */
  readonly scrubbing: Scrubbing;
  /** How long a new key is only opened with. */
  readonly activationMs: number;
}

interface Load {
  readonly ring: Promise<Keyring>;
  /** Something changed while it was read. */
  again: boolean;
}

const MAX_RINGS = 10_000;

export async function createDataKeys(deps: DataKeyDeps): Promise<DataKeys> {
  const { storage, masters, clock, bus, maxRings = MAX_RINGS, onError = () => undefined } = deps;
  const rotation = createRotation(deps);
  const rings = createRings({ most: maxRings });
  const counts = createSealCounts({ storage });
  const loading = new Map<TenantId, Load>();
  const changes = await createKeyChanges({ storage, bus, clock, take });

  function take(rows: readonly StoredDataKey[]): void {
    for (const row of rows) {
      const load = loading.get(row.tenant);
      if (load !== undefined) load.again = true;
      rings.peek(row.tenant)?.put(row);
    }
  }

  const onDamaged = (tenant: TenantId, version: string, cause: unknown): void =>
    onError(vaultFault('VAULT_MASTER_KEY', { reason: 'a stored key is damaged', tenant, version }, cause));

  function ring(tenant: TenantId): Promise<Keyring> {
    const known = rings.get(tenant);
    if (known !== undefined) return changes.isFresh() ? Promise.resolve(known) : changes.refresh().then(() => known);
    const begun = loading.get(tenant);
    if (begun !== undefined) return begun.ring;
    const load: Load = { again: false, ring: Promise.resolve().then(() => loadRing(tenant, load)) };
    loading.set(tenant, load);
    return load.ring.finally(() => loading.delete(tenant)); // a fault must not be remembered
  }

  async function loadRing(tenant: TenantId, load: Load): Promise<Keyring> {
    for (;;) {
      load.again = false;
      const rows = await loadRows(tenant);
      if (load.again) continue;
      const made = createKeyring(tenant, { masters, clock, onSeal: counts.note, onDamaged });
      for (const row of rows) made.put(row);
      rings.add(made);
      return made;
    }
  }

  /** Two processes may get here at once: the serializable write lets one of them make the key, and both read it. */
  async function loadRows(tenant: TenantId): Promise<readonly StoredDataKey[]> {
    const found = await versions(tenant);
    if (found.some(({ algorithm }) => algorithm === undefined)) return found;
    return storage.write(platform, (tx) => rotation.first(tx, tenant));
  }

  const versions = (tenant: TenantId): Promise<readonly StoredDataKey[]> =>
    storage.read(platform, (tx) => vaultStore.dataKeys(tx, tenant));

  return {
    ring,
    held: (tenant) => (changes.isFresh() ? rings.get(tenant) : undefined),
    rotation,
    scrubbing: createScrubbing({ storage, onError }),
    versions,
    activationMs: activationMsOf(isShared(deps)),
    refresh: changes.refresh,
    flushSeals: counts.flush,
    unflushed: (tenant) => rings.peek(tenant)?.unflushed ?? (() => 0),
    tenants: () => everyTenant(storage),
    announce: (tx, rows) => {
      tx.afterCommit(() => {
        take(rows);
        changes.tell();
      });
    },
    markEmptied: async (tx, tenant, version) => {
      const changed = await nextChange(tx);
      if ((await vaultStore.markEmptied(tx, tenant, version, clock.now(), changed)) === 0) return false;
      const rows = (await vaultStore.dataKeys(tx, tenant)).filter((row) => row.version === version);
      tx.afterCommit(() => take(rows));
      return true;
    },
  };
}

async function everyTenant(storage: Storage): Promise<readonly TenantId[]> {
  const found: TenantId[] = [];
  for (;;) {
    const page = await storage.read(platform, (tx) => vaultStore.tenants(tx, found.at(-1) ?? ''));
    if (page.length === 0) return found;
    found.push(...page);
  }
}

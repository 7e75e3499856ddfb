import { createSecretKey } from 'node:crypto';
import type { EpochMs, TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';
import { platform } from '../kernel/tx.ts';
import type { Bus, Storage } from '../storage/index.ts';
import type { DataKey } from './field.ts';
import type { MasterKey } from './master-key.ts';
import { aadOf } from './place.ts';
import { type StoredDataKey, vaultStore } from './store.ts';

/** A tenant's data keys: the one to seal with, and those of every version to open with. */
export interface Keyring {
  readonly current: DataKey;
  of(version: string): DataKey | undefined;
}

export interface DataKeyDeps {
  readonly storage: Storage;
  readonly master: MasterKey;
  readonly clock: Clock;
  readonly random: Random;
  /** By which other processes hear at once of a key that was destroyed; without one they find out within a second. */
  readonly bus?: Bus | undefined;
}

const MAX_RINGS = 10_000;

/** Keeps the opened keys of tenants; the first use of a tenant makes its first key. */
export function createDataKeys({
  storage,
  master,
  clock,
  random,
}: DataKeyDeps): (tenant: TenantId) => Promise<Keyring> {
  const rings = new Map<TenantId, Promise<Keyring>>();

  async function load(tenant: TenantId): Promise<Keyring> {
    const found = await storage.read(platform, (tx) => vaultStore.dataKeys(tx, tenant));
    return ringOf(tenant, found.length > 0 ? found : await createFirst(tenant));
  }

  /** Two processes may get here at once: the serializable write lets one of them make the key, and both read it. */
  function createFirst(tenant: TenantId): Promise<readonly StoredDataKey[]> {
    return storage.write(platform, async (tx) => {
      const found = await vaultStore.dataKeys(tx, tenant);
      if (found.length > 0) return found;
      const now = clock.now();
      const version = versionName(now, random);
      const key = { version, wrapped: master.wrap(random.bytes(32), dataKeyAad(tenant, version)) };
      await vaultStore.addDataKey(tx, tenant, key, now);
      return [key];
    });
  }

  function ringOf(tenant: TenantId, stored: readonly StoredDataKey[]): Keyring {
    const opened = stored.map(({ version, wrapped }): DataKey => {
      const bytes = master.unwrap(wrapped, dataKeyAad(tenant, version));
      return { tenantId: tenant, version, key: createSecretKey(bytes) };
    });
    const byVersion = new Map(opened.map((key) => [key.version, key]));
    const current = opened.at(-1);
    if (current === undefined) throw new TypeError('a keyring needs a key');
    return { current, of: (version) => byVersion.get(version) };
  }

  return (tenant) => {
    const known = rings.get(tenant);
    if (known !== undefined) return known;
    if (rings.size >= MAX_RINGS) rings.clear(); // loading again is cheap, growing without end is not
    const ring = load(tenant);
    rings.set(tenant, ring);
    ring.catch(() => rings.delete(tenant)); // a database that was away must not be remembered as a fault
    return ring;
  };
}

const dataKeyAad = (tenant: TenantId, version: string): Buffer => aadOf('data-key', tenant, version);

/** `v_YYYYMMDD_HHMMSS_xxxx` in UTC: it sorts by time, and the four hex digits keep two of one second apart. */
function versionName(now: EpochMs, random: Random): string {
  const [date = '', time = ''] = new Date(now).toISOString().split('T');
  return `v_${date.replaceAll('-', '')}_${time.slice(0, 8).replaceAll(':', '')}_${random.bytes(2).toString('hex')}`;
}

import type { EpochMs, TenantId } from '../kernel/brand.ts';
import { epochMs } from '../kernel/brand.ts';
import { type Clock, seconds } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';
import type { Tx } from '../kernel/tx.ts';
import type { Bus, Storage } from '../storage/index.ts';
import { dataKeyAad } from './keyring.ts';
import type { MasterKeys } from './masters.ts';
import { type KeyReason, type LegacyAlgorithm, type StoredDataKey, vaultStore } from './store.ts';

export interface RotationDeps {
  readonly masters: MasterKeys;
  readonly clock: Clock;
  readonly random: Random;
}

/** Makes data keys, each inside of a write. @throws VAULT_PROVIDER_AWAY, VAULT_MASTER_KEY */
export interface Rotation {
  /** A tenant's first key, or those that are there already. */
  first(tx: Tx, tenant: TenantId): Promise<readonly StoredDataKey[]>;
  /**
   * A key that follows the newest.
   *
   * @param delayMs how long it is only opened with; by then every process knows it
   * @returns the rows that are new or changed, the new key last
   */
  follow(tx: Tx, tenant: TenantId, reason: KeyReason, delayMs: number): Promise<readonly StoredDataKey[]>;
  /** A key of another system, to read by. */
  imported(tx: Tx, tenant: TenantId, algorithm: LegacyAlgorithm, bytes: Uint8Array): Promise<StoredDataKey>;
}

const KEY_BYTES = 32;
const ACTIVATION_MS = seconds(5);

/**
 * Whether another process or thread may hold the same keys. Where none does, whoever makes a key is the only one to
 * know it, and it seals at once.
 */
export const isShared = ({ storage, bus }: { storage: Pick<Storage, 'dialect'>; bus?: Bus | undefined }): boolean =>
  storage.dialect !== 'sqlite' || (bus !== undefined && (bus.canLose || bus.settle !== undefined));

/** How long a new key is only opened with. */
export const activationMsOf = (shared: boolean): number => (shared ? ACTIVATION_MS : 0);

/** The number of the change that a write makes; it belongs to that write alone, for writes are serializable. */
export const nextChange = async (tx: Tx): Promise<number> => (await vaultStore.newestChange(tx)) + 1;

export function createRotation({ masters, clock, random }: RotationDeps): Rotation {
  interface Wish {
    readonly bytes: Uint8Array;
    readonly reason: KeyReason;
    readonly algorithm?: LegacyAlgorithm;
    readonly activeAt: EpochMs;
    readonly externalAt?: EpochMs | undefined;
    readonly changed: number;
  }

  async function add(tx: Tx, tenant: TenantId, taken: readonly StoredDataKey[], wish: Wish): Promise<StoredDataKey> {
    const now = clock.now();
    const version = newVersion(now, taken);
    const master = masters.current;
    const key: StoredDataKey = {
      tenant,
      version,
      wrapped: master.wrap(wish.bytes, dataKeyAad(tenant, version)),
      master: master.id,
      algorithm: wish.algorithm,
      reason: wish.reason,
      createdAt: now,
      activeAt: wish.activeAt,
      retiredAt: undefined,
      emptiedAt: undefined,
      destroyedAt: undefined,
      externalAt: wish.externalAt,
      seals: 0,
      changed: wish.changed,
    };
    await vaultStore.addDataKey(tx, key);
    return key;
  }

  function newVersion(now: EpochMs, taken: readonly StoredDataKey[]): string {
    for (;;) {
      const name = versionName(now, random);
      if (taken.every(({ version }) => version !== name)) return name;
    }
  }

  const native = (keys: readonly StoredDataKey[]) => keys.filter(({ algorithm }) => algorithm === undefined);

  return {
    first: async (tx, tenant) => {
      const found = await vaultStore.dataKeys(tx, tenant);
      if (native(found).length > 0) return found;
      const activeAt = clock.now(); // whoever else wants one finds this one
      const wish: Wish = { bytes: random.bytes(KEY_BYTES), reason: 'first', activeAt, changed: await nextChange(tx) };
      return [...found, await add(tx, tenant, found, wish)];
    },
    follow: async (tx, tenant, reason, delayMs) => {
      const found = await vaultStore.dataKeys(tx, tenant);
      const last = native(found).at(-1);
      const changed = await nextChange(tx);
      // Later than the one before it, also where that was made by a clock that was ahead.
      const activeAt = epochMs(Math.max(clock.now() + delayMs, (last?.activeAt ?? 0) + 1));
      const bytes = random.bytes(KEY_BYTES);
      await vaultStore.retire(tx, tenant, activeAt, changed);
      // Values outside are not followed, so a successor is taken to have them as well: marking would be too late.
      const externalAt = last?.externalAt === undefined ? undefined : clock.now();
      const key = await add(tx, tenant, found, { bytes, reason, activeAt, externalAt, changed });
      const retired = native(found).filter(({ retiredAt }) => retiredAt === undefined);
      return [...retired.map((each) => ({ ...each, retiredAt: activeAt, changed })), key];
    },
    imported: async (tx, tenant, algorithm, bytes) => {
      const found = await vaultStore.dataKeys(tx, tenant);
      const activeAt = clock.now();
      const wish: Wish = { bytes, reason: 'import', algorithm, activeAt, changed: await nextChange(tx) };
      return add(tx, tenant, found, wish);
    },
  };
}

/** `v_YYYYMMDD_HHMMSS_xxxx` in UTC: it sorts by time, and the four hex digits keep two of one second apart. */
function versionName(now: EpochMs, random: Random): string {
  const [date = '', time = ''] = new Date(now).toISOString().split('T');
  return `v_${date.replaceAll('-', '')}_${time.slice(0, 8).replaceAll(':', '')}_${random.bytes(2).toString('hex')}`;
}

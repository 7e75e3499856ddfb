import { equalBytes } from '../crypto/index.ts';
import type { AuditEntry, AuditSink } from '../kernel/audit.ts';
import { type EpochMs, epochMs, type TenantId } from '../kernel/brand.ts';
import { type Clock, days } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import type { Actor } from '../kernel/principal.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { VaultConfig } from './config.ts';
import { vaultFault } from './errors.ts';
import { assertDispensable, type DestructionDeps, findKey, isSealing } from './key-destruction.ts';
import { currentOf, type KeyStatus, keyStatusOf } from './key-status.ts';
import { dataKeyAad, type LegacyKey } from './keyring.ts';
import type { LegacyBytes } from './legacy.ts';
import { nextChange } from './rotation.ts';
import { type KeyReason, type StoredDataKey, vaultStore } from './store.ts';
import type { Vault } from './vault.ts';

export type { KeyStatus, KeyVersion } from './key-status.ts';

/** Whoever asks, and how the request came: it lands in the audit entry, which names the tenant whose key it is. */
export type Act = Omit<Actor, 'tenantId'>;

/** A key and the one that follows it. */
export interface Rotation {
  readonly tenant: TenantId;
  readonly old_version: string;
  readonly new_version: string;
  /** From when on the new one seals: by then every process can open what it seals. */
  readonly active_at: EpochMs;
}

export interface RotationWish {
  /** Every tenant when it is left out. */
  readonly tenant?: TenantId | undefined;
  readonly reason: 'manual' | 'schedule' | 'seals' | 'emergency';
}

/** 32 bytes of another system. */
export type LegacyImport = LegacyBytes;

/** The rule of data keys: how they follow each other, and when one may go. */
export interface Keys {
  /** Of a tenant, whose first key it makes when there is none. */
  status(tenant: TenantId): Promise<KeyStatus>;
  statusOfAll(): Promise<readonly KeyStatus[]>;
  /** Lets a new key follow, for one tenant or for all. @throws VAULT_PROVIDER_AWAY */
  rotate(wish: RotationWish, by: Act): Promise<readonly Rotation[]>;
  /** Rotates whatever is due by its age or by what it has sealed. A job of one process, every minute. */
  rotateDue(): Promise<void>;
  /** A job of each process, every ten seconds. */
  flushSeals(): Promise<void>;
  /**
   * Takes a key of another system to read by; one that is there already is not taken twice.
   *
   * @throws VAULT_KEY_INVALID for anything but 32 bytes, or past 64 keys; VAULT_PROVIDER_AWAY
   */
  importLegacy(
    tenant: TenantId,
    key: LegacyImport,
    by: Act,
  ): Promise<{ readonly version: string; readonly isNew: boolean }>;
  /** Imported keys that open, the newest first. */
  legacyKeys(tenant: TenantId): Promise<readonly LegacyKey[]>;
  /**
   * Destroys a key: nothing sealed under it opens again, here or in any other process, and its wrapped bytes are off the
   * database's files when this resolves; where another one reads an older state still, soon after that has ended.
   *
   * @throws VAULT_KEY_NEEDED, VAULT_KEY_MISSING
   */
  destroy(tenant: TenantId, version: string, wish: { readonly externalRewrapped: boolean }, by: Act): Promise<void>;
  /**
   * Notes that values of a tenant are sealed for somebody outside, where no walk of ours finds them. To be awaited before
   * the first one leaves; every later version is taken to have some too.
   */
  markExternal(tenant: TenantId): Promise<void>;
}

export interface KeysDeps extends Omit<DestructionDeps, 'dataKeys'> {
  readonly vault: Vault;
  readonly storage: Storage;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly config: Pick<VaultConfig, 'rotateEveryMs' | 'maxSeals'>;
}

type Keeper = Pick<Keys, 'rotate' | 'rotateDue'>;

const ROTATE_EVERY_MS = days(30);
const LEGACY_BYTES = 32;
const MAX_LEGACY_KEYS = 64;
const ROTATED_AT_ONCE = 50;
const MAX_MARKED = 10_000;

export function createKeys(deps: KeysDeps): Keys {
  const { vault, storage, clock, config } = deps;
  const { dataKeys } = vault;
  const rotateEveryMs = config.rotateEveryMs ?? ROTATE_EVERY_MS;
  const marked = new Set<TenantId>();

  const statusOf = (tenant: TenantId, keys: readonly StoredDataKey[]): KeyStatus =>
    keyStatusOf(tenant, keys, { now: clock.now(), rotateEveryMs, unflushed: dataKeys.unflushed(tenant) });

  return {
    ...createKeeper({ ...deps, rotateEveryMs }),
    flushSeals: dataKeys.flushSeals,
    importLegacy: (tenant, key, by) => importLegacy(deps, tenant, key, by),
    legacyKeys: async (tenant) => (await dataKeys.ring(tenant)).legacy(),
    status: async (tenant) => {
      await dataKeys.ring(tenant);
      return statusOf(tenant, await dataKeys.versions(tenant));
    },
    statusOfAll: async () => {
      const every = await storage.read(platform, vaultStore.everyDataKey);
      const byTenant = Map.groupBy(every, ({ tenant }) => tenant);
      const sealing = [...byTenant].filter(([, keys]) => currentOf(keys, clock.now()) !== undefined);
      return sealing.map(([tenant, keys]) => statusOf(tenant, keys));
    },
    destroy: async (tenant, version, { externalRewrapped }, by) => {
      await assertDispensable({ ...deps, dataKeys }, tenant, version, externalRewrapped);
      await storage.write(platform, (tx) => destroyIn(deps, tx, tenant, version, by));
      await dataKeys.scrubbing.now();
    },
    markExternal: async (tenant) => {
      if (marked.has(tenant)) return;
      await dataKeys.ring(tenant);
      await storage.write(platform, async (tx) => {
        await vaultStore.markExternal(tx, tenant, clock.now(), await nextChange(tx));
      });
      if (marked.size >= MAX_MARKED) marked.clear(); // marking again is cheap, growing without end is not
      marked.add(tenant);
    },
  };
}

function createKeeper(deps: KeysDeps & { readonly rotateEveryMs: number }): Keeper {
  const { vault, storage, audit, clock, config, rotateEveryMs } = deps;
  const { dataKeys } = vault;

  async function rotateIn(tx: Tx, tenant: TenantId, reason: KeyReason, by: Act): Promise<Rotation> {
    const before = await dataKeys.rotation.first(tx, tenant);
    const rows = await dataKeys.rotation.follow(tx, tenant, reason, dataKeys.activationMs);
    const old = before.findLast(({ algorithm }) => algorithm === undefined);
    const made = rows.at(-1);
    if (old === undefined || made === undefined) throw new TypeError('a rotation needs a key and its successor');
    dataKeys.announce(tx, rows);
    await audit.record(tx, {
      ...entryOf('vault.key_rotated', tenant, made.version, by),
      facts: { reason, old_version: old.version, active_at: made.activeAt },
    });
    return { tenant, old_version: old.version, new_version: made.version, active_at: made.activeAt };
  }

  return {
    rotate: async ({ tenant, reason }, by) => {
      const tenants = tenant === undefined ? await dataKeys.tenants() : [tenant];
      const done: Rotation[] = [];
      for (let at = 0; at < tenants.length; at += ROTATED_AT_ONCE) {
        const some = tenants.slice(at, at + ROTATED_AT_ONCE);
        const rotated = await storage.write(platform, async (tx) => {
          const made: Rotation[] = [];
          for (const each of some) made.push(await rotateIn(tx, each, reason, by));
          return made;
        });
        done.push(...rotated);
      }
      return done;
    },
    rotateDue: async () => {
      await dataKeys.flushSeals();
      const now = clock.now();
      // A key from the future was made by a clock that was wrong: its age says nothing.
      const terms = { before: epochMs(now - rotateEveryMs), unborn: now + days(1), maxSeals: config.maxSeals };
      const due = await storage.read(platform, (tx) => vaultStore.due(tx, terms));
      for (const { tenant, version, seals } of due) {
        const reason = seals >= config.maxSeals ? 'seals' : 'schedule';
        const by: Act = { principal: { kind: 'operator', tenantId: tenant } }; // nobody asked: it is the process that does it
        await storage.write(platform, async (tx) => {
          const newest = (await vaultStore.dataKeys(tx, tenant)).findLast(({ algorithm }) => algorithm === undefined);
          if (newest?.version === version) await rotateIn(tx, tenant, reason, by); // else somebody was quicker
        });
      }
    },
  };
}

async function importLegacy(
  { vault, storage, audit }: KeysDeps,
  tenant: TenantId,
  { algorithm, bytes }: LegacyImport,
  by: Act,
): Promise<{ readonly version: string; readonly isNew: boolean }> {
  const { dataKeys, masters } = vault;
  if (bytes.length !== LEGACY_BYTES) throw vaultFault('VAULT_KEY_INVALID', { reason: 'a key has exactly 32 bytes' });
  const isIt = ({ master, wrapped, version }: StoredDataKey): boolean => {
    const known = unlessDamaged(() => masters.of(master).unwrap(wrapped, dataKeyAad(tenant, version)));
    return known !== undefined && equalBytes(known, bytes);
  };
  return storage.write(platform, async (tx) => {
    const legacy = (await vaultStore.dataKeys(tx, tenant)).filter(
      (key) => key.algorithm !== undefined && key.destroyedAt === undefined,
    );
    const known = legacy.find((key) => key.algorithm === algorithm && isIt(key));
    if (known !== undefined) return { version: known.version, isNew: false };
    // Each is tried on a value that says nothing of its key.
    if (legacy.length >= MAX_LEGACY_KEYS) throw vaultFault('VAULT_KEY_INVALID', { reason: 'there are 64 already' });
    const key = await dataKeys.rotation.imported(tx, tenant, algorithm, bytes);
    dataKeys.announce(tx, [key]);
    await audit.record(tx, { ...entryOf('vault.key_imported', tenant, key.version, by), facts: { algorithm } });
    return { version: key.version, isNew: true };
  });
}

/** A stored key that does not open is no reason to refuse another one: importing it once more mends it. */
function unlessDamaged(unwrap: () => Buffer): Buffer | undefined {
  try {
    return unwrap();
  } catch (error) {
    if (isFault(error, 'VAULT_MASTER_KEY')) return undefined;
    throw error;
  }
}

/** Asked once more inside of the write: somebody may have destroyed it meanwhile, or put a clock back. */
async function destroyIn(
  { vault, audit, clock }: KeysDeps,
  tx: Tx,
  tenant: TenantId,
  version: string,
  by: Act,
): Promise<void> {
  const now = clock.now();
  const keys = await vaultStore.dataKeys(tx, tenant);
  const key = findKey(keys, version);
  if (isSealing(keys, key, now)) throw vaultFault('VAULT_KEY_NEEDED', { version, current: true });
  const changed = await nextChange(tx);
  await vaultStore.destroy(tx, tenant, version, now, changed);
  vault.dataKeys.announce(tx, [{ ...key, wrapped: Buffer.alloc(0), destroyedAt: now, changed }]);
  const facts = { algorithm: key.algorithm ?? 'AES-256-GCM', external: key.externalAt !== undefined };
  await audit.record(tx, { ...entryOf('vault.key_destroyed', tenant, version, by), facts });
}

const entryOf = (action: string, tenant: TenantId, version: string, by: Act): AuditEntry => ({
  ...by,
  action,
  outcome: 'done',
  tenantId: tenant,
  object: { type: 'vault_key', id: version },
});

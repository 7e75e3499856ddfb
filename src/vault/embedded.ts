import type { AuditEntry, AuditSink } from '../kernel/audit.ts';
import { tenantId } from '../kernel/brand.ts';
import { type Clock, hours, systemClock } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import { createSystemRandom, type Random } from '../kernel/random.ts';
import { createSecret, type Secret } from '../kernel/secret.ts';
import { openEmbeddedStorage, type Storage } from '../storage/index.ts';
import type { IndexPlace } from './blind-index.ts';
import { createFieldFunctions, type FieldFunctionDeps, type FieldFunctions } from './compat.ts';
import type { TransitConfig } from './config.ts';
import { createExternal, type External } from './external.ts';
import type { Offered } from './external-items.ts';
import { type Act, createKeys, type Keys, type LegacyImport, type RotationWish } from './keys.ts';
import { parseMasterKey, readMasterKeyFile } from './master-key.ts';
import { createMasterRotation, type MasterRotated } from './master-rotation.ts';
import { vaultMigrations } from './migrations/index.ts';
import { openMasters } from './open-masters.ts';
import type { FieldPlace } from './place.ts';
import { environmentProvider, type MasterKeyProvider } from './provider.ts';
import { fileProvider } from './provider-file.ts';
import { transitProvider } from './transit.ts';
import { openVault } from './vault.ts';

/** Where a master key lies that is handed in. */
export type HandedKey = { readonly file: string } | { readonly base64: string };

export interface EmbeddedVaultOptions {
  /** Where the keys lie, wrapped: `sqlite:` and a file of its own, or `postgres://…`. */
  readonly database: string;
  /** Who keeps the master key: a file (made with mode 0600 where there is none), base64 of 32 bytes, or HashiCorp Vault. */
  readonly masterKey: HandedKey | TransitConfig;
  /** Those before it. What they wrap is wrapped by `masterKey` within seconds of the start; then they need not be handed in. */
  readonly previousMasterKeys?: readonly HandedKey[] | undefined;
  /** A key is followed by a new one after this long; 30 days unless told. */
  readonly rotateEveryMs?: number | undefined;
  /** Hears what is done with keys: made, rotated, imported, destroyed. */
  readonly onEntry?: ((entry: AuditEntry) => void) | undefined;
  /** Hears what fails in the background; it is tried again. */
  readonly onError?: ((error: unknown) => void) | undefined;
  readonly clock?: Clock | undefined;
}

/** Tenants are named by 1 to 64 characters of `[A-Za-z0-9_-]`. @throws TypeError for anything else */
export interface EmbeddedVault {
  /** @throws VAULT_FIELD_TOO_LARGE, VAULT_TEXT_INVALID, VAULT_PROVIDER_AWAY, VAULT_KEY_SPENT */
  seal(tenant: string, place: FieldPlace, text: string): ReturnType<External['seal']>;
  /** @throws VAULT_UNREADABLE, VAULT_KEY_UNKNOWN, VAULT_PROVIDER_AWAY */
  open(tenant: string, place: FieldPlace, sealed: string): ReturnType<External['open']>;
  sealMany(tenant: string, items: readonly Offered[]): ReturnType<External['sealMany']>;
  openMany(tenant: string, items: readonly Offered[]): ReturnType<External['openMany']>;
  /** Seals values anew, each under the key of the moment. */
  rewrapMany(tenant: string, items: readonly Offered[]): ReturnType<External['rewrapMany']>;
  /** The value of a blind index to store beside a sealed one, and every value to look for. */
  index(tenant: string, of: IndexPlace, normalised: string): ReturnType<External['index']>;
  readonly keys: EmbeddedKeys;
  /** `encryptData`, `decryptData` and the other names of older systems. */
  fieldFunctions(wish: FunctionWish): FieldFunctions;
  /**
   * Makes another master key and wraps every key by it. Where the key is handed in as base64 there is nothing to make:
   * open the vault with the next one and this one in `previousMasterKeys`.
   *
   * @throws VAULT_MASTER_FIXED also for a file on PostgreSQL, which other machines do not see; VAULT_MASTER_ROTATING,
   *   VAULT_PROVIDER_AWAY
   */
  rotateMaster(): Promise<MasterRotated>;
  /** Ends what runs, and lets the database go. */
  close(): Promise<void>;
}

export interface FunctionWish extends Pick<FieldFunctionDeps, 'profile' | 'writes' | 'writingKey'> {
  /** `main` unless told. */
  readonly tenant?: string | undefined;
}

/** The keys of tenants. `by` is whom `onEntry` is told of; the operator of this program unless told. */
export interface EmbeddedKeys extends Pick<Keys, 'statusOfAll'> {
  /** Of a tenant, whose first key it makes when there is none. */
  status(tenant: string): ReturnType<Keys['status']>;
  /** Lets a new key follow, for one tenant or for all. @throws VAULT_PROVIDER_AWAY */
  rotate(wish: KeyWish, by?: Act): ReturnType<Keys['rotate']>;
  /** Takes a key of another system to read by. @throws VAULT_KEY_INVALID, VAULT_PROVIDER_AWAY */
  importLegacy(tenant: string, key: LegacyImport, by?: Act): ReturnType<Keys['importLegacy']>;
  /**
   * Destroys a key: nothing sealed under it opens again.
   *
   * @param wish whether all values that you keep were sealed anew
   * @throws VAULT_KEY_NEEDED, VAULT_KEY_MISSING
   */
  destroy(tenant: string, version: string, wish: { readonly externalRewrapped: boolean }, by?: Act): Promise<void>;
}

type KeyWish = Pick<RotationWish, 'reason'> & { readonly tenant?: string | undefined };

const MAX_SEALS = 2 ** 30;
const MAIN = tenantId('main');
const EMBEDDER: Actor = { principal: { kind: 'operator', tenantId: MAIN } };
const NEXT_KEY = 'open the vault with another masterKey, and with this one in previousMasterKeys';

/**
 * Opens a vault of one's own, and makes it where there is none. One process at a time uses a SQLite file; with PostgreSQL
 * as many as there are.
 *
 * @throws STORAGE_LOCKED when another process, or another vault in this one, has the SQLite file
 * @throws VAULT_MASTER_KEY for a master key that is none, or not the one that the database was sealed under
 * @throws VAULT_PROVIDER_AWAY, STORAGE_UNAVAILABLE, STORAGE_NEWER
 */
export async function openEmbeddedVault(options: EmbeddedVaultOptions): Promise<EmbeddedVault> {
  const { clock = systemClock, onEntry, onError = () => undefined } = options;
  const random = createSystemRandom();
  const { storage, close } = await openEmbeddedStorage(options.database, { clock, onError });
  try {
    await storage.migrate(vaultMigrations);
    return await openOn(storage, { ...options, clock, random, onEntry, onError, letGo: close });
  } catch (error) {
    await close();
    throw error;
  }
}

type Opened = EmbeddedVaultOptions & {
  readonly clock: Clock;
  readonly random: Random;
  readonly onError: (error: unknown) => void;
  readonly letGo: () => Promise<void>;
};

async function openOn(storage: Storage, options: Opened): Promise<EmbeddedVault> {
  const { clock, random, onEntry, onError, rotateEveryMs, previousMasterKeys = [] } = options;
  const provider = providerOf(options.masterKey, options);
  const previous = previousMasterKeys.map(keyIn);
  const leadMs = storage.dialect === 'sqlite' ? 0 : undefined; // nobody else has the file
  const masters = await openMasters({
    ...{ storage, provider, previous, clock, random, onError, leadMs },
    graceMs: hours(1),
  });
  const vault = await openVault({ storage, masters, clock, random, onError });
  const audit: AuditSink = {
    record: async (tx, entry) => tx.afterCommit(() => onEntry?.(entry)),
  };
  const rotation = { storage, masters, provider, audit, clock, random, operator: EMBEDDER, leadMs };
  const rotator = createMasterRotation(rotation);
  const keys = createKeys({
    ...{ vault, storage, audit, clock },
    config: { rotateEveryMs, maxSeals: MAX_SEALS },
    retainedBy: async () => [],
    countUnder: async () => 0, // no value is in this database: each key's `external` says that they are elsewhere
    keepFor: () => 0,
  });
  const stop = repeat(onError, [
    [1_000, vault.dataKeys.refresh],
    [5_000, masters.tend],
    [10_000, keys.flushSeals],
    [60_000, keys.rotateDue],
    [60_000, rotator.settle, 'at once'],
  ]);
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await stop();
    await keys.flushSeals().catch(onError);
    await options.letGo();
  };
  return {
    ...doorOf(createExternal({ vault, keys, clock })),
    keys: keysOf(keys),
    fieldFunctions: ({ tenant = MAIN, ...wish }) =>
      createFieldFunctions({ vault, keys, clock, random, ...wish, tenant: tenantId(tenant), by: EMBEDDER }),
    rotateMaster: () => rotator.rotate(EMBEDDER),
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

function doorOf(external: External) {
  return {
    seal: async (tenant: string, place: FieldPlace, text: string) => external.seal(tenantId(tenant), place, text),
    open: async (tenant: string, place: FieldPlace, sealed: string) => external.open(tenantId(tenant), place, sealed),
    sealMany: async (tenant: string, items: readonly Offered[]) => external.sealMany(tenantId(tenant), items),
    openMany: async (tenant: string, items: readonly Offered[]) => external.openMany(tenantId(tenant), items),
    rewrapMany: async (tenant: string, items: readonly Offered[]) => external.rewrapMany(tenantId(tenant), items),
    index: async (tenant: string, of: IndexPlace, normalised: string) =>
      external.index(tenantId(tenant), of, normalised),
  };
}

const keysOf = (keys: Keys): EmbeddedKeys => ({
  statusOfAll: keys.statusOfAll,
  status: async (tenant) => keys.status(tenantId(tenant)),
  rotate: async ({ tenant, reason }, by = EMBEDDER) =>
    keys.rotate({ reason, tenant: tenant === undefined ? undefined : tenantId(tenant) }, by),
  importLegacy: async (tenant, key, by = EMBEDDER) => keys.importLegacy(tenantId(tenant), key, by),
  destroy: async (tenant, version, wish, by = EMBEDDER) => keys.destroy(tenantId(tenant), version, wish, by),
});

function providerOf(key: EmbeddedVaultOptions['masterKey'], { random, onError }: Opened): MasterKeyProvider {
  if ('kind' in key) return transitProvider(key);
  return 'file' in key
    ? fileProvider(key.file, random, onError)
    : environmentProvider(createSecret(key.base64), NEXT_KEY);
}

const keyIn = (key: HandedKey): Secret<Buffer> =>
  'file' in key ? readMasterKeyFile(key.file) : parseMasterKey(createSecret(key.base64));

type Chore = readonly [everyMs: number, work: () => Promise<unknown>, first?: 'at once'];

/** Runs chores on time, none beside itself. @returns ends them, and resolves when the last is done */
function repeat(onError: (error: unknown) => void, chores: readonly Chore[]): () => Promise<void> {
  const running = new Map<Chore, Promise<unknown>>();
  const turn = (chore: Chore): void => {
    if (running.has(chore)) return;
    const work = chore[1]().catch(onError);
    running.set(
      chore,
      work.finally(() => running.delete(chore)),
    );
  };
  const timers = chores.map((chore) => setInterval(turn, chore[0], chore).unref());
  for (const chore of chores) if (chore[2] === 'at once') turn(chore);
  return async () => {
    for (const timer of timers) clearInterval(timer);
    await Promise.all(running.values());
  };
}

import type { AuditEntry, AuditSink } from '../kernel/audit.ts';
import { type TenantId, tenantId } from '../kernel/brand.ts';
import { type Clock, hours, systemClock } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import { createSystemRandom, type Random } from '../kernel/random.ts';
import { createSecret } from '../kernel/secret.ts';
import { createSqliteStorage, openPostgresStorage, type Storage } from '../storage/index.ts';
import { createFieldFunctions, type FieldForm, type FieldFunctions } from './compat.ts';
import type { TransitConfig } from './config.ts';
import { createExternal, type External } from './external.ts';
import { createKeys, type Keys } from './keys.ts';
import { vaultMigrations } from './migrations/index.ts';
import { openMasters } from './open-masters.ts';
import { environmentProvider, type MasterKeyProvider } from './provider.ts';
import { fileProvider } from './provider-file.ts';
import { transitProvider } from './transit.ts';
import { openVault } from './vault.ts';

export interface EmbeddedVaultOptions {
  /** Where the keys lie, wrapped: `sqlite:` and a file of its own, or `postgres://…`. */
  readonly database: string;
  /** Who keeps the master key: a file (made with mode 0600 where there is none), base64 of 32 bytes, or HashiCorp Vault. */
  readonly masterKey: { readonly file: string } | { readonly base64: string } | TransitConfig;
  /** A key is followed by a new one after this long; 30 days unless told. */
  readonly rotateEveryMs?: number | undefined;
  /** Hears what is done with keys: made, rotated, imported, destroyed. */
  readonly onEntry?: ((entry: AuditEntry) => void) | undefined;
  /** Hears what fails in the background; it is tried again. */
  readonly onError?: ((error: unknown) => void) | undefined;
  readonly clock?: Clock | undefined;
}

/** The vault without the server: it seals fields that the program which embeds it keeps in a database of its own. */
export interface EmbeddedVault
  extends Pick<External, 'seal' | 'open' | 'sealMany' | 'openMany' | 'rewrapMany' | 'index'> {
  readonly keys: Keys;
  /** `encryptData`, `decryptData` and the other names of older systems. */
  fieldFunctions(wish: {
    readonly profile: string;
    readonly writes: FieldForm;
    readonly tenant?: TenantId;
  }): FieldFunctions;
  close(): Promise<void>;
}

const MAX_SEALS = 2 ** 30;
const MAIN = tenantId('main');
const EMBEDDER: Actor = { principal: { kind: 'operator', tenantId: MAIN } };

/**
 * Opens a vault of one's own, and makes it where there is none. One process at a time uses a SQLite file; with PostgreSQL
 * as many as there are.
 *
 * @throws VAULT_MASTER_KEY for a master key that is none, or not the one that the database was sealed under
 * @throws VAULT_PROVIDER_AWAY, STORAGE_UNAVAILABLE, STORAGE_NEWER
 */
export async function openEmbeddedVault(options: EmbeddedVaultOptions): Promise<EmbeddedVault> {
  const { database, clock = systemClock, onEntry, onError = () => undefined } = options;
  const random = createSystemRandom();
  const storage = await storageAt(database, clock, onError);
  try {
    await storage.migrate(vaultMigrations);
    return await openOn(storage, { ...options, clock, random, onEntry, onError });
  } catch (error) {
    await storage.close();
    throw error;
  }
}

type Opened = EmbeddedVaultOptions & {
  readonly clock: Clock;
  readonly random: Random;
  readonly onError: (error: unknown) => void;
};

async function openOn(storage: Storage, options: Opened): Promise<EmbeddedVault> {
  const { clock, random, onEntry, onError, rotateEveryMs } = options;
  const provider = providerOf(options.masterKey, random);
  const masters = await openMasters({ storage, provider, clock, random, graceMs: hours(1), onError });
  const vault = await openVault({ storage, masters, clock, random });
  const audit: AuditSink = {
    record: async (tx, entry) => tx.afterCommit(() => onEntry?.(entry)),
  };
  const keys = createKeys({
    ...{ vault, storage, audit, clock },
    config: { rotateEveryMs, maxSeals: MAX_SEALS },
    retainedBy: async () => [],
    countUnder: async () => 0, // no value is in this database: each key's `external` says that they are elsewhere
    keepFor: () => 0,
  });
  const external = createExternal({ vault, keys, clock });
  const stop = repeat(onError, [
    [1_000, vault.dataKeys.refresh],
    [5_000, masters.tend],
    [10_000, keys.flushSeals],
    [60_000, keys.rotateDue],
  ]);
  return {
    ...external,
    keys,
    fieldFunctions: ({ profile, writes, tenant = MAIN }) =>
      createFieldFunctions({ vault, keys, clock, random, tenant, profile, writes, by: EMBEDDER }),
    close: async () => {
      await stop();
      await keys.flushSeals().catch(onError);
      await storage.close();
    },
  };
}

async function storageAt(url: string, clock: Clock, onError: (error: unknown) => void): Promise<Storage> {
  if (url.startsWith('sqlite:')) return createSqliteStorage({ file: url.slice('sqlite:'.length), clock, onError });
  if (/^postgres(ql)?:\/\//.test(url)) return openPostgresStorage({ url, clock, onError });
  throw new TypeError('database must begin with sqlite: or postgres://');
}

function providerOf(key: EmbeddedVaultOptions['masterKey'], random: Random): MasterKeyProvider {
  if ('kind' in key) return transitProvider(key);
  return 'file' in key ? fileProvider(key.file, random) : environmentProvider(createSecret(key.base64));
}

type Chore = readonly [everyMs: number, work: () => Promise<unknown>];

/** Runs chores on time, none beside itself. @returns ends them, and resolves when the last is done */
function repeat(onError: (error: unknown) => void, chores: readonly Chore[]): () => Promise<void> {
  const running = new Map<Chore, Promise<unknown>>();
  const timers = chores.map((chore) => {
    const turn = (): void => {
      if (running.has(chore)) return;
      const work = chore[1]().catch(onError);
      running.set(
        chore,
        work.finally(() => running.delete(chore)),
      );
    };
    return setInterval(turn, chore[0]).unref();
  });
  return async () => {
    for (const timer of timers) clearInterval(timer);
    await Promise.all(running.values());
  };
}

import type { Clock } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';
import { createSecret } from '../kernel/secret.ts';
import { openEmbeddedStorage, type Storage } from '../storage/index.ts';
import {
  environmentProvider,
  fileProvider,
  type MasterKeyProvider,
  openMasters,
  openVault,
  type Vault,
  vaultMigrations,
} from '../vault/index.ts';
import { factorMigrations } from './migrations/factor.ts';

/** Where the master key lies: a file, made with mode 0600 where there is none, or the base64 of 32 bytes. */
export type EmbeddedKey = { readonly file: string } | { readonly base64: string };

export interface GroundWish {
  /** `sqlite:` and a file of its own, or `postgres://…`. */
  readonly database: string;
  readonly masterKey: EmbeddedKey;
  readonly clock: Clock;
  readonly random: Random;
  readonly onError: (error: unknown) => void;
}

/** A database with the tables of second factors, and the keys to what is sealed in it. */
export interface Ground {
  readonly storage: Storage;
  readonly vault: Vault;
  readonly close: () => Promise<void>;
}

/** @throws STORAGE_LOCKED, STORAGE_UNAVAILABLE, STORAGE_NEWER, VAULT_MASTER_KEY */
export async function openGround({ database, masterKey, clock, random, onError }: GroundWish): Promise<Ground> {
  const { storage, close } = await openEmbeddedStorage(database, { clock, onError });
  try {
    await storage.migrate([...vaultMigrations, ...factorMigrations]);
    const provider = providerOf(masterKey, random, onError);
    const leadMs = storage.dialect === 'sqlite' ? 0 : undefined; // nobody else has the file
    const masters = await openMasters({ storage, provider, clock, random, graceMs: 0, leadMs, onError });
    return { storage, vault: await openVault({ storage, masters, clock, random, onError }), close };
  } catch (error) {
    await close();
    throw error;
  }
}

const FIX = 'open it with the master key that it was made with';

const providerOf = (key: EmbeddedKey, random: Random, onError: (error: unknown) => void): MasterKeyProvider =>
  'file' in key ? fileProvider(key.file, random, onError) : environmentProvider(createSecret(key.base64), FIX);

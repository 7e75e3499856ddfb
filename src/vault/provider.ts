import type { Random } from '../kernel/random.ts';
import { createSecret, type Secret } from '../kernel/secret.ts';
import { vaultFault } from './errors.ts';
import { masterFault } from './master-errors.ts';
import { parseMasterKey } from './master-key.ts';

/** Where the master key is kept; `memory` is that of tests and of databases that do not outlive their process. */
export type ProviderKind = 'file' | 'environment' | 'transit' | 'memory';

/** A master key that a provider has made. */
export interface MadeMaster {
  readonly bytes: Secret<Buffer>;
  /** As a remote provider wrapped it, to be kept in the database; a local one keeps the bytes itself. */
  readonly wrapped?: Uint8Array;
}

/** Keeps master keys. A local one holds their bytes; a remote one wraps each once, and opens it at every start. */
export interface MasterKeyProvider {
  readonly kind: ProviderKind;
  /** Those that it holds itself, the one that is meant to be used first; a remote provider holds none. */
  held(): readonly Secret<Buffer>[];
  /** @throws VAULT_PROVIDER_AWAY, VAULT_MASTER_FIXED where others make them */
  make(): Promise<MadeMaster>;
  /** Opens one that it has wrapped. @throws VAULT_PROVIDER_AWAY, VAULT_MASTER_KEY */
  open(wrapped: Uint8Array): Promise<Secret<Buffer>>;
  /** From now on this one wraps everything, so its place becomes the lasting one; asked again it does nothing. */
  settle(id: string): void;
  /** Why the key of a database might not be among those held, as a sentence for the operator. */
  explainLack(id: string): string;
}

const NOT_OURS = 'it is not the one that this database was sealed under';

const BY_RESTART = 'set TWINKEEP_MASTER_KEY to a new key and TWINKEEP_MASTER_KEY_PREVIOUS to this one, and start again';

const keepsNothing = async (): Promise<never> => {
  throw vaultFault('VAULT_MASTER_KEY', {
    reason: 'it was wrapped by another provider than the one that is configured',
  });
};

/**
 * The master key that the environment hands in. Another one follows it by a new setting and a restart, with this one
 * still handed in as an earlier one.
 *
 * @param text the base64 of exactly 32 bytes
 * @param fix how another follows it, for who asks this one to make it
 * @throws VAULT_MASTER_KEY
 */
export function environmentProvider(text: Secret, fix: string = BY_RESTART): MasterKeyProvider {
  const bytes = parseMasterKey(text);
  return {
    kind: 'environment',
    held: () => [bytes],
    make: async () => {
      throw masterFault('VAULT_MASTER_FIXED', { reason: fix });
    },
    open: keepsNothing,
    settle: () => undefined,
    explainLack: () => NOT_OURS,
  };
}

/** A master key that ends with the process, for a database that does too. */
export function memoryProvider(random: Random): MasterKeyProvider {
  const held = [createSecret(random.bytes(32))];
  return {
    kind: 'memory',
    held: () => held,
    make: async () => {
      const bytes = createSecret(random.bytes(32));
      held.push(bytes);
      return { bytes };
    },
    open: keepsNothing,
    settle: () => undefined,
    explainLack: () => NOT_OURS,
  };
}

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';
import type { Secret } from '../kernel/secret.ts';
import type { Storage } from '../storage/index.ts';
import {
  environmentProvider,
  fileProvider,
  type MasterKeyProvider,
  memoryProvider,
  type OpenMasters,
  openMasters,
  parseMasterKey,
  transitProvider,
  type VaultConfig,
  vaultFault,
} from '../vault/index.ts';

/** The settings that say who keeps the master key. */
export interface MasterSettings {
  readonly data: string;
  readonly masterKey?: Secret | undefined;
  /** The one before a change, or the one to come where several machines change one after another: it only opens. */
  readonly previousMasterKey?: Secret | undefined;
  readonly vault: Pick<VaultConfig, 'provider' | 'providerGraceMs'>;
}

export interface MasterDeps {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly random: Random;
  /** False where the database does not outlive the process. */
  readonly ownFolder: boolean;
  /** True where no other thread or process uses the database: a new master key is then used at once. */
  readonly isAlone: boolean;
  readonly onError: (error: unknown) => void;
}

/** The master keys, and the provider that keeps them, which a rotation needs. */
export interface MasterKeyring {
  readonly masters: OpenMasters;
  readonly provider: MasterKeyProvider;
  /** How long a new master key is announced before it is used. */
  readonly leadMs: number | undefined;
}

/**
 * The master keys of a migrated database: from the environment, else from HashiCorp Vault, else from the file in the
 * data folder, which is generated once.
 *
 * @throws VAULT_MASTER_KEY also when the file is gone while the database holds keys that only it opens: a new one in
 *   its place would make everything sealed unreadable, silently
 * @throws VAULT_PROVIDER_AWAY
 */
export async function openMasterKeys(config: MasterSettings, deps: MasterDeps): Promise<MasterKeyring> {
  const { ownFolder, isAlone, random, ...rest } = deps;
  const { onError } = rest;
  const file = join(config.data, 'master.key');
  const provider = providerOf(config, file, deps);
  const handedIn = config.previousMasterKey === undefined ? [] : [parseMasterKey(config.previousMasterKey)];
  // A key of the environment must not take the place of the file's by a slip, so there the latter is handed in by name.
  const inFolder = provider.kind === 'transit' && ownFolder && existsSync(config.data);
  const previous = [...handedIn, ...(inFolder ? fileProvider(file, random, onError).held() : [])];
  const leadMs = isAlone ? 0 : undefined;
  const graceMs = config.vault.providerGraceMs;
  return { masters: await openMasters({ ...rest, provider, previous, random, graceMs, leadMs }), provider, leadMs };
}

function providerOf(
  config: MasterSettings,
  file: string,
  { ownFolder, random, onError }: MasterDeps,
): MasterKeyProvider {
  const { masterKey, vault } = config;
  if (masterKey !== undefined && vault.provider !== undefined) {
    const reason = 'TWINKEEP_MASTER_KEY and vault.provider both name one; hand the former in as an earlier one';
    throw vaultFault('VAULT_MASTER_KEY', { reason: `${reason}: TWINKEEP_MASTER_KEY_PREVIOUS` });
  }
  if (masterKey !== undefined) return environmentProvider(masterKey);
  if (vault.provider !== undefined) return transitProvider(vault.provider);
  return ownFolder ? fileProvider(file, random, onError) : memoryProvider(random);
}

import { type EpochMs, epochMs } from '../kernel/brand.ts';
import type { Secret } from '../kernel/secret.ts';
import { vaultFault } from './errors.ts';
import type { MasterKey } from './master-key.ts';
import type { ProviderKind } from './provider.ts';
import type { StoredMaster } from './store-masters.ts';

/** How the provider of the master key stands to this process. */
export interface MasterState {
  readonly provider: ProviderKind;
  /** False while it does not answer, or lacks a key in use: then no key is wrapped, and none unwrapped. */
  readonly reachable: boolean;
  /** When it answered last. */
  readonly reachedAt: EpochMs;
  /** For how long keys that are open go on without it. */
  readonly graceMs: number;
}

/** What the rest of the vault wraps with and unwraps by. Live: a rotation or an outage shows in the same object. */
export interface MasterKeys {
  /** @throws VAULT_PROVIDER_AWAY while the provider does not answer: no new key is wrapped then */
  readonly current: MasterKey;
  /**
   * @param id null: the first master of this database
   * @throws VAULT_PROVIDER_AWAY also for one in use that is not held here; VAULT_MASTER_KEY for another that is not
   */
  of(id: string | null): MasterKey;
  /**
   * For keys that are open already.
   *
   * @throws VAULT_PROVIDER_AWAY when the provider has been away for longer than the grace, and at once when a master in
   *   use is not held here
   */
  assertLent(): void;
  readonly state: MasterState;
}

/** The master keys of a database, as this process holds them. */
export interface OpenMasters extends MasterKeys {
  /** All that the database has had, oldest first, as they were read last. */
  readonly known: readonly StoredMaster[];
  /** The one that is current, or will be as soon as every process has had the time to learn of it. */
  readonly newest: StoredMaster;
  /** Whether a master in use is not held here, and will not be without the operator: another machine has made it. */
  readonly isLacking: boolean;
  /** Whether the newest comes from another provider than the configured one, or is not the key that it hands in. */
  readonly isOutgrown: boolean;
  /** The current key itself, for recovery shares. @throws VAULT_PROVIDER_AWAY */
  bytes(): Secret<Buffer>;
  /** The secret scalars of the identities that open backups: the current key's first, then those of earlier keys. */
  backupIdentities(): readonly Secret<Buffer>[];
  /** Reads which masters there are, and opens those that other processes have made. */
  learn(): Promise<void>;
  /** Learns, and asks a remote provider every 30 s whether it is still there. A job of every process, every 5 s. */
  tend(): Promise<void>;
}

/** One master that is always there. */
export function singleMaster(master: MasterKey): MasterKeys {
  return {
    current: master,
    of: (id) => {
      if (id === null || id === master.id) return master;
      throw vaultFault('VAULT_MASTER_KEY', { reason: `the master ${id} is not held here` });
    },
    assertLent: () => undefined,
    state: { provider: 'memory', reachable: true, reachedAt: epochMs(0), graceMs: 0 },
  };
}

import type { MasterKeyProvider } from './provider.ts';
import type { StoredMaster } from './store-masters.ts';

/**
 * What the operator has to do for a process that does not hold a master key which the database is under, as one line of
 * the log: what keys are in use elsewhere, this process can neither open nor follow.
 */
export function lackLine({ kind }: Pick<MasterKeyProvider, 'kind'>, { id, provider }: StoredMaster): string {
  const what = `the database is under the master key ${id} now, which this process does not hold: everything sealed is refused here`;
  return `${what}; ${fixOf(kind, provider)}`;
}

function fixOf(kind: MasterKeyProvider['kind'], keeper: string | null): string {
  if (keeper === 'transit') return 'HashiCorp Vault keeps it: configure vault.provider here too, and start again';
  switch (kind) {
    case 'file':
      return 'copy master.key from the machine that made it to master.key.next here, or start with the same TWINKEEP_MASTER_KEY or vault.provider on every machine';
    case 'environment':
      return 'hand it in too, as TWINKEEP_MASTER_KEY_PREVIOUS or TWINKEEP_MASTER_KEY, and start again';
    case 'transit':
    case 'memory':
      return `it was made with the provider "${keeper ?? 'file'}": start with the same one on every machine`;
  }
}

/** How the operator of a file on a database of several machines comes to a master key that can be replaced. */
export const FIXED_FILE =
  'other machines may use this database, and each has a file of its own: start all of them with its content as TWINKEEP_MASTER_KEY, or with vault.provider, and replace it there';

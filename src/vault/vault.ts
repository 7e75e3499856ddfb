import type { TenantId } from '../kernel/brand.ts';
import { platform } from '../kernel/tx.ts';
import { createDataKeys, type DataKeyDeps } from './data-keys.ts';
import { vaultFault } from './errors.ts';
import { openField, sealField } from './field.ts';
import type { FieldPlace } from './place.ts';
import { vaultStore } from './store.ts';
import { createSubjectKeys, type SubjectKeys } from './subjects.ts';

/** Seals and opens fields of one tenant; synchronous, for its keys are open already. */
export interface FieldSealer {
  /** @throws VAULT_FIELD_TOO_LARGE */
  seal(place: FieldPlace, text: string): string;
  /** @throws VAULT_UNREADABLE, VAULT_KEY_UNKNOWN */
  open(place: FieldPlace, sealed: string): string;
}

export interface Vault {
  /** The tenant's sealer, with every key that exists now. Ask again for each piece of work: keys rotate. */
  fields(tenantId: TenantId): Promise<FieldSealer>;
  readonly subjects: SubjectKeys;
}

/** Whether a migrated database holds keys already, which only their own master key opens. */
export const hasSealedKeys = async (storage: DataKeyDeps['storage']): Promise<boolean> =>
  (await storage.read(platform, vaultStore.masters)).length > 0;

/**
 * Opens the vault on a migrated database.
 *
 * @throws VAULT_MASTER_KEY when the database's keys were wrapped by another master key
 */
export async function openVault(deps: DataKeyDeps): Promise<Vault> {
  const { storage, master, clock, random } = deps;
  await storage.write(platform, async (tx) => {
    const masters = await vaultStore.masters(tx);
    if (masters.length === 0) await vaultStore.addMaster(tx, master.id, clock.now());
    else if (!masters.includes(master.id)) {
      throw vaultFault('VAULT_MASTER_KEY', { reason: 'it is not the one that this database was sealed under' });
    }
  });
  const keyringOf = createDataKeys(deps);
  return {
    subjects: createSubjectKeys(deps),
    fields: async (tenantId) => {
      const ring = await keyringOf(tenantId);
      return {
        seal: (place, text) => sealField(ring.current, place, text, random),
        open: (place, sealed) => openField(ring.of, place, sealed),
      };
    },
  };
}

import type { TenantId } from '../kernel/brand.ts';
import type { Random } from '../kernel/random.ts';
import { platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { type BlindIndexer, createBlindIndexer, type IndexPlace } from './blind-index.ts';
import { createDataKeys, type DataKeyDeps, type DataKeys } from './data-keys.ts';
import { vaultFault } from './errors.ts';
import { openField, sealField } from './field.ts';
import type { Keyring } from './keyring.ts';
import type { MasterKeys } from './masters.ts';
import type { FieldPlace } from './place.ts';
import { vaultStore } from './store.ts';
import { createSubjectKeys, type SubjectKeys } from './subjects.ts';

/**
 * Seals and opens fields of one tenant; synchronous, for its keys are open already. Live: keep it as long as you like,
 * it seals under the current key of the moment.
 */
export interface FieldSealer {
  /** The version that seals now. @throws VAULT_PROVIDER_AWAY */
  readonly version: string;
  /** @throws VAULT_FIELD_TOO_LARGE, VAULT_KEY_SPENT, VAULT_PROVIDER_AWAY */
  seal(place: FieldPlace, text: string): string;
  /** @throws VAULT_UNREADABLE, VAULT_KEY_UNKNOWN naming the version, VAULT_PROVIDER_AWAY */
  open(place: FieldPlace, sealed: string): string;
  /** What to store beside the sealed value to find it by: `bi1.<version>.<22 characters>`. @throws VAULT_PROVIDER_AWAY */
  index(of: IndexPlace, normalised: string): string;
  /**
   * Every value to look for, the newest first: one per version that may still index a value, so that both sides of a
   * rotation are found. @throws VAULT_PROVIDER_AWAY
   */
  indexes(of: IndexPlace, normalised: string): readonly string[];
}

export interface Vault {
  /**
   * The tenant's sealer. Where other processes may have rotated, ask after a read and before opening what it read; for
   * longer work it may be kept.
   *
   * @throws VAULT_PROVIDER_AWAY when the tenant's keys are not open yet and cannot be made
   */
  fields(tenantId: TenantId): Promise<FieldSealer>;
  readonly subjects: SubjectKeys;
  /** For the vault's own rooms: what makes, changes and counts keys. */
  readonly dataKeys: DataKeys;
  readonly masters: MasterKeys;
}

/** Tables of values that are kept outside; none of ours has a dot in its name. */
const EXTERNAL = 'external.';

/** Whether a migrated database holds keys already, which only their own master key opens. */
export const hasSealedKeys = async (storage: Storage): Promise<boolean> =>
  (await storage.read(platform, vaultStore.masters)).length > 0;

/**
 * Opens the vault on a migrated database.
 *
 * @throws VAULT_MASTER_KEY when the database's keys were wrapped by another master key
 */
export async function openVault(deps: DataKeyDeps): Promise<Vault> {
  const { storage, masters, clock, random } = deps;
  await storage.write(platform, async (tx) => {
    const known = await vaultStore.masters(tx);
    const { id } = masters.current;
    if (known.length === 0) await vaultStore.addMaster(tx, id, masters.state.provider, clock.now());
    else if (!known.includes(id)) {
      throw vaultFault('VAULT_MASTER_KEY', { reason: 'it is not the one that this database was sealed under' });
    }
  });
  const dataKeys = await createDataKeys(deps);
  const sealers = new WeakMap<Keyring, Promise<FieldSealer>>();
  const indexer = createBlindIndexer();

  function sealerFor(ring: Keyring): Promise<FieldSealer> {
    const sealer = sealers.get(ring) ?? Promise.resolve(sealerOf(ring, random, indexer));
    sealers.set(ring, sealer);
    return sealer;
  }

  return {
    masters,
    dataKeys,
    subjects: createSubjectKeys({ ...deps, onDestroyed: dataKeys.scrubbing.soon }),
    fields: (tenantId) => {
      const held = dataKeys.held(tenantId);
      const known = held && sealers.get(held); // mostly there: a field is sealed in less than it takes to ask for more
      return known ?? dataKeys.ring(tenantId).then(sealerFor);
    },
  };
}

function sealerOf(ring: Keyring, random: Random, indexer: BlindIndexer): FieldSealer {
  return {
    get version() {
      return ring.current().version;
    },
    seal: (place, text) => sealField(ring.spend(), place, text, random),
    open: (place, sealed) => openField(ring.of, place, sealed),
    index: (of, normalised) => indexer(ring.current(), of, normalised),
    indexes: (of, normalised) => {
      const keys = ring.searched(of.table.startsWith(EXTERNAL)); // a walk of ours does not see when those are gone
      return keys.map((key) => indexer(key, of, normalised)).reverse();
    },
  };
}

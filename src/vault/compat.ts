import { NONCE_BYTES, sealBareGcm, sealFernet } from '../crypto/index.ts';
import type { TenantId } from '../kernel/brand.ts';
import { type Clock, rfc3339 } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';
import { vaultFault } from './errors.ts';
import { createExternal } from './external.ts';
import type { LegacyKey } from './keyring.ts';
import type { Act, Keys } from './keys.ts';
import { isSameKey, type LegacyAlgorithm, type LegacyBytes } from './legacy.ts';
import type { Vault } from './vault.ts';

/**
 * The functions of the systems that Twinkeep takes over, under their old names. They read every form: envelopes, and
 * what imported keys open. What they write is a setting, for as long as other programs read the columns.
 */
export interface FieldFunctions {
  /**
   * @param text UTF-8, at most 65,536 bytes.
   * @throws VAULT_FIELD_TOO_LARGE; VAULT_KEY_MISSING where a legacy form is written and no such key was imported, or
   * several were and none is named to write under; TypeError for text with lone surrogates, which would come back as other text
   */
  encryptData(text: string): Promise<string>;
  /** @throws VAULT_UNREADABLE, VAULT_KEY_UNKNOWN */
  decryptData(encrypted: string): Promise<string>;
  /**
   * As `encryptData`; the envelope opens under the same field name alone. The legacy forms bind nothing.
   *
   * @param fieldName Without NUL.
   */
  encryptSensitiveField(text: string, fieldName: string): Promise<string>;
  /** @throws VAULT_UNREADABLE, VAULT_KEY_UNKNOWN */
  decryptSensitiveField(encrypted: string, fieldName: string): Promise<string>;
  getKeyStatus(): Promise<FieldKeyStatus>;
  /** Makes a new key at once; what was sealed before still opens. */
  rotateKeys(): Promise<RotatedKeys>;
}

/** What is told of the tenant's keys, in the words of the old function. */
export interface FieldKeyStatus {
  /** As in `v_20240827_140523_a1b2`. */
  readonly current_version: string;
  readonly days_until_rotation: number;
  readonly algorithm: 'AES-256-GCM';
}

export interface RotatedKeys {
  readonly old_version: string;
  readonly new_version: string;
  /** From when on the new one seals, RFC 3339. */
  readonly rotated_at: string;
}

/** What the functions write: our envelope, or what the programs of before can read. */
export type FieldForm = 'envelope' | LegacyAlgorithm;

export interface FieldFunctionDeps {
  readonly vault: Pick<Vault, 'fields'>;
  readonly keys: Pick<Keys, 'legacyKeys' | 'markExternal' | 'status' | 'rotate'>;
  readonly tenant: TenantId;
  /** Name of the profile, which is bound to envelopes with the field's name. */
  readonly profile: string;
  readonly writes: FieldForm;
  /**
   * What a legacy form is written under: the version of an imported key, or the key itself, which must be imported. Left
   * out, or of another algorithm, it is the only imported key of the form.
   */
  readonly writingKey?: string | LegacyBytes | undefined;
  readonly clock: Clock;
  readonly random: Random;
  /** Whom the audit log names for a rotation. */
  readonly by: Act;
}

const MAX_BYTES = 65_536; // of an envelope: what is written now has to fit into one later
const IV_BYTES = 16;
const WITHOUT_NAME = 'data';

export function createFieldFunctions(deps: FieldFunctionDeps): FieldFunctions {
  const { keys, tenant, profile, writes, by } = deps;
  const external = createExternal(deps);
  const placeOf = (column: string) => ({ table: `profile:${profile}`, column, row: '' });

  async function encrypt(text: string, column: string): Promise<string> {
    if (!text.isWellFormed()) throw new TypeError('text with lone surrogates cannot be sealed');
    if (writes !== 'envelope') return sealLegacy(deps, writes, text);
    return (await external.seal(tenant, placeOf(column), text)).sealed;
  }

  const decrypt = async (sealed: string, column: string): Promise<string> =>
    (await external.open(tenant, placeOf(column), sealed)).text;

  return {
    encryptData: (text) => encrypt(text, WITHOUT_NAME),
    decryptData: (sealed) => decrypt(sealed, WITHOUT_NAME),
    encryptSensitiveField: encrypt,
    decryptSensitiveField: decrypt,
    getKeyStatus: async () => {
      const { current_version, days_until_rotation, algorithm } = await keys.status(tenant);
      return { current_version, days_until_rotation, algorithm };
    },
    rotateKeys: async () => {
      const [rotation] = await keys.rotate({ tenant, reason: 'manual' }, by);
      if (rotation === undefined) throw new TypeError('a tenant has a key to rotate');
      const { old_version, new_version, active_at } = rotation;
      return { old_version, new_version, rotated_at: rfc3339(active_at) };
    },
  };
}

/**
 * Seals under an imported key, so that what is written opens here too. Nothing counts these seals: the key is that of an earlier
 * program, which may go on sealing under it as well.
 */
async function sealLegacy(
  { keys, tenant, clock, random, writingKey }: FieldFunctionDeps,
  algorithm: LegacyAlgorithm,
  text: string,
): Promise<string> {
  const plaintext = Buffer.from(text);
  if (plaintext.length > MAX_BYTES) throw vaultFault('VAULT_FIELD_TOO_LARGE', { max_bytes: MAX_BYTES });
  const key = keyToWriteUnder(await keys.legacyKeys(tenant), algorithm, writingKey);
  return key.algorithm === 'fernet'
    ? sealFernet(key.key, plaintext, { now: clock.now(), iv: random.bytes(IV_BYTES) })
    : sealBareGcm(key.key, random.bytes(NONCE_BYTES), plaintext);
}

/** A key that is imported to read by must not become the one that is written under: other programs do not have it. */
function keyToWriteUnder(
  imported: readonly LegacyKey[],
  algorithm: LegacyAlgorithm,
  wish: FieldFunctionDeps['writingKey'],
): LegacyKey {
  const fitting = imported.filter((key) => key.algorithm === algorithm);
  const named = typeof wish === 'string' || wish?.algorithm === algorithm ? wish : undefined;
  const found = named === undefined ? fitting : fitting.filter((key) => isNamed(key, named));
  const [key] = found;
  if (key !== undefined && (found.length === 1 || named !== undefined)) return key;
  const fix =
    found.length > 1
      ? 'name the one to write under: writingKey, or encryptionKey of the profile'
      : `twinkeep keys import --from ${algorithm} --key-file FILE`;
  throw vaultFault('VAULT_KEY_MISSING', { algorithm, ...(found.length > 1 ? { imported: found.length } : {}), fix });
}

const isNamed = (key: LegacyKey, name: string | LegacyBytes): boolean =>
  typeof name === 'string' ? key.version === name : isSameKey(key, name);

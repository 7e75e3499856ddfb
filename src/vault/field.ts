import type { KeyObject } from 'node:crypto';
import { decodeBase64url, encodeBase64url, open, seal } from '../crypto/index.ts';
import type { TenantId } from '../kernel/brand.ts';
import type { Random } from '../kernel/random.ts';
import { vaultFault } from './errors.ts';
import { type FieldPlace, fieldAad } from './place.ts';

const MAX_BYTES = 65_536;
const NONCE_BYTES = 12;
const ENVELOPE = /^tk1\.(v_\d{8}_\d{6}_[0-9a-f]{4})\.([A-Za-z0-9_-]+)$/;

/** A data key of one tenant and its version name, as in `v_20240827_140523_a1b2`. */
export interface DataKey {
  readonly tenantId: TenantId;
  readonly version: string;
  readonly key: KeyObject;
}

/**
 * Seals one field so that it opens only where it was sealed.
 *
 * @param place Table, column and row; bound as AAD with tenant and version, so a ciphertext copied elsewhere does not open.
 * @param text UTF-8, at most 65,536 bytes.
 * @returns `tk1.<version>.<base64url of nonce | ciphertext | tag>`: 12-byte random nonce, 16-byte tag.
 * @throws VAULT_FIELD_TOO_LARGE
 * @see NIST SP 800-38D §8.3: random 96-bit nonces allow 2^32 seals per key
 */
export function sealField(dataKey: DataKey, place: FieldPlace, text: string, random: Random): string {
  const plaintext = Buffer.from(text);
  if (plaintext.length > MAX_BYTES) throw vaultFault('VAULT_FIELD_TOO_LARGE', { max_bytes: MAX_BYTES });
  const aad = fieldAad(dataKey.version, dataKey.tenantId, place);
  const sealed = seal(dataKey.key, random.bytes(NONCE_BYTES), plaintext, aad);
  return `tk1.${dataKey.version}.${encodeBase64url(sealed)}`;
}

/**
 * Opens one field.
 *
 * @param keyOf the tenant's data key of a version
 * @throws VAULT_KEY_UNKNOWN naming the version; VAULT_UNREADABLE for anything else: not an envelope, altered, moved
 */
export function openField(keyOf: (version: string) => DataKey | undefined, place: FieldPlace, sealed: string): string {
  const [, version = '', payload = ''] = ENVELOPE.exec(sealed) ?? [];
  if (version === '' || sealed.endsWith('\n')) throw vaultFault('VAULT_UNREADABLE');
  const dataKey = keyOf(version);
  if (dataKey === undefined) throw vaultFault('VAULT_KEY_UNKNOWN', { version });
  const bytes = decodeBase64url(payload);
  const plaintext = bytes && open(dataKey.key, bytes, fieldAad(version, dataKey.tenantId, place));
  if (plaintext === undefined) throw vaultFault('VAULT_UNREADABLE');
  return plaintext.toString();
}

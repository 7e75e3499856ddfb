import type { KeyObject } from 'node:crypto';
import { decodeBase64url, encodeBase64url, open, seal } from '../crypto/index.ts';
import type { TenantId } from '../kernel/brand.ts';
import type { Random } from '../kernel/random.ts';
import { vaultFault } from './errors.ts';
import { type FieldPlace, fieldAad } from './place.ts';

const MAX_BYTES = 65_536;
const NONCE_BYTES = 12;
const PREFIX = 'tk1.';
const VERSION_AT = PREFIX.length;
const PAYLOAD_AT = VERSION_AT + 'v_YYYYMMDD_HHMMSS_xxxx.'.length;
const ENVELOPE = /^tk1\.v_\d{8}_\d{6}_[0-9a-f]{4}\.[A-Za-z0-9_-]+$/;

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
 * @throws VAULT_FIELD_TOO_LARGE; VAULT_TEXT_INVALID for lone surrogates, which would come back as other text
 * @see NIST SP 800-38D §8.3: random 96-bit nonces allow 2^32 seals per key
 */
export function sealField(dataKey: DataKey, place: FieldPlace, text: string, random: Random): string {
  // A unit of UTF-16 takes at most three bytes of UTF-8: short text need not be measured.
  if (text.length > MAX_BYTES / 3 && Buffer.byteLength(text) > MAX_BYTES) {
    throw vaultFault('VAULT_FIELD_TOO_LARGE', { max_bytes: MAX_BYTES });
  }
  if (!text.isWellFormed()) throw vaultFault('VAULT_TEXT_INVALID', { where: 'text' });
  const aad = fieldAad(dataKey.version, dataKey.tenantId, place);
  const sealed = seal(dataKey.key, random.bytes(NONCE_BYTES), text, aad);
  return `tk1.${dataKey.version}.${encodeBase64url(sealed)}`;
}

/**
 * Opens one field.
 *
 * @param keyOf the tenant's data key of a version
 * @throws VAULT_KEY_UNKNOWN naming the version; VAULT_UNREADABLE for anything else: not an envelope, altered, moved
 */
export function openField(keyOf: (version: string) => DataKey | undefined, place: FieldPlace, sealed: string): string {
  const version = sealed.slice(VERSION_AT, PAYLOAD_AT - 1);
  if (!sealed.startsWith(PREFIX) || sealed[PAYLOAD_AT - 1] !== '.') throw vaultFault('VAULT_UNREADABLE');
  const dataKey = keyOf(version);
  if (dataKey === undefined) {
    // Looked at only here: a version that is known has the form of one.
    throw isEnvelope(sealed) ? vaultFault('VAULT_KEY_UNKNOWN', { version }) : vaultFault('VAULT_UNREADABLE');
  }
  const bytes = decodeBase64url(sealed.slice(PAYLOAD_AT));
  const plaintext = bytes && open(dataKey.key, bytes, fieldAad(version, dataKey.tenantId, place));
  if (plaintext === undefined) throw vaultFault('VAULT_UNREADABLE');
  return plaintext.toString();
}

const isEnvelope = (sealed: string): boolean => ENVELOPE.test(sealed) && !sealed.endsWith('\n');

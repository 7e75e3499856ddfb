import { createSecretKey, type KeyObject } from 'node:crypto';
import { encodeBase64url, hkdfSha256, hmacSha256 } from '../crypto/index.ts';
import type { DataKey } from './field.ts';
import { aadOf } from './place.ts';

/** Whose values are compared with each other: those of one column. */
export interface IndexPlace {
  readonly table: string;
  readonly column: string;
}

const TAG_BYTES = 16;
const MAX_DERIVED = 256;

/**
 * A keyed digest of a value, by which rows are found without being opened: the same for the same value under the same
 * key version, tenant, table and column, and unrelated in any other. It tells who sees the column which rows hold the
 * same value, and nothing to who has neither the key nor a way to have values indexed.
 *
 * @returns `bi1.<version>.<base64url of 16 bytes of HMAC-SHA-256>`
 */
export type BlindIndexer = (dataKey: DataKey, place: IndexPlace, normalised: string) => string;

export function createBlindIndexer(): BlindIndexer {
  const derived = new WeakMap<KeyObject, Map<string, KeyObject>>(); // gone with the data key

  function keyOf({ key, tenantId, version }: DataKey, { table, column }: IndexPlace): KeyObject {
    const keys = derived.get(key) ?? new Map<string, KeyObject>();
    derived.set(key, keys);
    const info = aadOf('blind-index', version, tenantId, table, column);
    const name = info.toString();
    const known = keys.get(name);
    if (known !== undefined) return known;
    if (keys.size >= MAX_DERIVED) for (const oldest of keys.keys()) if (keys.delete(oldest)) break; // names come from outside too
    const bytes = hkdfSha256(key, { salt: '', info, length: 32 });
    const made = createSecretKey(bytes);
    bytes.fill(0);
    keys.set(name, made);
    return made;
  }

  return (dataKey, place, normalised) => {
    const tag = hmacSha256(keyOf(dataKey, place), normalised).subarray(0, TAG_BYTES);
    return `bi1.${dataKey.version}.${encodeBase64url(tag)}`;
  };
}

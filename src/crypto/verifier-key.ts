import type { KeyObject } from 'node:crypto';
import { decodeBase64 } from './base64.ts';
import { equalBytes, sha256 } from './digest.ts';
import { ED25519_PUBLIC_BYTES, ed25519PublicBytes, ed25519PublicKey } from './ed25519.ts';
import { isKeyName } from './note-text.ts';

/** What a verifier of signed notes has to be given by a way it trusts. */
export interface VerifierKey {
  readonly keyName: string;
  readonly publicKey: KeyObject;
}

/** Bytes of the id of a key in a signed note. */
export const KEY_ID_BYTES = 4;

const ED25519 = 0x01;
const FORM = /^(?<keyName>[^+]+)\+(?<id>[0-9a-f]{8})\+(?<base64>[A-Za-z0-9+/]+={0,2})$/u;

/**
 * The id beside the name in a signature line. It helps to find the key and proves nothing.
 *
 * @returns 4 bytes: the first of SHA-256(name | newline | 0x01 | public key).
 * @throws RangeError for a name that no key can have, TypeError for a key of another kind
 * @see https://c2sp.org/signed-note
 */
export function noteKeyId(keyName: string, publicKey: KeyObject): Buffer {
  if (!isKeyName(keyName)) throw new RangeError('not the name of a key');
  return sha256(Buffer.concat([Buffer.from(`${keyName}\n`), typedKey(publicKey)])).subarray(0, KEY_ID_BYTES);
}

/**
 * The key in one line, as Go's `note` package and the tools of transparency logs take it.
 *
 * @returns `<name>+<id in hex>+<base64 of 0x01 and the public key>`.
 * @throws RangeError for a name that no key can have, TypeError for a key of another kind
 * @see https://pkg.go.dev/golang.org/x/mod/sumdb/note#hdr-Generating_Keys
 */
export function formatVerifierKey({ keyName, publicKey }: VerifierKey): string {
  const id = noteKeyId(keyName, publicKey).toString('hex');
  return `${keyName}+${id}+${typedKey(publicKey).toString('base64')}`;
}

/** Undefined for anything but the exact form of an Ed25519 key, or an id that is not that of the key. */
export function parseVerifierKey(text: string): VerifierKey | undefined {
  const { keyName, id, base64 } = FORM.exec(text)?.groups ?? {};
  if (keyName === undefined || id === undefined || base64 === undefined || !isKeyName(keyName)) return undefined;
  const bytes = decodeBase64(base64);
  if (bytes?.length !== 1 + ED25519_PUBLIC_BYTES || bytes[0] !== ED25519) return undefined;
  const publicKey = ed25519PublicKey(bytes.subarray(1));
  return equalBytes(noteKeyId(keyName, publicKey), Buffer.from(id, 'hex')) ? { keyName, publicKey } : undefined;
}

function typedKey(publicKey: KeyObject): Buffer {
  return Buffer.concat([Buffer.of(ED25519), ed25519PublicBytes(publicKey)]);
}

import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import type { Random } from '../kernel/random.ts';
import { decodeBase64url, encodeBase64url } from './base64url.ts';
import { equalBytes, sha256 } from './digest.ts';

/** @see RFC 8037 §2 */
export interface Ed25519PublicJwk {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  /** Public key, 32 bytes in base64url. */
  readonly x: string;
}

/** @see RFC 8037 §2 */
export interface Ed25519PrivateJwk extends Ed25519PublicJwk {
  /** Seed, 32 bytes in base64url. Secret. */
  readonly d: string;
}

/** Both halves of a key. */
export interface Ed25519KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** Bytes of a public key. */
export const ED25519_PUBLIC_BYTES = 32;

const SEED_BYTES = 32;
// DER of a PKCS #8 private key up to its seed: version 0, OID 1.3.101.112. RFC 8410 §7
const PKCS8_HEAD = '302e020100300506032b657004220420';

/** A new key. @see RFC 8032 §5.1.5 */
export function generateEd25519(random: Random): Ed25519KeyPair {
  return pairOf(random.bytes(SEED_BYTES));
}

/** @param key The public or the private half. @throws TypeError for a key of another kind */
export function exportEd25519Public(key: KeyObject): Ed25519PublicJwk {
  const { kty, crv, x } = jwkOf(key);
  if (kty !== 'OKP' || crv !== 'Ed25519' || x === undefined) throw new TypeError('not an Ed25519 key');
  return { kty, crv, x };
}

/** @throws TypeError for anything but a private Ed25519 key */
export function exportEd25519Private(privateKey: KeyObject): Ed25519PrivateJwk {
  const { d } = jwkOf(privateKey);
  if (d === undefined) throw new TypeError('not a private key');
  return { ...exportEd25519Public(privateKey), d };
}

/** Reads `kty`, `crv` and `x` of a JWK; undefined where they are not an Ed25519 key. @see RFC 8037 §2 */
export function importEd25519Public(jwk: unknown): KeyObject | undefined {
  const bytes = keyMember(jwk, 'x');
  return bytes && ed25519PublicKey(bytes);
}

/**
 * Reads `kty`, `crv`, `x` and `d` of a JWK; undefined where they are not an Ed25519 key, or where `x` is not the
 * public half of `d`: signing under a public key that is not one's own gives the private one away.
 *
 * @see RFC 8037 §2
 */
export function importEd25519Private(jwk: unknown): Ed25519KeyPair | undefined {
  const seed = keyMember(jwk, 'd');
  const claimed = keyMember(jwk, 'x');
  if (seed === undefined || claimed === undefined) return undefined;
  const pair = pairOf(seed);
  return equalBytes(ed25519PublicBytes(pair.publicKey), claimed) ? pair : undefined;
}

/** The 32 bytes of the public half. @throws TypeError for a key of another kind. @see RFC 8032 §5.1.5 */
export function ed25519PublicBytes(key: KeyObject): Buffer {
  return Buffer.from(exportEd25519Public(key).x, 'base64url');
}

/** @throws RangeError for anything but 32 bytes */
export function ed25519PublicKey(bytes: Uint8Array): KeyObject {
  if (bytes.length !== ED25519_PUBLIC_BYTES) throw new RangeError('a public key has 32 bytes');
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: encodeBase64url(bytes) }, format: 'jwk' });
}

/**
 * The name of a key that follows from the key itself, for `kid`.
 *
 * @param key The public or the private half; both have the same name.
 * @returns 43 characters of base64url.
 * @throws TypeError for a key of another kind
 * @see RFC 7638 §3, RFC 8037 §2 and appendix A.3
 */
export function ed25519Thumbprint(key: KeyObject): string {
  const { crv, kty, x } = exportEd25519Public(key);
  return encodeBase64url(sha256(JSON.stringify({ crv, kty, x }))); // members in lexical order, as the RFC says
}

/** @returns 64 bytes. @throws TypeError for anything but a private Ed25519 key. @see RFC 8032 §5.1.6 */
export function signEd25519(privateKey: KeyObject, message: Uint8Array): Buffer {
  // The one-shot `sign` would take an RSA key as readily, and sign in another scheme.
  if (privateKey.asymmetricKeyType !== 'ed25519' || privateKey.type !== 'private') {
    throw new TypeError('not a private Ed25519 key');
  }
  return sign(null, message, privateKey);
}

/** False for a signature of any other length too. @throws TypeError for a key of another kind. @see RFC 8032 §5.1.7 */
export function verifyEd25519(publicKey: KeyObject, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.asymmetricKeyType !== 'ed25519') throw new TypeError('not an Ed25519 key');
  return verify(null, message, publicKey, signature);
}

function pairOf(seed: Uint8Array): Ed25519KeyPair {
  const der = Buffer.concat([Buffer.from(PKCS8_HEAD, 'hex'), seed]);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  der.fill(0);
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

function jwkOf(key: KeyObject): { kty?: string; crv?: string; x?: string; d?: string } {
  return key.export({ format: 'jwk' });
}

function keyMember(jwk: unknown, name: 'x' | 'd'): Buffer | undefined {
  if (typeof jwk !== 'object' || jwk === null) return undefined;
  const { kty, crv, [name]: text }: { kty?: unknown; crv?: unknown; x?: unknown; d?: unknown } = jwk;
  if (kty !== 'OKP' || crv !== 'Ed25519' || typeof text !== 'string') return undefined;
  const bytes = decodeBase64url(text);
  return bytes?.length === ED25519_PUBLIC_BYTES ? bytes : undefined;
}

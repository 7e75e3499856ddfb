import { DIGEST_BYTES, type DigestName, type ScryptCost, type StoredHash } from './stored-hash.ts';

// Werkzeug's own salts have 8 or 16 letters and digits; a salt of another program may have other visible characters.
const SALTED = /^(?<method>[^$]{3,48})\$(?<salt>[\x21-\x23\x25-\x7e]{1,128})\$(?<tag>(?:[0-9a-f]{2}){16,64})$/;
const HMAC = /^(md5|sha1|sha224|sha256|sha384|sha512)$/;
const PBKDF2 = /^pbkdf2:(md5|sha1|sha224|sha256|sha384|sha512):([1-9][0-9]{0,11})$/;
const SCRYPT = /^scrypt:([1-9][0-9]{0,11}):([1-9][0-9]{0,3}):([1-9][0-9]{0,3})$/;
const SCRYPT_TAG_BYTES = 64;

/**
 * Reads what `werkzeug.security.generate_password_hash` writes or wrote: `scrypt:N:r:p$salt$hex` (since 2.3),
 * `pbkdf2:sha256:N$salt$hex`, and `sha256$salt$hex` (until 2.2), which is one HMAC keyed by the salt.
 *
 * @returns undefined for anything else, for the method `plain`, and for a tag that its digest does not give
 */
export function parseWerkzeug(text: string): StoredHash | undefined {
  const { method = '', salt: saltText = '', tag: tagText = '' } = SALTED.exec(text)?.groups ?? {};
  const salt = Buffer.from(saltText);
  const tag = Buffer.from(tagText, 'hex');
  const [, n, r, p] = SCRYPT.exec(method) ?? [];
  if (n !== undefined) {
    const cost = { n: Number(n), r: Number(r), p: Number(p) };
    return tag.length === SCRYPT_TAG_BYTES ? { kind: 'scrypt', cost, salt, tag } : undefined;
  }
  const [, iterated, rounds] = PBKDF2.exec(method) ?? [];
  const digest = digestOf(iterated ?? HMAC.exec(method)?.[1]);
  if (digest === undefined || tag.length !== DIGEST_BYTES[digest]) return undefined;
  return rounds === undefined
    ? { kind: 'hmac', digest, salt, tag }
    : { kind: 'pbkdf2', digest, rounds: Number(rounds), salt, tag };
}

/** Writes Werkzeug's scrypt form. @param salt of letters and digits */
export const formatWerkzeugScrypt = ({ n, r, p }: ScryptCost, salt: string, tag: Uint8Array): string =>
  `scrypt:${n}:${r}:${p}$${salt}$${Buffer.from(tag).toString('hex')}`;

/** The digest of a name that a form may hold. */
export function digestOf(name: string | undefined): DigestName | undefined {
  switch (name) {
    case 'md5':
    case 'sha1':
    case 'sha224':
    case 'sha256':
    case 'sha384':
    case 'sha512':
      return name;
    default:
      return undefined;
  }
}

import { parseArgon2 } from './argon2id.ts';
import { decodeBase64 } from './base64.ts';
import { bcryptCostOf } from './bcrypt.ts';
import { DIGEST_BYTES, type StoredHash } from './stored-hash.ts';
import { digestOf } from './werkzeug-form.ts';

const PBKDF2 = /^pbkdf2_(sha1|sha256)\$([1-9][0-9]{0,11})\$([^$\s]{1,128})\$([A-Za-z0-9+/]{22,86}={0,2})$/;
const SCRYPT =
  /^scrypt\$([1-9][0-9]{0,11})\$([^$\s]{1,128})\$([1-9][0-9]{0,3})\$([1-9][0-9]{0,3})\$([A-Za-z0-9+/]{86}==)$/;

/**
 * Reads what Django's password hashers write: `pbkdf2_sha256$…`, `pbkdf2_sha1$…`, `argon2$argon2id$…`, `bcrypt$…`,
 * `bcrypt_sha256$…` (over the hexadecimal SHA-256 of the password) and `scrypt$N$salt$r$p$…`. Its salted MD5 and SHA-1
 * are not among them: they look like Werkzeug's, and are computed in another way.
 *
 * @see django/contrib/auth/hashers.py
 */
export function parseDjango(text: string): StoredHash | undefined {
  if (text.startsWith('argon2$')) return parseArgon2(text.slice('argon2'.length));
  if (text.startsWith('bcrypt$')) return bcryptOf(text.slice('bcrypt$'.length));
  if (text.startsWith('bcrypt_sha256$')) {
    const stored = bcryptOf(text.slice('bcrypt_sha256$'.length));
    return stored && { ...stored, prehash: { kind: 'sha256-hex' } };
  }
  return pbkdf2Of(text) ?? scryptOf(text);
}

function bcryptOf(hash: string): { readonly kind: 'bcrypt'; readonly hash: string } | undefined {
  return bcryptCostOf(hash) === undefined ? undefined : { kind: 'bcrypt', hash };
}

function pbkdf2Of(text: string): StoredHash | undefined {
  const [, name, rounds, salt = '', tagText = ''] = PBKDF2.exec(text) ?? [];
  const digest = digestOf(name);
  const tag = decodeBase64(tagText);
  if (digest === undefined || tag?.length !== DIGEST_BYTES[digest]) return undefined;
  return { kind: 'pbkdf2', digest, rounds: Number(rounds), salt: Buffer.from(salt), tag };
}

function scryptOf(text: string): StoredHash | undefined {
  const [, n, salt = '', r, p, tagText = ''] = SCRYPT.exec(text) ?? [];
  const tag = decodeBase64(tagText);
  if (n === undefined || tag === undefined) return undefined;
  const cost = { n: Number(n), r: Number(r), p: Number(p) };
  return { kind: 'scrypt', cost, salt: Buffer.from(salt), tag };
}

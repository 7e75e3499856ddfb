import { decodeBase64 } from './base64.ts';
import { bcryptCostOf } from './bcrypt.ts';
import { DIGEST_BYTES, type StoredHash } from './stored-hash.ts';
import { digestOf } from './werkzeug-form.ts';

const PBKDF2 = /^\$pbkdf2(?:-(sha256|sha512))?\$([1-9][0-9]{0,11})\$([A-Za-z0-9./]{0,171})\$([A-Za-z0-9./]{27,86})$/;
const SCRYPT =
  /^\$scrypt\$ln=([1-9][0-9]?),r=([1-9][0-9]{0,3}),p=([1-9][0-9]{0,3})\$([A-Za-z0-9+/]{1,171})\$([A-Za-z0-9+/]{22,86})$/;
const BCRYPT_1 = /^\$bcrypt-sha256\$(2[aby]),([0-9]{1,2})\$([./A-Za-z0-9]{22})\$([./A-Za-z0-9]{31})$/;
const BCRYPT_2 = /^\$bcrypt-sha256\$v=2,t=(2[by]),r=([0-9]{1,2})\$([./A-Za-z0-9]{22})\$([./A-Za-z0-9]{31})$/;

/**
 * Reads what passlib writes in forms of its own: `$pbkdf2-sha256$…`, `$pbkdf2-sha512$…`, `$pbkdf2$…` (SHA-1),
 * `$scrypt$…` and `$bcrypt-sha256$…` in both versions. Its argon2 and bcrypt are those of everybody.
 *
 * @see passlib 1.7.4, passlib/handlers/{pbkdf2,scrypt,bcrypt}.py
 */
export function parsePasslib(text: string): StoredHash | undefined {
  return pbkdf2Of(text) ?? scryptOf(text) ?? bcryptOf(text);
}

function pbkdf2Of(text: string): StoredHash | undefined {
  const [, name = 'sha1', rounds, saltText = '', tagText = ''] = PBKDF2.exec(text) ?? [];
  const digest = digestOf(name);
  const salt = unpadded(saltText.replaceAll('.', '+'));
  const tag = unpadded(tagText.replaceAll('.', '+'));
  if (rounds === undefined || digest === undefined || salt === undefined) return undefined;
  return tag?.length === DIGEST_BYTES[digest]
    ? { kind: 'pbkdf2', digest, rounds: Number(rounds), salt, tag }
    : undefined;
}

function scryptOf(text: string): StoredHash | undefined {
  const [, ln, r, p, saltText = '', tagText = ''] = SCRYPT.exec(text) ?? [];
  const salt = unpadded(saltText);
  const tag = unpadded(tagText);
  if (ln === undefined || salt === undefined || tag === undefined) return undefined;
  return { kind: 'scrypt', cost: { n: 2 ** Number(ln), r: Number(r), p: Number(p) }, salt, tag };
}

function bcryptOf(text: string): StoredHash | undefined {
  const second = BCRYPT_2.exec(text);
  const [, version, rounds = '', salt = '', tag] = second ?? BCRYPT_1.exec(text) ?? [];
  if (tag === undefined) return undefined;
  const hash = `$${version}$${rounds.padStart(2, '0')}$${salt}${tag}`;
  if (bcryptCostOf(hash) === undefined) return undefined;
  return {
    kind: 'bcrypt',
    hash,
    prehash: second ? { kind: 'hmac-sha256-base64', key: salt } : { kind: 'sha256-base64' },
  };
}

const unpadded = (text: string): Buffer | undefined => decodeBase64(text + '='.repeat(-text.length & 3));

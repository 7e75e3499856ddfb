import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';

/**
 * The ciphers of the older systems as their own libraries do it (`cryptography.fernet`, `AESGCM`), out of the
 * specifications and `node:crypto` alone: a test that opened with our own code what our own code has sealed would show
 * nothing about what those programs can read.
 */

/** A key as `Fernet.generate_key()` makes it. */
export const newFernetKey = (): string => `${randomBytes(32).toString('base64url')}=`;

/** A key as `ENCRYPTION_KEY` and `DIGITAL_TWIN_MASTER_KEY` hold it. */
export const newKey = (): string => randomBytes(32).toString('base64');

const padded = (bytes: Buffer): string => {
  const text = bytes.toString('base64url');
  return text + '='.repeat(-text.length & 3);
};

const tagOf = (key: Buffer, signed: Buffer): Buffer =>
  createHmac('sha256', key.subarray(0, 16)).update(signed).digest();

/** @see https://github.com/fernet/spec/blob/master/Spec.md#generating */
export function fernetEncrypt(key: string, text: string, at = Date.UTC(2024, 7, 27)): string {
  const bytes = Buffer.from(key, 'base64url');
  const head = Buffer.alloc(9, 0x80);
  head.writeBigUInt64BE(BigInt(at / 1_000), 1);
  const iv = randomBytes(16);
  const cipher = createCipheriv('aes-128-cbc', bytes.subarray(16), iv);
  const signed = Buffer.concat([head, iv, cipher.update(text), cipher.final()]);
  return padded(Buffer.concat([signed, tagOf(bytes, signed)]));
}

/** @throws for a token of another key, or an altered one */
export function fernetDecrypt(key: string, token: string): string {
  const bytes = Buffer.from(key, 'base64url');
  const raw = Buffer.from(token, 'base64url');
  const signed = raw.subarray(0, -32);
  if (raw[0] !== 0x80 || !tagOf(bytes, signed).equals(raw.subarray(-32))) throw new Error('InvalidToken');
  const decipher = createDecipheriv('aes-128-cbc', bytes.subarray(16), raw.subarray(9, 25));
  return Buffer.concat([decipher.update(signed.subarray(25)), decipher.final()]).toString();
}

/** `base64(nonce + ciphertext + tag)` under AES-256-GCM, nothing bound. */
export function gcmEncrypt(key: string, text: string, encoding: 'base64' | 'base64url' = 'base64'): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(key, 'base64'), nonce);
  return Buffer.concat([nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()]).toString(encoding);
}

/** @throws for a value of another key, or an altered one */
export function gcmDecrypt(key: string, value: string): string {
  const raw = Buffer.from(value, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', Buffer.from(key, 'base64'), raw.subarray(0, 12));
  decipher.setAuthTag(raw.subarray(-16));
  return Buffer.concat([decipher.update(raw.subarray(12, -16)), decipher.final()]).toString();
}

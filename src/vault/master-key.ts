import { createSecretKey, type KeyObject } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { hkdfSha256, open, seal } from '../crypto/index.ts';
import type { Random } from '../kernel/random.ts';
import { createSecret, type Secret } from '../kernel/secret.ts';
import { vaultFault } from './errors.ts';

/** Wraps the keys that the database holds. It stays with its provider: nothing outside sees its bytes. */
export interface MasterKey {
  /** Tells one master key from another without saying anything about it: 16 hex digits. */
  readonly id: string;
  wrap(key: Uint8Array, aad: Uint8Array): Buffer;
  /** @throws VAULT_MASTER_KEY when it was wrapped by another key, or altered */
  unwrap(wrapped: Uint8Array, aad: Uint8Array): Buffer;
}

const KEY_BYTES = 32;
const BASE64_KEY = /^[A-Za-z0-9+/]{43}=$/;
const PLACEHOLDERS = [/^(.)\1*=?$/s, /^(change|placeholder|example|secret)/i];

const derive = (bytes: Uint8Array, info: string, length: number): Buffer =>
  hkdfSha256(bytes, { salt: Buffer.alloc(0), info: Buffer.from(info), length });

export const masterIdOf = (bytes: Uint8Array): string => derive(bytes, 'twinkeep master key id', 8).toString('hex');

/**
 * The secret scalar of the X25519 identity that opens backups: 32 bytes, the same for the same master key. Whoever holds
 * it opens backups and nothing else: the master key does not follow from it.
 */
export const backupIdentityOf = (bytes: Uint8Array): Buffer => derive(bytes, 'twinkeep backup identity', KEY_BYTES);

/** @param random draws the nonces */
export function createMasterKey(bytes: Uint8Array, random: Random): MasterKey {
  const key: KeyObject = createSecretKey(derive(bytes, 'twinkeep master key wrap', KEY_BYTES));
  const id = masterIdOf(bytes);
  return {
    id,
    wrap: (plain, aad) => seal(key, random.bytes(12), plain, aad),
    unwrap: (wrapped, aad) => {
      const plain = open(key, wrapped, aad);
      if (plain === undefined) throw vaultFault('VAULT_MASTER_KEY', { reason: 'a stored key does not open under it' });
      return plain;
    },
  };
}

/**
 * A master key as text: the base64 of exactly 32 bytes.
 *
 * @throws VAULT_MASTER_KEY for anything else, and for values that are no secret (one character or byte repeated, `changeme...`)
 */
export function parseMasterKey(text: Secret): Secret<Buffer> {
  const plain = text.reveal().trim();
  if (!BASE64_KEY.test(plain))
    throw vaultFault('VAULT_MASTER_KEY', { reason: 'must be the base64 of exactly 32 bytes' });
  const bytes = Buffer.from(plain, 'base64');
  if (PLACEHOLDERS.some((pattern) => pattern.test(plain) || pattern.test(bytes.toString('latin1')))) {
    throw vaultFault('VAULT_MASTER_KEY', { reason: 'is a placeholder, not a secret' });
  }
  return createSecret(bytes);
}

/** Reads a master key file. @throws VAULT_MASTER_KEY also when others than its owner may read it */
export function readMasterKeyFile(file: string): Secret<Buffer> {
  if ((statSync(file).mode & 0o077) !== 0) {
    throw vaultFault('VAULT_MASTER_KEY', { reason: `others may read ${file}; run: chmod 600 ${file}` });
  }
  return parseMasterKey(createSecret(readFileSync(file, 'utf8')));
}

/**
 * Writes a new master key, on the disk for certain before anything is sealed under it, and whole or not at all: half a
 * file would stop every later start.
 *
 * @throws EEXIST
 */
export function generateMasterKeyFile(file: string, random: Random): void {
  writeMasterKeyFile(file, random.bytes(KEY_BYTES), random);
}

/** The same for a key that there is already. @param random names the draft. @throws EEXIST */
export function writeMasterKeyFile(file: string, bytes: Uint8Array, random: Random): void {
  const draft = `${file}.${random.bytes(4).toString('hex')}.new`;
  const handle = openSync(draft, 'wx', 0o600);
  try {
    writeSync(handle, `${Buffer.from(bytes).toString('base64')}\n`);
    fsyncSync(handle);
    linkSync(draft, file);
  } finally {
    closeSync(handle);
    rmSync(draft, { force: true });
  }
  syncFolderOf(file);
}

/** Puts the names in a file's folder on the disk for certain. */
export function syncFolderOf(file: string): void {
  const folder = openSync(dirname(file), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

export const masterKeyFileExists = (file: string): boolean => existsSync(file);

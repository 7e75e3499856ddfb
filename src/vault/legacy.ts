import { isUtf8 } from 'node:buffer';
import { equalBytes, openBareGcm, openFernet } from '../crypto/index.ts';
import { vaultFault } from './errors.ts';
import type { LegacyKey } from './keyring.ts';
import type { LegacyAlgorithm } from './store.ts';

export type { LegacyAlgorithm } from './store.ts';

/** What a text looks like. `bare` is a guess: any base64 that is long enough looks so, a Fernet token too. */
export type SealedForm = 'envelope' | 'fernet' | 'bare' | 'unknown';

/** A key as another system has it: 32 bytes. */
export interface LegacyBytes {
  readonly algorithm: LegacyAlgorithm;
  readonly bytes: Uint8Array;
}

/** Whether an imported key is the one that somebody hands in. */
export const isSameKey = (key: LegacyKey, { algorithm, bytes }: LegacyBytes): boolean =>
  key.algorithm === algorithm && equalBytes(bytesOf(key), bytes);

export const bytesOf = (legacy: LegacyKey): Buffer =>
  legacy.algorithm === 'fernet' ? legacy.key : legacy.key.export();

export interface OpenedLegacy {
  readonly text: string;
  /** Of the imported key that opened it. */
  readonly version: string;
  readonly algorithm: LegacyAlgorithm;
}

const ENVELOPE = 'tk1.';
// Version 0x80 and a time before the year 4147. The nonce of a bare value may happen to begin so too.
const FERNET = /^gAAAAA[A-Za-z0-9_-]+={0,2}$/;
const FERNET_MIN_CHARS = 100;
const BARE = /^[A-Za-z0-9+/_-]+={0,2}$/;
const BARE_MIN_CHARS = 38; // nonce and tag are 28 bytes

/** What a text looks like, by its beginning and its alphabet; only opening it tells what it is. */
export function formOf(text: string): SealedForm {
  if (text.startsWith(ENVELOPE)) return 'envelope';
  if (text.endsWith('\n')) return 'unknown';
  if (text.length >= FERNET_MIN_CHARS && FERNET.test(text)) return 'fernet';
  return text.length >= BARE_MIN_CHARS && BARE.test(text) ? 'bare' : 'unknown';
}

/**
 * Opens a value of an earlier program. What it looks like is tried first and the other form after it: which key and
 * which form it is, the tag decides. A Fernet token's time is not looked at, for a stored value does not expire.
 *
 * @throws VAULT_UNREADABLE when no key opens it, or when what it holds is no text (then nothing of it leaves)
 */
export function openLegacy(keys: readonly LegacyKey[], sealed: string, now: number): OpenedLegacy {
  const form = formOf(sealed);
  if (form !== 'fernet' && form !== 'bare') throw vaultFault('VAULT_UNREADABLE');
  const first: LegacyAlgorithm = form === 'fernet' ? 'fernet' : 'aes-gcm';
  const likely = keys.filter(({ algorithm }) => algorithm === first);
  const others = keys.filter(({ algorithm }) => algorithm !== first);
  for (const key of [...likely, ...others]) {
    const plain = openUnder(key, sealed, now);
    if (plain !== undefined) return { text: textOf(plain), version: key.version, algorithm: key.algorithm };
  }
  throw vaultFault('VAULT_UNREADABLE');
}

function openUnder(legacy: LegacyKey, sealed: string, now: number): Buffer | undefined {
  return legacy.algorithm === 'fernet' ? openFernet(legacy.key, sealed, { now }) : openBareGcm(legacy.key, sealed);
}

/** Bytes that are no UTF-8 would come out as other text, and be sealed as that when they are migrated. */
function textOf(plain: Buffer): string {
  if (!isUtf8(plain)) throw vaultFault('VAULT_UNREADABLE', { reason: 'it does not hold text' });
  return plain.toString();
}

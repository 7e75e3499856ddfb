import { createSecretKey } from 'node:crypto';
import { openBareGcm, openFernetWithAny, parseFernetKey } from '../crypto/index.ts';
import type { Clock } from '../kernel/clock.ts';
import { migrationFault } from './errors.ts';

/** What sealed the values until now. */
export type LegacyForm = 'fernet' | 'aes-gcm';

/** Reads what the legacy program wrote. */
export interface LegacyKeys {
  readonly form: LegacyForm;
  /** Each as the vault imports it: base64url with padding for Fernet, base64 for AES. Secret. */
  readonly spelled: readonly string[];
  /** By how many characters an envelope may be longer than the value that it replaces. */
  readonly growth: number;
  /** Whether it looks like a value of this form, whatever its key. */
  looksSealed(text: string): boolean;
  /** The text behind a value under the first key that fits; `undefined` where none does. */
  open(text: string): Opened | undefined;
}

/** A value that its key opened: `bytes` where they are no UTF-8, which a sealed text must be. */
export type Opened = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'bytes' };

const MAX_KEYS = 100;
const KEY_BYTES = 32;
const BASE64 = /^[A-Za-z0-9+/]{43}=?$/;
const BASE64URL = /^[A-Za-z0-9_-]{43}=?$/;
const HEX = /^[0-9a-fA-F]{64}$/;
/** `tk1.`, the version's name and a dot: what an envelope has before its base64, and a bare value has not. */
const ENVELOPE_HEAD = 27;
const FERNET_LOOK = /^gAAAAA[A-Za-z0-9_-]{90,}={0,2}$/;
const BARE_LOOK = /^[A-Za-z0-9+/_-]{38,}={0,2}$/;

/**
 * Reads a file of keys, one a line, the newest first; empty lines and those that begin with `#` are passed over.
 *
 * @throws MIGRATION_KEY naming the line, never what stands in it
 */
export function readLegacyKeys(form: LegacyForm, file: string, clock: Clock): LegacyKeys {
  const keys: Buffer[] = [];
  for (const [at, line] of file
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    const text = line.trim();
    if (text === '' || text.startsWith('#')) continue;
    const key = form === 'fernet' ? parseFernetKey(text) : parseAesKey(text);
    if (key === undefined) throw keyFault(`Line ${at + 1} of the key file is no ${NAMES[form]}.`);
    if (keys.length === MAX_KEYS) throw keyFault(`The key file has more than ${MAX_KEYS} keys.`);
    keys.push(key);
  }
  if (keys.length === 0) throw keyFault('The key file has no key.');
  return form === 'fernet' ? fernetKeys(keys, clock) : aesKeys(keys);
}

const NAMES = {
  fernet: 'Fernet key (base64url of 32 bytes)',
  'aes-gcm': 'AES-256 key (base64 or hex of 32 bytes)',
} as const satisfies Record<LegacyForm, string>;

function fernetKeys(keys: readonly Buffer[], clock: Clock): LegacyKeys {
  return {
    form: 'fernet',
    spelled: keys.map((key) => `${key.toString('base64url')}=`),
    growth: 0, // a token is always longer than the envelope of its text
    looksSealed: (text) => FERNET_LOOK.test(text),
    open: (text) => textOf(openFernetWithAny(keys, text, { now: clock.now() })),
  };
}

function aesKeys(bytes: readonly Buffer[]): LegacyKeys {
  const keys = bytes.map((key) => createSecretKey(key));
  const firstOf = (text: string): Buffer | undefined => {
    for (const key of keys) {
      const opened = openBareGcm(key, text);
      if (opened !== undefined) return opened;
    }
    return undefined;
  };
  return {
    form: 'aes-gcm',
    spelled: bytes.map((key) => key.toString('base64')),
    growth: ENVELOPE_HEAD,
    looksSealed: (text) => BARE_LOOK.test(text),
    open: (text) => textOf(firstOf(text)),
  };
}

function parseAesKey(text: string): Buffer | undefined {
  if (HEX.test(text)) return Buffer.from(text, 'hex');
  if (!BASE64.test(text) && !BASE64URL.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === KEY_BYTES ? bytes : undefined;
}

/** A text that changed when it was decoded would be sealed as another one. */
function textOf(bytes: Buffer | undefined): Opened | undefined {
  if (bytes === undefined) return undefined;
  try {
    return { kind: 'text', text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { kind: 'bytes' };
  }
}

const keyFault = (reason: string): Error => migrationFault('MIGRATION_KEY', { reason });

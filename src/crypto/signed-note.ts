import { createPublicKey, type KeyObject } from 'node:crypto';
import { decodeBase64 } from './base64.ts';
import { equalBytes } from './digest.ts';
import { signEd25519, verifyEd25519 } from './ed25519.ts';
import { isKeyName, isNoteText } from './note-text.ts';
import { KEY_ID_BYTES, noteKeyId } from './verifier-key.ts';

/** One signature line, not verified. */
export interface NoteSignature {
  readonly keyName: string;
  /** 4 bytes. */
  readonly keyId: Uint8Array;
  readonly signature: Uint8Array;
}

/** A note taken apart. Its text is worth nothing until a signature was verified. */
export interface Note {
  /** With its last newline, as it is signed. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

const MAX_CHARS = 1_048_576;
const MAX_SIGNATURES = 100;
const SIGNATURE_LINE = /^\u2014 (?<keyName>[^ ]+) (?<base64>[A-Za-z0-9+/]+={0,2})$/u;

/**
 * Signs a text.
 *
 * @param text Ends in a newline; no other control characters.
 * @throws RangeError for a text or key name that the format cannot carry, TypeError for a key of another kind
 * @see https://c2sp.org/signed-note
 */
export function signNote(text: string, privateKey: KeyObject, keyName: string): string {
  if (!isNoteText(text)) throw new RangeError('not the text of a note');
  const keyId = noteKeyId(keyName, createPublicKey(privateKey));
  const signature = Buffer.concat([keyId, signEd25519(privateKey, Buffer.from(text))]);
  return `${text}\n\u2014 ${keyName} ${signature.toString('base64')}\n`;
}

/**
 * Takes a note apart; undefined where it departs from the format by a character.
 *
 * @param note At most 1 048 576 characters and 100 signatures.
 * @see https://c2sp.org/signed-note
 */
export function parseNote(note: string): Note | undefined {
  // The last empty line divides: nothing after it can be text, so no signature can be smuggled into the text.
  const blankAt = note.lastIndexOf('\n\n');
  if (note.length > MAX_CHARS || blankAt < 0 || !isNoteText(note)) return undefined;
  const text = note.slice(0, blankAt + 1);
  const lines = note.slice(blankAt + 2, -1).split('\n', MAX_SIGNATURES + 1);
  if (lines.length > MAX_SIGNATURES) return undefined;
  const signatures: NoteSignature[] = [];
  for (const line of lines) {
    const signature = parseSignature(line);
    if (signature === undefined) return undefined;
    signatures.push(signature);
  }
  return { text, signatures };
}

/**
 * Whether this key signed the note. Lines of other keys are passed over; a line of this key that does not verify
 * spoils the note, even beside one that does.
 *
 * @throws RangeError for a key name that the format cannot carry, TypeError for a key of another kind
 * @see https://c2sp.org/signed-note
 */
export function isSignedBy(note: Note, publicKey: KeyObject, keyName: string): boolean {
  const keyId = noteKeyId(keyName, publicKey);
  const own = note.signatures.filter((line) => line.keyName === keyName && equalBytes(line.keyId, keyId));
  const message = Buffer.from(note.text);
  return own.length > 0 && own.every(({ signature }) => verifyEd25519(publicKey, message, signature));
}

function parseSignature(line: string): NoteSignature | undefined {
  const { keyName, base64 } = SIGNATURE_LINE.exec(line)?.groups ?? {};
  if (keyName === undefined || base64 === undefined || !isKeyName(keyName)) return undefined;
  const bytes = decodeBase64(base64);
  if (bytes === undefined || bytes.length <= KEY_ID_BYTES) return undefined;
  return { keyName, keyId: bytes.subarray(0, KEY_ID_BYTES), signature: bytes.subarray(KEY_ID_BYTES) };
}

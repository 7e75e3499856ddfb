import type { KeyObject } from 'node:crypto';
import { decodeBase64 } from './base64.ts';
import { isHash, isSize, type TreeHead } from './merkle.ts';
import { isNoteLine } from './note-text.ts';
import { isSignedBy, parseNote, signNote } from './signed-note.ts';

/** The head of a log's tree, as the log states it. */
export interface Checkpoint extends TreeHead {
  /** Names the log, alone in the world; should be the name of its key too: `example.com/audit`. */
  readonly origin: string;
  /** Extension lines, each non-empty. Monitors of other people's logs don't read them. */
  readonly extra: readonly string[];
}

const SIZE = /^(?:0|[1-9][0-9]{0,15})$/;

/**
 * States and signs the head of a log.
 *
 * @param privateKey Ed25519. It must never sign two heads of which one is not the beginning of the other.
 * @returns A signed note of origin, size, root in base64 and the extension lines.
 * @throws RangeError for values that the format cannot carry, TypeError for a key of another kind
 * @see https://c2sp.org/tlog-checkpoint
 */
export function signCheckpoint(checkpoint: Checkpoint, privateKey: KeyObject, keyName: string): string {
  const { origin, size, root, extra } = checkpoint;
  if (!isSize(size) || !isHash(root)) throw new RangeError('not the head of a tree');
  if (![origin, ...extra].every(isNoteLine)) throw new RangeError('not a line of a checkpoint');
  const lines = [origin, String(size), Buffer.from(root).toString('base64'), ...extra];
  return signNote(`${lines.join('\n')}\n`, privateKey, keyName);
}

/**
 * Reads a checkpoint without verifying any signature: for looking at, never for trusting.
 *
 * @returns undefined where the text departs from the format by a character, or its size passes 2^53 - 1.
 * @see https://c2sp.org/tlog-checkpoint
 */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  const note = parseNote(text);
  return note && parseHead(note.text);
}

/**
 * Reads a checkpoint that this key signed. Whether `origin` is the log that was asked is for the caller to compare.
 *
 * @returns undefined where the text is not a checkpoint or the signature of this key is missing or wrong.
 * @throws RangeError for a key name that the format cannot carry, TypeError for a key of another kind
 * @see https://c2sp.org/tlog-checkpoint, https://c2sp.org/signed-note
 */
export function verifyCheckpoint(text: string, publicKey: KeyObject, keyName: string): Checkpoint | undefined {
  const note = parseNote(text);
  return note && isSignedBy(note, publicKey, keyName) ? parseHead(note.text) : undefined;
}

function parseHead(noteText: string): Checkpoint | undefined {
  const [origin, sizeText, rootText, ...extra] = noteText.slice(0, -1).split('\n');
  if (origin === undefined || sizeText === undefined || rootText === undefined) return undefined;
  if (![origin, ...extra].every(isNoteLine) || !SIZE.test(sizeText)) return undefined;
  const size = Number(sizeText);
  const root = decodeBase64(rootText);
  return root && isHash(root) && isSize(size) ? { origin, size, root, extra } : undefined;
}

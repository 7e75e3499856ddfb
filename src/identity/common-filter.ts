import { sha256 } from '../crypto/index.ts';
import { FILTER_BITS } from './common-filter-bits.ts';

const BITS_A_WORD = 24;
const PROBES = 16;

/**
 * A Bloom filter: it knows every word that it was made of, tells none of them, and takes one other word in 80,000 for one
 * of them.
 *
 * @returns its bytes in base64
 */
export function filterOf(words: readonly string[]): string {
  const bytes = new Uint8Array(Math.ceil((words.length * BITS_A_WORD) / 8));
  for (const word of words) {
    for (const at of probesOf(word, bytes.length * 8)) bytes[at >> 3] = (bytes[at >> 3] ?? 0) | (1 << (at & 7));
  }
  return Buffer.from(bytes).toString('base64');
}

/**
 * Knows the most common passwords that the packaged dictionaries lack, in their canonical form.
 *
 * It was made of the list of Royce Williams that Django carries (BSD-3-Clause); `test/vectors/passwords-list.test.ts` makes
 * it again and compares.
 */
export function openCommonFilter(text: string = FILTER_BITS): (word: string) => boolean {
  const bytes = Buffer.from(text, 'base64');
  return (word) => {
    if (bytes.length === 0) return false;
    for (const at of probesOf(word, bytes.length * 8)) {
      if (((bytes[at >> 3] ?? 0) & (1 << (at & 7))) === 0) return false;
    }
    return true;
  };
}

/** @see Kirsch and Mitzenmacher, Less Hashing, Same Performance: two hashes make as many as are needed. */
function* probesOf(word: string, size: number): Generator<number> {
  const digest = Buffer.from(sha256(Buffer.from(word)));
  const [first, step] = [digest.readUIntBE(0, 6), digest.readUIntBE(6, 5) | 1];
  for (let probe = 0; probe < PROBES; probe += 1) yield (first + probe * (step >>> 0)) % size;
}

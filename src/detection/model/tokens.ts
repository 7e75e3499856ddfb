import { isKnownWord } from './vocabulary.ts';

/** Values of the hash; each has a weight of one byte. */
export const BUCKETS = 65_536;
const MAX_TOKENS = 256;
const MAX_N = 4;

const TOKEN = /[\p{L}_][\p{L}\p{M}\p{N}_]*|\p{N}+|\s+|[^\p{L}\p{N}\s]/gu;

/**
 * A text as the model sees it: known words, lengths of all others, `0` for numbers, each sign by itself, one blank for
 * space; between a mark for its beginning and one for its end.
 */
function tokensOf(text: string): readonly string[] {
  const tokens = ['^'];
  for (const [raw] of text.slice(0, 4_096).matchAll(TOKEN)) {
    if (tokens.length >= MAX_TOKENS) return tokens;
    tokens.push(tokenOf(raw));
  }
  tokens.push('$');
  return tokens;
}

function tokenOf(raw: string): string {
  const [first = ''] = raw;
  if (/\s/.test(first)) return ' ';
  if (/\p{N}/u.test(first)) return raw.length > 3 ? '00' : '0';
  if (!/[\p{L}_]/u.test(first)) return raw;
  const word = raw.toLowerCase();
  if (isKnownWord(word)) return word;
  if (word.length <= 2) return 'w';
  return word.length <= 12 ? 'ww' : 'www';
}

/** The buckets of all runs of one to four tokens, each once, and the run that led there, for explanations. */
export function featuresOf(text: string, label?: (bucket: number, gram: string) => void): Uint16Array {
  const tokens = tokensOf(text);
  const hashes = tokens.map(hashOf);
  const seen = new Set<number>();
  for (let start = 0; start < tokens.length; start++) {
    let hash = 0x811c9dc5;
    for (let length = 1; length <= MAX_N && start + length <= tokens.length; length++) {
      hash = Math.imul(hash ^ (hashes[start + length - 1] ?? 0), 0x01000193);
      hash ^= hash >>> 15;
      const bucket = (hash ^ (hash >>> 16)) & (BUCKETS - 1);
      if (seen.has(bucket)) continue;
      seen.add(bucket);
      label?.(bucket, tokens.slice(start, start + length).join(''));
    }
  }
  return Uint16Array.from(seen);
}

/** FNV-1a. */
function hashOf(token: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < token.length; at++) hash = Math.imul(hash ^ token.charCodeAt(at), 0x01000193);
  return hash;
}

import { canonical } from './common-forms.ts';

/** Neighbours on a keyboard, in the alphabet and among the digits; each is read backwards too. */
const ROWS = [
  'abcdefghijklmnopqrstuvwxyz',
  '01234567890',
  'qwertyuiop[]',
  'qwertzuiop',
  'asdfghjkl;',
  'zxcvbnm,./',
  'yxcvbnm',
  'йцукенгшщзхъ',
  'фывапролджэ',
  'ячсмитьбю',
  '1234567890-=',
  '!@#$%^&*()_+',
  '1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p',
  '1q2w3e4r5t6y7u8i9o0p',
  'qazwsxedcrfvtgbyhnujmikolp',
  'qawsedrftgyhujikolp',
].flatMap((row) => [row, [...row].reverse().join('')]);

const LEAST_RUN = 3;
const LEAST_UNITS = 6;
const LEAST_DIFFERENT = 5;
const LONG_WORD = 5;
const SHORT_WORD = 3;
const LEAST_BESIDE = 8;

/** Whether it is one short piece over and over, or has next to no different characters. */
export function isRepeated(password: string, minLength: number): boolean {
  const signs = Array.from(password.toLowerCase());
  if (new Set(signs).size < LEAST_DIFFERENT) return true;
  for (let unit = 1; unit <= signs.length / 2 && unit < minLength; unit += 1) {
    if (signs.every((sign, at) => at < unit || sign === signs[at - unit])) return true;
  }
  return false;
}

/** Whether hardly anything is left when every run of neighbours or equals counts as two characters. */
export function isSequence(password: string): boolean {
  const text = Array.from(password.toLowerCase()).slice(0, 128).join('');
  let units = 0;
  for (let at = 0; at < text.length && units < LEAST_UNITS; ) {
    const run = longestRun(text, at);
    units += run >= LEAST_RUN ? 2 : 1;
    at += run >= LEAST_RUN ? run : 1;
  }
  return units < LEAST_UNITS;
}

function longestRun(text: string, at: number): number {
  let longest = 1;
  while (text[at + longest] === text[at]) longest += 1;
  for (const row of ROWS) {
    let from = row.indexOf(text[at] ?? '');
    while (from !== -1) {
      let run = 1;
      while (from + run < row.length && row[from + run] === text[at + run]) run += 1;
      longest = Math.max(longest, run);
      from = row.indexOf(text[at] ?? '', from + 1);
    }
  }
  return longest;
}

/**
 * Whether a password has words in it that belong to its owner or to this product: one of five letters or more anywhere; a
 * shorter one where next to nothing else is left.
 */
export function hasWordsOf(password: string, words: readonly string[]): boolean {
  const text = canonical(password);
  let left = text;
  for (const word of words.map(canonical)) {
    if (Array.from(word).length < SHORT_WORD) continue;
    if (Array.from(word).length >= LONG_WORD && text.includes(word)) return true;
    left = left.replaceAll(word, '');
  }
  return left !== text && Array.from(left).length < LEAST_BESIDE;
}

/** Digits and signs that stand for letters, and the letters that look like them, in the one that all of them become. */
const LOOK: Readonly<Record<string, string>> = {
  '4': 'a',
  '@': 'a',
  '8': 'b',
  '(': 'c',
  '3': 'e',
  '€': 'e',
  '6': 'g',
  '9': 'g',
  '1': 'i',
  '!': 'i',
  '|': 'i',
  l: 'i',
  '0': 'o',
  '5': 's',
  $: 's',
  '7': 't',
  '+': 't',
  '2': 'z',
};

/** The keys of `LOOK`. A hundred thousand words are brought into their form at a start, so this has to be quick. */
const LOOKING = /[4@8(3€691!|l05$7+2]/g;
/** What NFKC leaves as it is. */
const ASCII = /^[ -~]*$/;

const MOST_BEHIND = 6;
const MOST_BEFORE = 4;
const LEAST_LEFT = 4;
const ADDED = /^[\p{N}\p{P}\p{S}\p{Z}]$/u;

/** What all spellings of a word in letters, digits and signs that look alike have in common; case does not count. */
export const canonical = (text: string): string =>
  (ASCII.test(text) ? text : text.normalize('NFKC')).toLowerCase().replace(LOOKING, (sign) => LOOK[sign] ?? sign);

/**
 * What may be left of a password when the digits and signs are taken off that people add because they must: up to six
 * behind and four before, so at most 35 forms, each canonical. The first is the whole.
 */
export function barestForms(password: string): readonly string[] {
  const signs = Array.from(password.normalize('NFKC').toLowerCase());
  const behind = countAdded(signs.toReversed(), MOST_BEHIND);
  const before = countAdded(signs, MOST_BEFORE);
  const forms = new Set<string>();
  for (let from = 0; from <= before; from += 1) {
    for (let off = 0; off <= behind && signs.length - off - from >= LEAST_LEFT; off += 1) {
      forms.add(canonical(signs.slice(from, signs.length - off).join('')));
    }
  }
  return [...forms];
}

function countAdded(signs: readonly string[], most: number): number {
  const end = signs.slice(0, most).findIndex((sign) => !ADDED.test(sign));
  return end === -1 ? Math.min(most, signs.length) : end;
}

/**
 * An expression that matches the beginning of whatever begins with none of these words: RE2 has no look-ahead. Case does
 * not matter; words must be of letters, digits and `.:/-_`.
 * Blanks and quotes begin nothing, so that what comes before may have some.
 */
export function noneOf(words: readonly string[]): string {
  const heads = new Map<string, string[]>();
  for (const word of words) {
    const head = word.slice(0, 1).toLowerCase();
    heads.set(head, [...(heads.get(head) ?? []), word.slice(1)]);
  }
  const others = `[^\\s"'${[...heads.keys()].map(escaped).join('')}]`;
  const longer = [...heads]
    .filter(([, tails]) => !tails.includes(''))
    .map(([head, tails]) => quoted(head) + noneOf(tails));
  return `(?:${[others, ...longer].join('|')})`;
}

const escaped = (sign: string): string => (/\w/.test(sign) ? sign : `\\${sign}`);
const quoted = (sign: string): string => (/[\w:/]/.test(sign) ? sign : `\\${sign}`);

import { z } from 'zod';

export const NAUGHTY = 'robustness/naughty_strings.json';
const AT_ONCE = 16;

export const stringsIn = (text: string): readonly string[] => z.array(z.string()).min(100).parse(JSON.parse(text));

/** Does something with each string, many at once, and says with which it failed. @param worker which of the many it is */
export async function withEach(
  strings: readonly string[],
  work: (naughty: string, index: number, worker: number) => Promise<unknown>,
  atOnce = AT_ONCE,
): Promise<number> {
  const rest = [...strings.entries()];
  const worker = async (number: number): Promise<void> => {
    for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
      const [index, naughty] = next;
      try {
        await work(naughty, index, number);
      } catch (error) {
        throw new Error(`with ${JSON.stringify(naughty.slice(0, 200))}`, { cause: error });
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, (_, number) => worker(number)));
  return strings.length;
}

/** Some of them, from all over the list: for what takes long with each. */
export const someOf = (strings: readonly string[], count: number): readonly string[] =>
  strings.filter(
    (_, at) => Math.floor((at * count) / strings.length) !== Math.floor(((at - 1) * count) / strings.length),
  );

/** The spellings that one password may come in from one keyboard and the next. */
export const spellingsOf = (password: string): readonly string[] => [
  ...new Set([password, password.normalize('NFC'), password.normalize('NFD')]),
];

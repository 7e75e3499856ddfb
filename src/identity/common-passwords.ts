import { setImmediate } from 'node:timers/promises';
import { openCommonFilter } from './common-filter.ts';
import { barestForms, canonical } from './common-forms.ts';

/** Knows the passwords that are tried first, with what people add to them or write in other signs. */
export type CommonPasswords = (password: string) => boolean;

/** A word of everyday language is a password by itself where it is long enough to be taken for one. */
const LEAST_WORD = 8;
/** The lists of passwords have shorter ones too, which become long enough by what is added. */
const LEAST_PASSWORD = 4;

const WORDS_A_TURN = 4_000;

/** Loads dictionaries of 49,000 passwords and 60,000 words: a few megabytes and 150 ms, so only when first asked. */
export async function loadCommonPasswords(isExtra = openCommonFilter()): Promise<CommonPasswords> {
  const [common, english] = await Promise.all([import('@zxcvbn-ts/language-common'), import('@zxcvbn-ts/language-en')]);
  const known = new Set<string>();
  for (const [name, words] of Object.entries({ ...common.dictionary, ...english.dictionary })) {
    const least = name === 'passwords-common' ? LEAST_PASSWORD : LEAST_WORD;
    for (const [at, word] of words.entries()) {
      if (at % WORDS_A_TURN === 0) await setImmediate(); // requests get between
      if (word.length >= least) known.add(canonical(word));
    }
  }
  return (password) => barestForms(password).some((form) => known.has(form) || isExtra(form));
}

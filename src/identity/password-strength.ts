/** How long a password would hold out. */
export interface PasswordStrength {
  /** 0: among the first thousand guesses; 4: ten billion are not enough. */
  readonly score: 0 | 1 | 2 | 3 | 4;
  readonly label: 'very weak' | 'weak' | 'fair' | 'good' | 'strong';
  /** In words, for somebody who has stolen the hashes and a machine to try. */
  readonly crack_time: string;
  readonly suggestions: readonly string[];
}

/** @param words what guessers know of the owner */
export type StrengthMeter = (password: string, words: readonly string[]) => PasswordStrength;

const LABELS = ['very weak', 'weak', 'fair', 'good', 'strong'] as const;
/** The work grows with the square of the length: more is cut, and what was cut only makes a password stronger. */
const MOST_SEEN = 40;
/** Each is a walk through all dictionaries; the hundred of the package take half a second of the event loop. */
const MOST_SUBSTITUTIONS = 4;
const MOST_WORDS = 8;

/** Loads zxcvbn with its dictionaries: a quarter of a second, so only when first asked. @see Wheeler, zxcvbn, USENIX 2016 */
export async function loadStrengthMeter(): Promise<StrengthMeter> {
  const [{ ZxcvbnFactory }, common, english] = await Promise.all([
    import('@zxcvbn-ts/core'),
    import('@zxcvbn-ts/language-common'),
    import('@zxcvbn-ts/language-en'),
  ]);
  const { 'lastnames-en': _last, ...words } = english.dictionary; // as long as all others together, for one guess more
  const zxcvbn = new ZxcvbnFactory({
    dictionary: { 'passwords-common': common.dictionary['passwords-common'], ...words },
    graphs: common.adjacencyGraphs,
    translations: english.translations,
    maxLength: MOST_SEEN,
    l33tMaxSubstitutions: MOST_SUBSTITUTIONS,
  });
  return (password, own) => {
    const seen = Array.from(password).slice(0, MOST_SEEN).join('');
    const { score, crackTimes, feedback } = zxcvbn.check(seen, own.slice(0, MOST_WORDS));
    const suggestions = [feedback.warning, ...feedback.suggestions].filter((text) => typeof text === 'string');
    return {
      score,
      label: LABELS[score],
      crack_time: crackTimes.offlineSlowHashingXPerSecond.display,
      suggestions: suggestions.filter((text) => text !== ''),
    };
  };
}

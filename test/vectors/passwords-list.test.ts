import assert from 'node:assert/strict';
import { filterOf } from '../../src/identity/common-filter.ts';
import { FILTER_BITS } from '../../src/identity/common-filter-bits.ts';
import { canonical } from '../../src/identity/common-forms.ts';
import { type CommonPasswords, loadCommonPasswords } from '../../src/identity/common-passwords.ts';
import { createPasswordRules, DEFAULT_POLICY } from '../../src/identity/password-rules.ts';
import { vectorTest } from './vectors.ts';

const LIST = 'passwords/common-passwords.txt';
const LEAST = 4;
const LEET: Readonly<Record<string, string>> = { a: '@', e: '3', i: '1', o: '0', s: '$', t: '7' };
const leet = (text: string): string => Array.from(text, (sign) => LEET[sign.toLowerCase()] ?? sign).join('');
const capitalised = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);
const readList = (text: string): readonly string[] =>
  text.split('\n').filter((line) => Array.from(line).length >= LEAST);

/** What people make of a password when the common one is refused. */
const variantsOf = (word: string): readonly string[] =>
  [word, word.toUpperCase(), capitalised(word), leet(word)].flatMap((one) => [
    one,
    `${one}1`,
    `${one}!`,
    `${one}123`,
    `${one}2026`,
  ]);

/** The words of which some variant is not known to the packaged dictionaries. */
const unknownTo = (isCommon: CommonPasswords, words: readonly string[]): readonly string[] =>
  words.filter((word) => !variantsOf(word).every(isCommon));

vectorTest('the filter of common passwords is made of those that the dictionaries lack', LIST, async (text, t) => {
  const packaged = await loadCommonPasswords(() => false);
  const words = readList(text);
  const lacking = [...new Set(unknownTo(packaged, words).map(canonical))];
  assert.equal(filterOf(lacking), FILTER_BITS);
  t.diagnostic(
    `${words.length} listed, ${lacking.length} of them in a filter of ${Math.round((FILTER_BITS.length * 3) / 4)} bytes`,
  );
});

// Attack: a common password in capitals, in look-alike signs, or with what a rule of composition makes people add.
vectorTest('every listed password is refused in every usual variant', LIST, async (text, t) => {
  const isCommon = await loadCommonPasswords();
  const words = readList(text);
  assert.deepEqual(unknownTo(isCommon, words), []);
  t.diagnostic(`${words.length * variantsOf('').length} variants refused`);
});

vectorTest('every listed password that is long enough is refused, at 12 characters and at 8', LIST, async (text, t) => {
  for (const least of [12, 8]) {
    const judge = createPasswordRules({ ...DEFAULT_POLICY, minLength: 8, minLengthWithoutFactor: least });
    const long = readList(text).filter((word) => Array.from(word).length >= least);
    const every = least === 12 ? long : long.filter((_, at) => at % 10 === 0);
    for (const word of every) assert.equal((await judge(word)).ok, false, word);
    t.diagnostic(`${every.length} of ${long.length} with ${least} characters or more judged, all refused`);
  }
});

vectorTest('hardly any password of random words is taken for a common one', LIST, async () => {
  const isCommon = await loadCommonPasswords();
  let wrong = 0;
  for (let n = 0; n < 20_000; n += 1) {
    const text = Buffer.from(`${n * 7_919}:${n}`)
      .toString('base64url')
      .padEnd(14, 'kqvx');
    if (isCommon(text)) wrong += 1;
  }
  assert.ok(wrong < 20, `${wrong} of 20000`);
});

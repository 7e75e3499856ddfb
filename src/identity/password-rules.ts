import { type CommonPasswords, loadCommonPasswords } from './common-passwords.ts';
import { hasWordsOf, isRepeated, isSequence } from './password-patterns.ts';
import { loadStrengthMeter, type PasswordStrength, type StrengthMeter } from './password-strength.ts';

/** What a new password must have; characters are code points of its NFC form. */
export interface PasswordPolicy {
  readonly minLength: number;
  readonly minLengthWithoutFactor: number;
  /** At least 15 characters of whoever has no second factor. */
  readonly strict: boolean;
  readonly maxLength: number;
}

/** What is known of whoever wants the password. */
export interface PasswordContext {
  readonly username?: string | undefined;
  readonly email?: string | undefined;
  /** Whether a second factor stands beside it. */
  readonly secondFactor?: boolean | undefined;
}

/**
 * Why a password is refused: its length; a character that cannot be typed again; `common`, also in other spellings or with
 * something added; `personal`, with words of its owner or of this product; or so `guessable` that a million guesses find
 * it.
 */
export type PasswordFlaw =
  | 'too_short'
  | 'too_long'
  | 'characters'
  | 'common'
  | 'personal'
  | 'repeated'
  | 'sequence'
  | 'guessable';

export interface PasswordVerdict {
  readonly ok: boolean;
  readonly reasons: readonly PasswordFlaw[];
  readonly strength: PasswordStrength;
}

/** @see NIST SP 800-63B-4 §3.1.1.2: length counts and a blocklist, no rules of composition */
export type JudgePassword = (password: string, context?: PasswordContext) => Promise<PasswordVerdict>;

export const DEFAULT_POLICY: PasswordPolicy = {
  minLength: 12,
  minLengthWithoutFactor: 12,
  strict: false,
  maxLength: 128,
};

const STRICT_LENGTH = 15;
const MOST_JUDGED = 128;
const OWN_WORDS = ['twinkeep'];
const PARTS = /[\p{P}\p{S}\p{Z}]+/u;
/** Below it online guessing within the limits of sign-in may succeed. */
const LEAST_SCORE = 2;

type Knowledge = readonly [CommonPasswords, StrengthMeter];

/** Dictionaries are the same for whoever judges by them, so a process reads them once. */
let knowledge: Promise<Knowledge> | undefined;

function load(): Promise<Knowledge> {
  knowledge ??= Promise.all([loadCommonPasswords(), loadStrengthMeter()]);
  knowledge.catch(() => (knowledge = undefined)); // the next call tries again
  return knowledge;
}

/** The rules for new passwords. What they need to know is loaded when the first is judged. */
export function createPasswordRules(policy: PasswordPolicy = DEFAULT_POLICY): JudgePassword {
  return async (given, context = {}) => {
    const password = given.normalize('NFC');
    const least = leastOf(policy, context.secondFactor === true);
    const seen = Array.from(password.toWellFormed()).slice(0, MOST_JUDGED).join('');
    const words = wordsOf(context);
    const [isCommon, strengthOf] = await load();
    const strength = strengthOf(seen, words);
    const length = Array.from(password).length;
    const flaws: readonly (readonly [PasswordFlaw, boolean])[] = [
      ['too_short', length < least],
      ['too_long', length > policy.maxLength],
      ['characters', given.includes('\0') || !given.isWellFormed()],
      ['common', isCommon(seen)],
      ['personal', hasWordsOf(seen, words)],
      ['repeated', isRepeated(seen, policy.minLength)],
      ['sequence', isSequence(seen)],
      ['guessable', strength.score < LEAST_SCORE],
    ];
    const reasons = flaws.filter(([, holds]) => holds).map(([flaw]) => flaw);
    return { ok: reasons.length === 0, reasons, strength };
  };
}

function leastOf({ minLength, minLengthWithoutFactor, strict }: PasswordPolicy, secondFactor: boolean): number {
  if (secondFactor) return minLength;
  return strict ? Math.max(STRICT_LENGTH, minLengthWithoutFactor) : minLengthWithoutFactor;
}

/** The name, what stands before the @ and the labels of the domain but the last, each whole and in its parts. */
function wordsOf({ username = '', email = '' }: PasswordContext): readonly string[] {
  const [local = '', domain = ''] = email.slice(0, 254).split('@');
  const labels = domain.split('.').slice(0, -1);
  const whole = [username.slice(0, 254), local, ...labels];
  return [...new Set([...OWN_WORDS, ...whole, ...whole.flatMap((text) => text.split(PARTS))])].filter(
    (word) => word !== '',
  );
}

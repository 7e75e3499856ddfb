import { z } from 'zod';

const MOST_CHARACTERS = 128;
const MOST_UNITS = MOST_CHARACTERS * 4; // decomposed, or outside of the first plane: bounds the work of counting
const TOO_LONG = 'must have at most 128 characters';
const USERNAME = /^[\p{L}\p{N}][\p{L}\p{M}\p{N}._@+-]{0,127}$(?!\n)/u;

/** 1 to 128 letters, digits and `._@+-`, beginning with a letter or digit. Kept as it was typed. */
export const username = z
  .string()
  .regex(USERNAME, 'must be 1 to 128 letters, digits or ._@+-')
  .refine((name) => name.isWellFormed(), 'must be well-formed');

/**
 * What a new password may be at all: 1 to 128 characters, as code points of its NFC form. Whether it is good enough is
 * for `Identity.judge` to say, which knows whose it is.
 *
 * @see NIST SP 800-63B-4 §3.1.1.2: all of Unicode, no rules of composition
 */
export const newPassword = z
  .string()
  .min(1, 'must have at least 1 character')
  .max(MOST_UNITS, TOO_LONG)
  .refine((password) => Array.from(password.normalize('NFC')).length <= MOST_CHARACTERS, TOO_LONG)
  .refine(
    (password) => password.isWellFormed() && !password.includes('\0'),
    'must not contain NUL or a lone surrogate',
  );

/** What two spellings of one name have in common: width, composition and case don't tell people apart. */
export const usernameKey = (name: string): string => name.normalize('NFKC').toLowerCase().normalize('NFKC');

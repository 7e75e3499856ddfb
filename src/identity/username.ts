import { z } from 'zod';

const USERNAME = /^[\p{L}\p{N}][\p{L}\p{M}\p{N}._@+-]{0,127}$(?!\n)/u;

/** 1 to 128 letters, digits and `._@+-`, beginning with a letter or digit. Kept as it was typed. */
export const username = z
  .string()
  .regex(USERNAME, 'must be 1 to 128 letters, digits or ._@+-')
  .refine((name) => name.isWellFormed(), 'must be well-formed');

/** NIST SP 800-63B-4 §3.1.1: length is what counts, no composition rules, all of Unicode, no upper limit below 64. */
export const newPassword = z
  .string()
  .min(12, 'must have at least 12 characters')
  .max(128, 'must have at most 128 characters')
  .refine(
    (password) => password.isWellFormed() && !password.includes('\0'),
    'must not contain NUL or a lone surrogate',
  );

/** What two spellings of one name have in common: width, composition and case don't tell people apart. */
export const usernameKey = (name: string): string => name.normalize('NFKC').toLowerCase().normalize('NFKC');

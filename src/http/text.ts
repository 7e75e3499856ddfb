import { z } from 'zod';

/** Text that every database keeps as it is: no NUL, no lone surrogate. Lengths are in UTF-16 code units. */
export const storableText = (min: number, max: number) =>
  z
    .string()
    .min(min)
    .max(max)
    .refine((text) => text.isWellFormed() && !text.includes('\0'), 'must not contain NUL or a lone surrogate');

/** An id in a path or body: 1 to 64 characters of `[A-Za-z0-9_-]`, the whole of it. */
export const idText = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$(?!\n)/, 'must be an id');

import { isUtf8 } from 'node:buffer';
import { z } from 'zod';

/** Text that every database keeps as it is: no NUL, no lone surrogate. Lengths are in code points. */
export const storableText = (min: number, max: number) =>
  z
    .string()
    .min(min)
    .max(max)
    .refine((text) => text.isWellFormed() && !text.includes('\0'), 'must not contain NUL or a lone surrogate');

/** An id in a path or body: 1 to 64 characters of `[A-Za-z0-9_-]`, the whole of it. */
export const idText = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$(?!\n)/, 'must be an id');

/** A whole number in a query, in digits alone: `Number` would also read `0x10`, `1e3` and nothing at all. */
export const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^(?:0|[1-9]\d{0,15})$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(min).max(max));

/**
 * A header as it was meant: Node reads each byte as a character, while what clients send is mostly UTF-8.
 *
 * @param max characters kept
 */
export function headerText(value: string, max: number): string {
  const bytes = Buffer.from(value, 'latin1');
  const text = isUtf8(bytes) ? bytes.toString() : value;
  return text.slice(0, max).toWellFormed();
}

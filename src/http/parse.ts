import type { z } from 'zod';
import type { Flaw } from '../kernel/errors.ts';
import { httpFault } from './errors.ts';

const MAX_FLAWS = 20;
const MAX_NAME = 64;

/**
 * A value as its schema wants it.
 *
 * @param root where the value came from, the first part of each flaw's path: `body`, `query`, `path`
 * @throws HTTP_INPUT_REFUSED with the first 20 flaws: place and reason, never the value
 */
export function parseWith<S extends z.ZodType>(schema: S, value: unknown, root: string): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw httpFault('HTTP_INPUT_REFUSED', { errors: flawsOf(parsed.error, root) });
}

/** What zod found, as places and reasons. Names that the sender made up are cut, for they end up in logs. */
export function flawsOf(error: z.ZodError, root: string): readonly Flaw[] {
  const flaws: Flaw[] = [];
  for (const issue of error.issues.slice(0, MAX_FLAWS)) {
    const at = [root, ...issue.path.map(String)].join('/');
    if (issue.code !== 'unrecognized_keys') flaws.push({ at, reason: issue.message });
    else
      for (const key of issue.keys)
        flaws.push({ at: `${at}/${key.slice(0, MAX_NAME)}`, reason: 'is not a known field' });
  }
  return flaws.slice(0, MAX_FLAWS).map(({ at, reason }) => ({ at: at.toWellFormed(), reason: reason.toWellFormed() }));
}

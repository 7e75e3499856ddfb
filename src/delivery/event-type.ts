import { z } from 'zod';

const TYPE = /^[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*){0,5}$(?!\n)/;
const PATTERN = /^(?:\*|[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*){0,5}(?:\.\*)?)$(?!\n)/;
const MAX_CHARS = 64;
const MAX_PATTERNS = 20;

/** The name of an event: `address.blocked`. */
export const eventType = z.string().max(MAX_CHARS).regex(TYPE, 'must be the name of an event, like address.blocked');

/** Which events are wanted: a name, all below one (`address.*`), or all (`*`). */
export const eventPatterns = z
  .array(z.string().max(MAX_CHARS).regex(PATTERN, 'must be an event, like address.blocked, or address.*, or *'))
  .min(1)
  .max(MAX_PATTERNS);

/** Whether one of the patterns admits an event. `address.*` admits `address.block.ended` and not `address`. */
export function isWanted(patterns: readonly string[], type: string): boolean {
  return patterns.some(
    (pattern) =>
      pattern === '*' || pattern === type || (pattern.endsWith('.*') && type.startsWith(pattern.slice(0, -1))),
  );
}

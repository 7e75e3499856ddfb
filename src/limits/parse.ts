import type { Limit } from '../storage/index.ts';

const UNIT_SECONDS: Readonly<Record<string, number>> = {
  second: 1,
  minute: 60,
  hour: 3_600,
  day: 86_400,
  month: 30 * 86_400,
  year: 360 * 86_400,
};

const MAX_TEXT = 1_000;
const MAX_LIMITS = 16;
const MAX_COUNT = 1_000_000; // as in config.ts
const MAX_WINDOW_MS = 10 * 365 * 86_400_000;

const ONE = /^(\d+)\s*(?:\/|per)\s*(?:(\d+)\s*)?(second|minute|hour|day|month|year)s?$/i;

/**
 * Reads limits in the grammar of Flask-Limiter (B23): `100 per hour`, `10/minute`, `1 per 2 hours`, several of them
 * between `;`, `,` or `|`. A month is 30 days and a year twelve of those, as there.
 *
 * @throws TypeError that names what is wrong and the character at which it begins, counted from 1
 * @see https://limits.readthedocs.io/en/stable/quickstart.html#rate-limit-string-notation
 */
export function parseLimits(text: string): readonly Limit[] {
  if (text.length > MAX_TEXT) throw flaw(MAX_TEXT, `more than ${MAX_TEXT} characters`);
  const limits: Limit[] = [];
  let at = 0;
  for (const part of text.split(/[;,|]/)) {
    const begin = at + part.length - part.trimStart().length;
    const limit = parseOne(part.trim());
    if (typeof limit === 'string') throw flaw(begin, limit);
    if (limits.length === MAX_LIMITS) throw flaw(begin, `more than ${MAX_LIMITS} limits`);
    limits.push(limit);
    at += part.length + 1;
  }
  return limits;
}

const flaw = (at: number, reason: string): TypeError => new TypeError(`limits, at character ${at + 1}: ${reason}`);

/** @returns what is wrong, where something is */
function parseOne(text: string): Limit | string {
  const [, amount, multiple, unit] = ONE.exec(text) ?? [];
  const unitSeconds = UNIT_SECONDS[unit?.toLowerCase() ?? ''];
  if (amount === undefined || unitSeconds === undefined) return 'not of the form "100 per hour" or "10/2 minutes"';
  const count = Number(amount);
  if (count < 1 || count > MAX_COUNT) return `the count must be 1 to ${MAX_COUNT}`;
  const windowMs = Number(multiple ?? 1) * unitSeconds * 1_000;
  if (windowMs < 1 || windowMs > MAX_WINDOW_MS) return 'the window must be above 0 and at most ten years';
  return { count, windowMs };
}

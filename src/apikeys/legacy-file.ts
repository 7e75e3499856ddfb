import { BCRYPT_COSTS, bcryptCostOf } from '../crypto/index.ts';
import { parseJson } from '../http/index.ts';
import { type Flaw, isFault } from '../kernel/errors.ts';
import { apiKeyFault } from './errors.ts';
import { LEGACY_PREFIX_CHARS } from './store.ts';

/** A hash of a legacy file, and the first characters of the key that it belongs to. */
export interface LegacyEntry {
  readonly prefix: string;
  readonly hash: string;
  /** Rounds of bcrypt: 2 to the power of its cost. */
  readonly work: number;
}

const MAX_BYTES = 1_048_576;
const MAX_ENTRIES = 10_000;
const MAX_FLAWS = 20;
const PREFIX = new RegExp(`^[\\x20-\\x7e]{${LEGACY_PREFIX_CHARS}}$`);

/**
 * What a file of legacy keys holds: an object from the first 8 characters of each key to its bcrypt hash, or to a list
 * of hashes where several keys begin alike.
 *
 * @param file Its text, at most 1 MiB, or the object; at most 10,000 hashes.
 * @returns each pair of prefix and hash once
 * @throws APIKEY_IMPORT_REFUSED with the first 20 flaws: place and reason, never a hash, nor a name of another length,
 *   which may be a whole key
 */
export function readLegacyKeys(file: string | object): readonly LegacyEntry[] {
  const flaws: Flaw[] = [];
  const found = new Map<string, LegacyEntry>();
  for (const [index, [prefix, value]] of Object.entries(typeof file === 'string' ? parse(file) : file).entries()) {
    const named = PREFIX.test(prefix);
    const at = named ? prefix : `entry ${index + 1}`;
    if (!named) flaws.push({ at, reason: `must be named by the first ${LEGACY_PREFIX_CHARS} characters of its key` });
    const hashes: readonly unknown[] = Array.isArray(value) ? value : [value];
    for (const [position, hash] of hashes.entries()) {
      const reason = flawOf(hash);
      const place = Array.isArray(value) ? `${at}/${position}` : at;
      if (reason !== undefined) flaws.push({ at: place, reason });
      else found.set(`${prefix} ${hash}`, entryOf(prefix, String(hash)));
    }
  }
  if (found.size > MAX_ENTRIES) flaws.push({ at: 'keys', reason: `must hold at most ${MAX_ENTRIES} hashes` });
  if (flaws.length > 0) throw importFault(flaws);
  return [...found.values()];
}

/** @throws APIKEY_IMPORT_REFUSED */
export const importFault = (flaws: readonly Flaw[]) =>
  apiKeyFault('APIKEY_IMPORT_REFUSED', { errors: flaws.slice(0, MAX_FLAWS) });

function parse(text: string): object {
  if (Buffer.byteLength(text) > MAX_BYTES)
    throw importFault([{ at: 'keys', reason: `must be ${MAX_BYTES} bytes at most` }]);
  const parsed = parsedOf(text.replace(/^\ufeff/, ''));
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed;
  throw importFault([{ at: 'keys', reason: 'must be an object' }]);
}

function parsedOf(text: string): unknown {
  try {
    return parseJson(Buffer.from(text));
  } catch (error) {
    const position = isFault(error) ? error.facts['position'] : undefined;
    const where = position === undefined ? '' : ` from character ${position} on`;
    throw importFault([{ at: 'keys', reason: `must be JSON, and is none${where}` }]);
  }
}

function flawOf(hash: unknown): string | undefined {
  const cost = typeof hash === 'string' ? bcryptCostOf(hash) : undefined;
  if (cost === undefined) return 'must be a bcrypt hash ($2a$, $2b$ or $2y$)';
  const { least, most } = BCRYPT_COSTS;
  return cost < least || cost > most ? `must have a cost of ${least} to ${most}` : undefined;
}

const entryOf = (prefix: string, hash: string): LegacyEntry => ({ prefix, hash, work: workOf(hash) });

/** Rounds of a readable hash. */
export const workOf = (hash: string): number => 2 ** (bcryptCostOf(hash) ?? 0);

import { combine, split } from 'shamir-secret-sharing';
import type { Random } from '../kernel/random.ts';
import { createSecret, type Secret } from '../kernel/secret.ts';
import { vaultFault } from './errors.ts';
import { masterIdOf } from './master-key.ts';
import { formatShare, parseShare, type Share } from './share-text.ts';

/** How a master key is split: any `threshold` of the `count` shares give it back, fewer tell nothing of it. */
export interface Splitting {
  readonly threshold: number;
  readonly count: number;
}

/** What shares at hand come to. */
export interface SharesFound extends Splitting {
  readonly master: string;
  /** The numbers of those at hand, ascending. */
  readonly numbers: readonly number[];
}

const MOST_SHARES = 255;

/**
 * Splits a master key into shares to print, each for another place.
 *
 * @throws VAULT_SHARES unless 2 <= threshold <= count <= 255
 * @see Shamir, How to share a secret (1979); over GF(2^8) by `shamir-secret-sharing`, which was audited
 */
export async function splitMaster(
  bytes: Secret<Buffer>,
  { threshold, count }: Splitting,
  random: Random,
): Promise<readonly string[]> {
  if (!(Number.isInteger(threshold) && Number.isInteger(count) && threshold >= 2 && count >= threshold)) {
    throw vaultFault('VAULT_SHARES', { reason: 'a threshold of at least 2, and at least as many shares, are needed' });
  }
  if (count > MOST_SHARES) throw vaultFault('VAULT_SHARES', { reason: `${MOST_SHARES} shares are the most` });
  const master = masterIdOf(bytes.reveal());
  const set = random.bytes(4).toString('hex');
  const parts = await split(new Uint8Array(bytes.reveal()), count, threshold); // it takes no Buffer
  return parts.map((part, at) =>
    formatShare({ master, set, threshold, count, number: at + 1, bytes: Buffer.from(part) }),
  );
}

/** A share as it was handed in, and how it is called in a refusal. */
export interface GivenShare {
  readonly name: string;
  readonly text: string;
}

/**
 * Looks at shares without putting them together.
 *
 * @throws VAULT_SHARES naming the place that was altered, or shares that do not go together
 */
export const inspectShares = (given: readonly GivenShare[]): SharesFound => foundIn(readShares(given));

/**
 * Puts a master key together again.
 *
 * @throws VAULT_SHARES also when there are too few, or what they give is not the key that they name
 */
export async function combineShares(given: readonly GivenShare[]): Promise<Secret<Buffer>> {
  const shares = readShares(given);
  const { threshold, numbers, master } = foundIn(shares);
  if (numbers.length < threshold) {
    throw vaultFault('VAULT_SHARES', { reason: `${numbers.length} of the ${threshold} that are needed are here` });
  }
  const parts = [...new Map(shares.map((share) => [share.number, new Uint8Array(share.bytes)])).values()];
  const bytes = Buffer.from(await combineParts(parts.slice(0, threshold)));
  if (bytes.length !== 32 || masterIdOf(bytes) !== master) {
    throw vaultFault('VAULT_SHARES', { reason: `they do not give the master key ${master}: one of them was forged` });
  }
  return createSecret(bytes);
}

async function combineParts(parts: Uint8Array[]): Promise<Uint8Array> {
  try {
    return await combine(parts);
  } catch (error) {
    throw vaultFault('VAULT_SHARES', { reason: 'one of them was forged' }, error);
  }
}

function readShares(given: readonly GivenShare[]): readonly Share[] {
  if (given.length > 255) throw vaultFault('VAULT_SHARES', { reason: 'so many shares were never made' });
  const shares = given.map(({ name, text }) => ({ name, ...parseShare(text, name) }));
  const [first] = shares;
  if (first === undefined) throw vaultFault('VAULT_SHARES', { reason: 'none is given' });
  for (const share of shares) {
    const reason = strangenessOf(share, first);
    if (reason !== undefined) throw vaultFault('VAULT_SHARES', { share: share.name, reason });
    const twin = shares.find(({ number }) => number === share.number);
    if (twin !== undefined && !twin.bytes.equals(share.bytes)) {
      throw vaultFault('VAULT_SHARES', {
        share: share.name,
        reason: `it differs from ${twin.name}, of the same number`,
      });
    }
  }
  return shares;
}

function strangenessOf(share: Share, first: Share): string | undefined {
  if (share.master !== first.master) return `it is of the master key ${share.master}, the first of ${first.master}`;
  if (share.set !== first.set) return 'it was made at another time than the first: those do not go together';
  const isSame = share.threshold === first.threshold && share.count === first.count;
  return isSame && share.number >= 1 && share.number <= share.count ? undefined : 'its numbers make no sense';
}

function foundIn(shares: readonly Share[]): SharesFound {
  const [{ master, threshold, count } = { master: '', threshold: 0, count: 0 }] = shares;
  return { master, threshold, count, numbers: [...new Set(shares.map(({ number }) => number))].sort((a, b) => a - b) };
}

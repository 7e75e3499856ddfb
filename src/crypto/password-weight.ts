import { argon2 } from './argon2id.ts';
import { bcryptCostOf } from './bcrypt.ts';
import { pbkdf2Hmac, type StoredHash, scryptHash } from './stored-hash.ts';
import { createWorkQueue } from './work-queue.ts';

/** How long the check of a password takes here, so that no hash is let in that the time of a refusal would tell. */
export interface HashWeights {
  /** Milliseconds of one thread for one form of the password, measured once for each kind of work. @throws CRYPTO_BUSY */
  of(stored: StoredHash): Promise<number>;
  /** The same of a bcrypt of that cost. @throws CRYPTO_BUSY */
  ofBcrypt(cost: number): Promise<number>;
}

/** Short enough that a busy machine leaves one of them alone: the least counts. */
const SAMPLES = 3;
const BCRYPT_SAMPLE = 8;
const ROUNDS_SAMPLE = 20_000;
/** A file of people can name as many kinds of work as it has lines. */
const MOST_KINDS = 256;
const MOST_WAITING = 512;
const MESSAGE = 'a password that nobody has';
const NOBODY = `$2b$0${BCRYPT_SAMPLE}$${'.'.repeat(53)}`;

/** Weighs by a piece of the work where the whole is so many times the piece: rounds, doublings, passes and lanes. */
export function createHashWeights(): HashWeights {
  const queue = createWorkQueue({ concurrency: 1, queueLimit: MOST_WAITING }); // what others wait for is not what is weighed
  const pieces = new Map<string, Promise<number>>();

  async function leastOf(piece: () => Promise<unknown>): Promise<number> {
    let least = Number.POSITIVE_INFINITY;
    for (let sample = 0; sample < SAMPLES; sample++) {
      const from = performance.now();
      await piece();
      least = Math.min(least, performance.now() - from);
    }
    return least;
  }

  function pieceOf(kind: string, piece: () => Promise<unknown>): Promise<number> {
    const known = pieces.get(kind);
    if (known !== undefined) return known;
    if (pieces.size >= MOST_KINDS) pieces.clear();
    const measured = queue.run(() => leastOf(piece));
    pieces.set(kind, measured);
    measured.catch(() => pieces.delete(kind)); // was not measured, and is next time
    return measured;
  }

  async function ofBcrypt(cost: number): Promise<number> {
    const { verify } = await import('@node-rs/bcrypt'); // native code that most processes never need
    const piece = await pieceOf('bcrypt', () => verify(MESSAGE, NOBODY));
    return piece * 2 ** (cost - BCRYPT_SAMPLE);
  }

  async function of(stored: StoredHash): Promise<number> {
    const message = Buffer.from(MESSAGE);
    switch (stored.kind) {
      case 'hmac':
        return 0;
      case 'bcrypt':
        return ofBcrypt(bcryptCostOf(stored.hash) ?? 0);
      case 'pbkdf2': {
        const { digest, rounds, salt, tag } = stored;
        const sample = () => pbkdf2Hmac(digest, message, salt, ROUNDS_SAMPLE, tag.length);
        return ((await pieceOf(`pbkdf2 ${digest} ${tag.length}`, sample)) * rounds) / ROUNDS_SAMPLE;
      }
      case 'scrypt': {
        const { cost, salt, tag } = stored;
        const sample = () => scryptHash(message, salt, { ...cost, p: 1 }, tag.length);
        return (await pieceOf(`scrypt ${cost.n} ${cost.r}`, sample)) * cost.p;
      }
      case 'argon2': {
        const { variant, cost, salt, tag } = stored;
        const sample = () => argon2(variant, message, { ...cost, passes: 1 }, salt, tag.length);
        return (await pieceOf(`${variant} ${cost.memoryKib} ${cost.parallelism}`, sample)) * cost.passes;
      }
    }
  }

  return { of, ofBcrypt };
}

/** What stands beside the check in the time of a refusal, and a machine that does other things. */
const HEADROOM = 1.25;
const STEP_MS = 50;

/** No sooner may a refusal be answered for such a hash not to show. */
export const coverOf = (weightMs: number): number => Math.ceil((weightMs * HEADROOM) / STEP_MS) * STEP_MS;

/** The same for a bcrypt of that cost, before there is anything to hash with. */
export const coverOfBcrypt = async (cost: number): Promise<number> => coverOf(await createHashWeights().ofBcrypt(cost));

import { decodeBase64url, encodeBase64url, sha256 } from '../crypto/index.ts';
import { epochMs, type PersonId } from '../kernel/brand.ts';
import { type Clock, minutes } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { type Ticket, ticketStore } from './store-tickets.ts';

export interface TicketDeps {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly random: Random;
}

/** What a ticket is opened with. */
export type PendingSignIn = Omit<Ticket, 'factorId' | 'openedAt' | 'expiresAt'>;

/**
 * Sign-ins between their first factor and their second. A ticket is 256 random bits of which a digest is stored, good for
 * ten minutes, five answers and one session; to whoever holds it, it opens nothing but the second factor.
 */
export interface Tickets {
  open(tx: Tx, pending: PendingSignIn): Promise<string>;
  /** One that is still good, whatever it is asked for next; `undefined` for every other. */
  get(token: string): Promise<Ticket | undefined>;
  /** The same, and counts one of its answers: to be asked before an answer is looked at. */
  take(token: string): Promise<Ticket | undefined>;
  /** Ties a ticket to the factor that is set up with it. @returns false when it is no longer good */
  enrolling(tx: Tx, token: string, factorId: string): Promise<boolean>;
  /** Uses a ticket up, in the write that starts its session. @returns false when another was first */
  spend(tx: Tx, token: string): Promise<boolean>;
  /** Ends those of a person that are to set a factor up: in the write that confirms one. @returns how many */
  closeEnrolling(tx: Tx, person: PersonId): Promise<number>;
  /** Ends all of a person, as when their sessions are ended. @returns how many */
  closeAll(tx: Tx, person: PersonId): Promise<number>;
  /** Forgets what ran out. */
  prune(): Promise<void>;
}

/** How long a sign-in may take from its first factor to its last. */
export const TICKET_MS = minutes(10);
const MOST_TRIES = 5;
const PREFIX = 'tkt_';
const SECRET_BYTES = 32;

export function createTickets({ storage, clock, random }: TicketDeps): Tickets {
  return {
    open: async (tx, pending) => {
      const token = PREFIX + encodeBase64url(random.bytes(SECRET_BYTES));
      const openedAt = clock.now();
      const times = { openedAt, expiresAt: epochMs(openedAt + TICKET_MS) };
      await ticketStore.add(tx, sha256(token), { ...pending, ...times, factorId: undefined });
      return token;
    },
    get: async (token) => {
      if (!isTicket(token)) return undefined;
      return storage.read(platform, (tx) => ticketStore.get(tx, sha256(token), clock.now(), MOST_TRIES));
    },
    take: async (token) => {
      if (!isTicket(token)) return undefined;
      return storage.write(platform, (tx) => ticketStore.take(tx, sha256(token), clock.now(), MOST_TRIES));
    },
    enrolling: async (tx, token, factorId) =>
      (await ticketStore.setFactor(tx, sha256(token), clock.now(), factorId)) === 1,
    spend: async (tx, token) => (await ticketStore.close(tx, sha256(token), clock.now())) === 1,
    closeEnrolling: (tx, person) => ticketStore.closeEnrolling(tx, person, clock.now()),
    closeAll: (tx, person) => ticketStore.closeAll(tx, person, clock.now()),
    prune: async () => {
      await storage.write(platform, (tx) => ticketStore.prune(tx, clock.now()));
    },
  };
}

/** Anything of another form needs no look-up. */
function isTicket(text: string): boolean {
  return text.startsWith(PREFIX) && decodeBase64url(text.slice(PREFIX.length))?.length === SECRET_BYTES;
}

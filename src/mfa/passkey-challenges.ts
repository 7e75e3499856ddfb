import { decodeBase64url, encodeBase64url, equalBytes, sha256 } from '../crypto/index.ts';
import { type EpochMs, epochMs, type PersonId, tenantId } from '../kernel/brand.ts';
import { type Clock, minutes } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';
import type { Tx } from '../kernel/tx.ts';
import type { Vault } from '../vault/index.ts';
import { passkeyStore } from './store-passkeys.ts';

/** What a challenge is answered for; `passwordless` promises a passkey that is enough by itself. */
export type Purpose = 'register' | 'register-passwordless' | 'authenticate';

/** A challenge that was ours, whoever answers it. */
export interface GoodChallenge {
  readonly digest: Buffer;
  readonly expiresAt: EpochMs;
}

/**
 * What an authenticator signs, so that its answer is of now and for this. A challenge says until when it is good and
 * carries a MAC over that, its purpose and its person: nothing is stored for one that is only asked for, so asking for
 * them without end fills nothing. The digest of one that was answered is stored until it runs out: it works once.
 */
export interface PasskeyChallenges {
  /** @param person undefined where it is not known yet who will answer. @throws VAULT_PROVIDER_AWAY */
  make(purpose: Purpose, person: PersonId | undefined): Promise<string>;
  /** @returns undefined for one that is not ours, has run out, or is for another purpose or person */
  read(challenge: string, purpose: Purpose, person: PersonId | undefined): Promise<GoodChallenge | undefined>;
  /** @returns false when it was answered before; of two answers at once one gets true */
  spend(tx: Tx, challenge: GoodChallenge): Promise<boolean>;
}

export const CHALLENGE_MS = minutes(5);

const HEAD_BYTES = 24; // 18 random ones, and the end of its time
const TAG_BYTES = 24;
const PLATFORM = tenantId('platform');
const PLACE = { table: 'passkey', column: 'challenge' };

export function createPasskeyChallenges({
  vault,
  clock,
  random,
}: {
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
}): PasskeyChallenges {
  return {
    make: async (purpose, person) => {
      const head = Buffer.concat([random.bytes(18), Buffer.alloc(6)]);
      head.writeUIntBE(clock.now() + CHALLENGE_MS, 18, 6);
      const fields = await vault.fields(PLATFORM);
      return encodeBase64url(Buffer.concat([head, tagOf(fields.index(PLACE, boundTo(head, purpose, person)))]));
    },
    read: async (challenge, purpose, person) => {
      const bytes = decodeBase64url(challenge);
      if (bytes?.length !== HEAD_BYTES + TAG_BYTES) return undefined;
      const head = bytes.subarray(0, HEAD_BYTES);
      const expiresAt = epochMs(head.readUIntBE(18, 6));
      const fields = await vault.fields(PLATFORM);
      const tags = fields.indexes(PLACE, boundTo(head, purpose, person)).map(tagOf);
      const isOurs = tags.some((tag) => equalBytes(tag, bytes.subarray(HEAD_BYTES)));
      return isOurs && clock.now() < expiresAt ? { digest: sha256(bytes), expiresAt } : undefined;
    },
    spend: (tx, { digest, expiresAt }) => passkeyStore.spend(tx, digest, expiresAt, clock.now()),
  };
}

/** No id has a colon in it, so no two bindings read alike. */
const boundTo = (head: Buffer, purpose: Purpose, person: PersonId | undefined): string =>
  `${purpose}:${person ?? ''}:${encodeBase64url(head)}`;

const tagOf = (index: string): Buffer => sha256(index).subarray(0, TAG_BYTES);

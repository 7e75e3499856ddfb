import { z } from 'zod';
import { decodeBase64url, encodeBase64url, sha256 } from '../crypto/index.ts';
import { type EpochMs, epochMs, type PersonId, tenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import { newUuid, type Random } from '../kernel/random.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { type FieldPlace, foldedEmail, type Vault } from '../vault/index.ts';
import { accountTokenStore } from './store-account-tokens.ts';

/** What a link is for. One that was made for another purpose is as unknown as none. */
export type TokenPurpose = 'reset' | 'verify' | 'invite' | 'register';

/** What a token is about, kept sealed. */
export type TokenPayload = Readonly<Record<string, string>>;

export interface NewToken {
  readonly purpose: TokenPurpose;
  /** Whose account it is about; undefined where there is none yet. */
  readonly personId?: PersonId | undefined;
  /** A member `email` is an address by which a newer token replaces this one, where there is no person. */
  readonly payload: TokenPayload;
  readonly lifeMs: number;
}

export interface AccountToken {
  readonly id: string;
  readonly purpose: TokenPurpose;
  readonly personId: PersonId | undefined;
  readonly payload: TokenPayload;
  readonly expiresAt: EpochMs;
}

/** Makes tokens inside a write. */
export interface TokenWriter {
  /**
   * The older ones of that purpose, for the same person or address, die. Not those that reset a password: strangers may
   * ask for them, and must not kill the link that the owner is about to open.
   *
   * @returns the token: 256 bits, kept nowhere
   */
  issue(tx: Tx, wish: NewToken): Promise<string>;
}

/** What stands in the links of mails: random, good once, for one purpose, and known here by a digest alone. */
export interface AccountTokens {
  /** To be called just before the write, for inside of it only the transaction may be awaited. @throws VAULT_PROVIDER_AWAY */
  writer(): Promise<TokenWriter>;
  /** Looks at a token without using it. @returns undefined for one that is unknown, used, run out or for another purpose */
  find(token: string, purposes: readonly TokenPurpose[]): Promise<AccountToken | undefined>;
  /** Uses it up. @returns false when somebody else was first, or it has died */
  spend(tx: Tx, token: AccountToken): Promise<boolean>;
  /** Forgets those that ran out. */
  prune(): Promise<void>;
}

/** Kills every link of a person: password or address changed, the account was disabled or is gone. */
export const dropAccountTokens = async (tx: Tx, person: PersonId): Promise<void> =>
  void (await accountTokenStore.dropOfPerson(tx, person));

export const TOKEN_PAYLOAD = { table: 'account_token', column: 'payload' } as const;

const PLATFORM = tenantId('platform');
const TOKEN_BYTES = 32;
const PURPOSES = ['reset', 'verify', 'invite', 'register'] as const satisfies readonly TokenPurpose[];
const payloadText = z.record(z.string(), z.string());
const purposeText = z.enum(PURPOSES);

const digestOf = (token: string): string => encodeBase64url(sha256(token));
const placeOf = (id: string): FieldPlace => ({ ...TOKEN_PAYLOAD, row: id });

/** What of a payload is looked for: the folded address in it. */
export function indexedOf(payload: string): string | undefined {
  const { email } = payloadText.parse(JSON.parse(payload));
  return email === undefined ? undefined : foldedEmail(email);
}

export interface AccountTokenDeps {
  readonly storage: Storage;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
}

export function createAccountTokens({ storage, vault, clock, random }: AccountTokenDeps): AccountTokens {
  return {
    writer: async () => {
      const fields = await vault.fields(PLATFORM);
      return {
        issue: async (tx, { purpose, personId, payload, lifeMs }) => {
          const now = clock.now();
          const text = JSON.stringify(payload);
          const email = indexedOf(text);
          if (purpose !== 'reset') {
            if (personId !== undefined) await accountTokenStore.dropPurposeOfPerson(tx, personId, purpose);
            else if (email !== undefined)
              await accountTokenStore.dropOfEmail(tx, fields.indexes(TOKEN_PAYLOAD, email), purpose);
          }
          const token = encodeBase64url(random.bytes(TOKEN_BYTES));
          const id = newUuid(clock, random);
          await accountTokenStore.add(tx, {
            id,
            digest: digestOf(token),
            purpose,
            person_id: personId ?? null,
            payload: fields.seal(placeOf(id), text),
            email_index: email === undefined ? null : fields.index(TOKEN_PAYLOAD, email),
            created_at: now,
            expires_at: now + lifeMs,
          });
          return token;
        },
      };
    },
    find: async (token, purposes) => {
      if (decodeBase64url(token)?.length !== TOKEN_BYTES) return undefined; // no look-up for what cannot be one
      const row = await storage.read(platform, (tx) => accountTokenStore.byDigest(tx, digestOf(token), clock.now()));
      const purpose = purposeText.safeParse(row?.purpose).data;
      if (row === undefined || purpose === undefined || !purposes.includes(purpose)) return undefined;
      const fields = await vault.fields(PLATFORM);
      const payload = payloadText.parse(JSON.parse(fields.open(placeOf(row.id), row.payload)));
      return { id: row.id, purpose, personId: row.personId, payload, expiresAt: epochMs(row.expiresAt) };
    },
    spend: (tx, { id }) => accountTokenStore.spend(tx, id, clock.now()),
    prune: async () => void (await storage.write(platform, (tx) => accountTokenStore.prune(tx, clock.now()))),
  };
}

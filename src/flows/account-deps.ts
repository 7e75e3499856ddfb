import type { Access } from '../access/index.ts';
import type { Audit } from '../audit/index.ts';
import { actorOf, type Context } from '../http/index.ts';
import type {
  AccountConfig,
  AccountTokens,
  Identity,
  Invitations,
  PasswordVerdict,
  Person,
} from '../identity/index.ts';
import { dropAccountTokens, identityFault } from '../identity/index.ts';
import type { PersonId, SessionId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import type { Random } from '../kernel/random.ts';
import type { Tx } from '../kernel/tx.ts';
import type { Limits } from '../limits/index.ts';
import type { Storage } from '../storage/index.ts';
import { MAIN_TENANT, type Tenants } from '../tenants/index.ts';
import type { Vault } from '../vault/index.ts';
import type { AccountMails } from './account-mails.ts';
import type { Attempts } from './attempts.ts';
import type { EvenTime } from './even-time.ts';

/** What accounts need of sessions. */
export interface AccountSessions {
  /** Ends all sessions of a person but `except`, and no device stands in for a second factor any more. @returns how many */
  endAll(tx: Tx, actor: Actor, person: PersonId, reason: string, except?: SessionId): Promise<number>;
  readonly devices: {
    /** Of somebody who is erased. */
    forgetAll(tx: Tx, person: PersonId): Promise<unknown>;
    /** Has a count of attempts of its own from now on. */
    learnAddress(tx: Tx, person: PersonId, addressBlock: string): Promise<void>;
  };
}

/** What accounts need of second factors. */
export interface AccountFactors {
  isEnrolled(person: PersonId): Promise<boolean>;
  /** Takes all factors and codes away. @returns how many there were */
  reset(tx: Tx, actor: Actor, person: PersonId): Promise<number>;
  readonly recovery: { issue(tx: Tx, actor: Actor, person: PersonId): Promise<string> };
  /** Ends the sign-ins that wait for a second factor. */
  readonly tickets: { closeAll(tx: Tx, person: PersonId): Promise<unknown> };
}

export interface AccountDeps {
  readonly storage: Storage;
  readonly vault: Vault;
  readonly audit: Audit;
  readonly identity: Identity;
  readonly tenants: Tenants;
  readonly access: Access;
  readonly sessions: AccountSessions;
  readonly mfa: AccountFactors;
  readonly mails: AccountMails;
  readonly limits: Pick<Limits, 'takeOf'>;
  readonly attempts: Pick<Attempts, 'begin' | 'good' | 'clear'>;
  readonly evenTime: EvenTime;
  /** What was learned of how a person uses the system goes with them. */
  readonly forgetUse?: ((tx: Tx, person: PersonId) => Promise<void>) | undefined;
  /** Throws for a person who is blocked. */
  readonly assertOpen?: ((person: PersonId) => void) | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly config: AccountConfig;
}

/** The same with the rooms that accounts alone use. */
export interface AccountGround extends AccountDeps {
  readonly tokens: AccountTokens;
  readonly invitations: Invitations;
}

/** The operator as whoever wrote the configuration: what it gives to newcomers, it gives. */
export const byConfiguration = (context: Context): Actor =>
  actorOf(context, { kind: 'operator', tenantId: MAIN_TENANT }, MAIN_TENANT);

/**
 * What administrators may do with passwords and addresses of others they may not with their own: a stolen session would be
 * enough to keep its owner out for good.
 *
 * @throws IDENTITY_OWN_PASSWORD
 */
export function assertOthers({ principal }: Actor, id: PersonId): void {
  if (principal.kind === 'person' && principal.personId === id) throw identityFault('IDENTITY_OWN_PASSWORD');
}

/** @throws IDENTITY_PASSWORD_WEAK with reasons and strength */
export async function assertStrong(
  identity: Pick<Identity, 'judge'>,
  password: string,
  about: { username?: string | undefined; email?: string | undefined; secondFactor?: boolean | undefined },
): Promise<PasswordVerdict> {
  const verdict = await identity.judge(password, about);
  if (!verdict.ok) throw identityFault('IDENTITY_PASSWORD_WEAK', weakness(verdict));
  return verdict;
}

/** Why, and how strong it is: for a refusal, and for a meter. */
export const weakness = ({ reasons, strength }: PasswordVerdict) => ({
  reasons: [...reasons],
  strength: { ...strength },
});

/**
 * What belongs to every new password: links die, sessions and half-done sign-ins end, devices are no longer remembered,
 * the person is told.
 */
export async function settlePassword(
  tx: Tx,
  ground: Pick<AccountGround, 'identity' | 'sessions' | 'mfa' | 'mails'>,
  change: { actor: Actor; person: Person; passwordHash: string; reason: string; except?: SessionId | undefined },
): Promise<void> {
  const { actor, person, passwordHash, reason, except } = change;
  await ground.identity.setPassword(tx, actor, person.id, passwordHash);
  await dropAccountTokens(tx, person.id);
  await ground.sessions.endAll(tx, actor, person.id, reason, except);
  await ground.mfa.tickets.closeAll(tx, person.id);
  const { address } = await ground.identity.emails.of(tx, person);
  if (address !== undefined)
    await ground.mails.send(tx, address, { kind: 'password-changed', username: person.username });
}

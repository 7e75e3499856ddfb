import { z } from 'zod';
import type { HashScheme } from '../crypto/index.ts';
import { actorOf, type Context } from '../http/index.ts';
import { type AccountToken, assertOwnName, identityFault, markEmailVerified } from '../identity/index.ts';
import { epochMs, type PersonId } from '../kernel/brand.ts';
import { isFault } from '../kernel/errors.ts';
import { type Actor, anonymous } from '../kernel/principal.ts';
import { inTenant, platform, type Tx } from '../kernel/tx.ts';
import { MAIN_REALM, MAIN_TENANT } from '../tenants/index.ts';
import { type AccountGround, assertStrong, byConfiguration } from './account-deps.ts';
import type { AccountMail } from './account-mails.ts';

export interface Registration {
  readonly username: string;
  readonly password: string;
  readonly email?: string | undefined;
}

export interface RegistrationOptions {
  /** Roles in the main tenant; those of the configuration unless told. */
  readonly roles?: readonly string[] | undefined;
  readonly scheme?: HashScheme | undefined;
  /** Whether an address must be given and proved before there is an account; as configured unless told. */
  readonly requireEmail?: boolean | undefined;
  /** Of a profile that has a say of its own; as configured unless told. */
  readonly registration?: 'open' | 'closed' | undefined;
}

/** `mailed`: the rest is in a mail. `accepted`: there is an account of that name now, made by this or by another. */
export type Registered = { readonly kind: 'mailed' } | { readonly kind: 'accepted' };

const rolesText = z.array(z.string());
const DECOY_MS = 60_000;

/**
 * Accounts that people make for themselves. Free and taken names and addresses get the same answer after the same work:
 * what happened stands in a mail that only the address' owner reads.
 *
 * With an address the account is made when the link of the mail is used, and the password chosen there. Were it made at
 * once, strangers could hold names and addresses that are not theirs, or wait in an account for its owner to confirm it.
 */
export function createRegistration(ground: AccountGround) {
  const { storage, audit, identity, tokens, tenants, access, mails, clock, config } = ground;

  async function register(context: Context, wish: Registration, options: RegistrationOptions): Promise<Registered> {
    if ((options.registration ?? config.registration) !== 'open') throw identityFault('IDENTITY_REGISTRATION_CLOSED');
    const requireEmail = options.requireEmail ?? config.requireEmail;
    if (requireEmail && !mails.areOn) throw identityFault('IDENTITY_MAIL_OFF');
    if (requireEmail && wish.email === undefined) throw identityFault('IDENTITY_EMAIL_MISSING');
    assertOwnName(wish.username, requireEmail ? wish.email : undefined);
    await ground.attempts.begin({ addressBlock: context.addressBlock });
    await assertStrong(identity, wish.password, wish);
    await ground.attempts.good({ addressBlock: context.addressBlock }); // nothing was guessed: routes limit this by themselves
    const { email } = wish;
    if (requireEmail && email !== undefined) {
      await ground.evenTime.even('register-mailed', () => byMail({ ...wish, email }, options));
      return { kind: 'mailed' };
    }
    await ground.evenTime.even('register', () => atOnce(context, wish, options));
    return { kind: 'accepted' };
  }

  async function byMail(wish: Registration & { email: string }, options: RegistrationOptions): Promise<void> {
    const { username, email } = wish;
    const roles = options.roles ?? config.registrationRoles;
    const namesake = await identity.find(MAIN_REALM, username);
    const indexed = await identity.emails.index(email);
    const holder = await identity.emails.find(MAIN_REALM, indexed);
    const isFree = holder === undefined && namesake === undefined;
    const admitted = await mails.admits(isFree ? 'register' : 'notice', (await identity.emails.index(email)).stored());
    const opens = admitted && isFree;
    const writer = await tokens.writer();
    const payload = { username, email, roles: JSON.stringify(roles) };
    await storage.write(platform, async (tx) => {
      // A row that no link names stands for the token where there is none: the work must not tell.
      const token = await writer.issue(tx, {
        purpose: 'register',
        payload: opens ? payload : {},
        lifeMs: opens ? config.verifyMs : DECOY_MS,
      });
      if (!admitted) return;
      const mail: AccountMail =
        holder !== undefined
          ? { kind: 'already-registered', username: holder.username }
          : namesake !== undefined
            ? { kind: 'name-taken' }
            : { kind: 'finish-registration', link: mails.link('register', token) ?? '' };
      await mails.send(tx, email, mail, epochMs(clock.now() + config.verifyMs));
    });
  }

  /** For clients that know no mail. A taken name or address changes nothing, and is told to nobody. */
  async function atOnce(context: Context, wish: Registration, options: RegistrationOptions): Promise<void> {
    const passwordHash = await identity.hash(wish.password, options.scheme);
    const roles = options.roles ?? config.registrationRoles;
    const { username, email } = wish;
    try {
      await makeMember(context, { username, email, passwordHash, roles, proved: false });
    } catch (error) {
      if (!isFault(error, 'IDENTITY_USERNAME_TAKEN') && !isFault(error, 'IDENTITY_EMAIL_TAKEN')) throw error;
    }
  }

  /** In the main tenant, as the configuration wants it. @throws IDENTITY_USERNAME_TAKEN, IDENTITY_EMAIL_TAKEN */
  async function makeMember(
    context: Context,
    person: NewAccount & { roles: readonly string[] },
    spend?: (tx: Tx) => Promise<void>,
  ): Promise<PersonId> {
    const actor = actorOf(context, anonymous, MAIN_TENANT);
    const indexed = person.email === undefined ? undefined : await identity.emails.index(person.email);
    return storage.write(inTenant(MAIN_TENANT), async (tx) => {
      await spend?.(tx);
      const id = await make(tx, actor, person, indexed);
      await tenants.addMember(tx, id, MAIN_TENANT);
      if (person.roles.length > 0) await access.grant(tx, byConfiguration(context), MAIN_TENANT, id, person.roles);
      return id;
    });
  }

  async function make(
    tx: Tx,
    actor: Actor,
    { username, email: address, passwordHash, proved }: NewAccount,
    indexed: Awaited<ReturnType<typeof identity.emails.index>> | undefined,
  ): Promise<PersonId> {
    const id = await identity.create(tx, actor, { realmId: MAIN_REALM, username, passwordHash, address });
    if (indexed !== undefined) await identity.emails.set(tx, actor, id, indexed);
    const about = { ...actor, outcome: 'done', object: { type: 'person', id } } as const;
    await audit.record(tx, { ...about, action: 'person.registered' });
    if (!proved || indexed === undefined) return id;
    await markEmailVerified(tx, id, clock);
    await audit.record(tx, { ...about, action: 'person.email_verified' });
    return id;
  }

  /**
   * What was open when the mail was sent may be closed by now, and what newcomers get may be less.
   *
   * @throws IDENTITY_REGISTRATION_CLOSED, IDENTITY_TOKEN_INVALID, IDENTITY_PASSWORD_WEAK, IDENTITY_USERNAME_TAKEN,
   *   IDENTITY_EMAIL_TAKEN
   */
  async function finish(context: Context, token: AccountToken, password: string): Promise<{ username: string }> {
    if (config.registration !== 'open') throw identityFault('IDENTITY_REGISTRATION_CLOSED');
    const { username, email, roles } = token.payload;
    if (username === undefined || email === undefined) throw identityFault('IDENTITY_TOKEN_INVALID');
    await assertStrong(identity, password, { username, email });
    const passwordHash = await identity.hash(password);
    const promised = rolesText.parse(JSON.parse(roles ?? '[]'));
    const granted = promised.filter((role) => config.registrationRoles.includes(role));
    await makeMember(context, { username, email, passwordHash, roles: granted, proved: true }, async (tx) => {
      if (!(await tokens.spend(tx, token))) throw identityFault('IDENTITY_TOKEN_INVALID');
    });
    return { username };
  }

  return { register, finish, make };
}

/** Someone who is yet to be made. */
export interface NewAccount {
  readonly username: string;
  readonly email?: string | undefined;
  readonly passwordHash: string;
  /** Whether a mail to the address was read. */
  readonly proved: boolean;
}

export type RegistrationFlow = ReturnType<typeof createRegistration>;

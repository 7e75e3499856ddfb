import { accessFault } from '../access/index.ts';
import { actorOf, type Context } from '../http/index.ts';
import { type AccountToken, assertOwnName, type Invitation, identityFault } from '../identity/index.ts';
import { epochMs, type PersonId, personId, sessionId, type TenantId, tenantId } from '../kernel/brand.ts';
import { hours } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import { type Actor, anonymous, nameOf, type PersonPrincipal, type Principal } from '../kernel/principal.ts';
import { newUuid } from '../kernel/random.ts';
import { inTenant, type Tx } from '../kernel/tx.ts';
import { MAIN_REALM } from '../tenants/index.ts';
import { type AccountGround, assertStrong } from './account-deps.ts';
import type { RegistrationFlow } from './account-registration.ts';

export interface InvitationWish {
  readonly email: string;
  readonly roles: readonly string[];
}

/** An invitation with what opens it, known at this moment alone. */
export interface SentInvitation {
  readonly invitation: Invitation;
  /** Whether the mail is on its way. */
  readonly mailed: boolean;
  /** For the operator, who may hand it over where no mail goes out; nobody else is shown it. */
  readonly link: string | undefined;
}

interface Held {
  readonly token: AccountToken;
  readonly tenant: TenantId;
  readonly invitation: Invitation;
}

const NAMES_TRIED = { count: 20, windowMs: hours(1) };

/** Accounts that somebody with the right to make them asks others to make themselves. */
export function createInvitationFlow(ground: AccountGround, { make }: Pick<RegistrationFlow, 'make'>) {
  const { storage, audit, identity, tokens, invitations, tenants, access, mails, clock, random, config } = ground;

  /** @throws IDENTITY_REGISTRATION_CLOSED, IDENTITY_MAIL_OFF, ACCESS_ROLE_UNKNOWN, ACCESS_ESCALATION, ACCESS_FORBIDDEN */
  async function invite(actor: Actor, tenant: TenantId, { email, roles }: InvitationWish): Promise<SentInvitation> {
    const { principal } = actor;
    if (config.registration === 'closed') throw identityFault('IDENTITY_REGISTRATION_CLOSED');
    // What an invitation gives its inviter must still be able to give when it is accepted; a key cannot be asked then.
    if (principal.kind !== 'operator' && principal.kind !== 'person') throw accessFault('ACCESS_FORBIDDEN');
    if (!mails.areOn && principal.kind !== 'operator') throw identityFault('IDENTITY_MAIL_OFF');
    const [{ name }, known] = await Promise.all([tenants.get(tenant), access.roles(tenant)]);
    const permissions = roles.flatMap((role) => {
      const found = known.find((one) => one.name === role);
      if (found === undefined) throw accessFault('ACCESS_ROLE_UNKNOWN', { role, known: known.map((one) => one.name) });
      return found.permissions;
    });
    const now = clock.now();
    const id = newUuid(clock, random);
    const invitedBy = nameOf(principal);
    const expiresAt = epochMs(now + config.inviteMs);
    const invitation: Invitation = { id, email, roles, invitedBy, createdAt: now, expiresAt };
    const admitted = await mails.admits('invitation', (await identity.emails.index(email)).stored());
    const add = await invitations.writer(tenant);
    const writer = await tokens.writer();
    const sent = await storage.write(inTenant(tenant), async (tx) => {
      await access.assertHolds(tx, actor, tenant, permissions);
      await add(tx, invitation);
      const payload = { tenant, invitation: id };
      const token = await writer.issue(tx, { purpose: 'invite', payload, lifeMs: config.inviteMs });
      const link = mails.link('invitation', token);
      const object = { type: 'invitation', id };
      await audit.record(tx, {
        ...actor,
        tenantId: tenant,
        action: 'person.invited',
        outcome: 'done',
        object,
        facts: { roles },
      });
      const mailed =
        admitted && link !== undefined
          ? await mails.send(tx, email, { kind: 'invitation', tenant: name, link }, expiresAt)
          : false;
      return { mailed, link };
    });
    return { invitation, mailed: sent.mailed, link: principal.kind === 'operator' ? sent.link : undefined };
  }

  async function revoke(actor: Actor, tenant: TenantId, id: string): Promise<void> {
    await storage.write(inTenant(tenant), async (tx) => {
      if (!(await invitations.take(tx, id))) throw identityFault('IDENTITY_INVITATION_UNKNOWN');
      const object = { type: 'invitation', id };
      await audit.record(tx, {
        ...actor,
        tenantId: tenant,
        action: 'person.invitation_revoked',
        outcome: 'done',
        object,
      });
    });
  }

  async function held(given: string): Promise<Held> {
    const token = await tokens.find(given, ['invite']);
    const { tenant: name, invitation: id } = token?.payload ?? {};
    if (token === undefined || name === undefined || id === undefined) throw identityFault('IDENTITY_TOKEN_INVALID');
    const tenant = tenantId(name);
    const invitation = await invitations.find(tenant, id);
    if (invitation === undefined) throw identityFault('IDENTITY_TOKEN_INVALID');
    await ground.limits.takeOf(`invitation ${id}`, NAMES_TRIED); // whoever holds one is told which names are taken
    return { token, tenant, invitation };
  }

  /**
   * Makes the account. The address is proved: nobody but its owner has read the token.
   *
   * @throws IDENTITY_REGISTRATION_CLOSED, IDENTITY_TOKEN_INVALID, IDENTITY_PASSWORD_WEAK, IDENTITY_USERNAME_TAKEN,
   *   IDENTITY_EMAIL_TAKEN
   */
  async function accept(context: Context, given: string, wish: { username: string; password: string }): Promise<void> {
    if (config.registration === 'closed') throw identityFault('IDENTITY_REGISTRATION_CLOSED');
    await ground.attempts.begin({ addressBlock: context.addressBlock });
    const one = await held(given);
    await ground.attempts.good({ addressBlock: context.addressBlock });
    const { email } = one.invitation;
    assertOwnName(wish.username, email);
    await assertStrong(identity, wish.password, { username: wish.username, email });
    const passwordHash = await identity.hash(wish.password);
    const indexed = await identity.emails.index(email);
    const actor = actorOf(context, anonymous, one.tenant);
    await storage.write(inTenant(one.tenant), async (tx) => {
      await use(tx, one);
      const account = { username: wish.username, email, passwordHash, proved: true };
      await admit(tx, context, one, await make(tx, actor, account, indexed));
    });
  }

  /**
   * The same for somebody who has an account. Where invitations are off, those from before let nobody in either.
   *
   * @throws IDENTITY_REGISTRATION_CLOSED, IDENTITY_TOKEN_INVALID, IDENTITY_MEMBER_ALREADY
   */
  async function join(context: Context, caller: PersonPrincipal, given: string): Promise<TenantId> {
    if (config.registration === 'closed') throw identityFault('IDENTITY_REGISTRATION_CLOSED');
    const one = await held(given);
    const own = await tenants.tenantsOf(caller.personId);
    if (own.includes(one.tenant)) throw identityFault('IDENTITY_MEMBER_ALREADY');
    await storage.write(inTenant(one.tenant), async (tx) => {
      await use(tx, one);
      await admit(tx, context, one, caller.personId);
      const object = { type: 'person', id: caller.personId };
      const actor = actorOf(context, caller, one.tenant);
      await audit.record(tx, { ...actor, action: 'person.joined', outcome: 'done', object });
    });
    return one.tenant;
  }

  /** Before anything else is written: of two at once, one gets no further. @throws IDENTITY_TOKEN_INVALID */
  async function use(tx: Tx, { token, invitation }: Held): Promise<void> {
    const spent = (await tokens.spend(tx, token)) && (await invitations.take(tx, invitation.id));
    if (!spent) throw identityFault('IDENTITY_TOKEN_INVALID');
  }

  async function admit(tx: Tx, context: Context, { tenant, invitation }: Held, id: PersonId): Promise<void> {
    const actor = actorOf(context, await inviterOf(tx, invitation, tenant), tenant);
    try {
      await access.assertHolds(tx, actor, tenant, ['admin:users']); // also where no role is given
      await tenants.addMember(tx, id, tenant);
      if (invitation.roles.length > 0) await access.grant(tx, actor, tenant, id, invitation.roles);
    } catch (error) {
      const outdated = isFault(error, 'ACCESS_ESCALATION') || isFault(error, 'ACCESS_ROLE_UNKNOWN');
      throw outdated ? identityFault('IDENTITY_TOKEN_INVALID', {}, error) : error;
    }
  }

  /** Whoever invited, if they may still sign in: what they may give is asked of their rights of now. */
  async function inviterOf(tx: Tx, { invitedBy }: Invitation, tenant: TenantId): Promise<Principal> {
    if (invitedBy === 'operator') return { kind: 'operator', tenantId: tenant };
    const inviter = personId(invitedBy.slice('person:'.length));
    const username = await identity.activeName(tx, inviter);
    if (username === undefined) throw identityFault('IDENTITY_TOKEN_INVALID');
    const session = sessionId('invitation'); // the act is theirs, and no session is part of it
    const authenticatedAt = clock.now();
    return {
      kind: 'person',
      personId: inviter,
      sessionId: session,
      realmId: MAIN_REALM,
      tenantId: tenant,
      username,
      authenticatedAt,
    };
  }

  return { invite, revoke, accept, join, list: invitations.list };
}

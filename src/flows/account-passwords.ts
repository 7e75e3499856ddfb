import { actorOf, type Context } from '../http/index.ts';
import { hasPassword, identityFault, isMailResetBarred, type Person } from '../identity/index.ts';
import { type EpochMs, epochMs, type PersonId, type TenantId } from '../kernel/brand.ts';
import { type Actor, anonymous, type PersonPrincipal } from '../kernel/principal.ts';
import { inTenant, platform } from '../kernel/tx.ts';
import { MAIN_REALM } from '../tenants/index.ts';
import { type AccountGround, assertOthers, assertStrong, settlePassword } from './account-deps.ts';
import { proveOwner } from './account-proof.ts';
import { namesOf } from './sign-in-accounts.ts';

/** By one of the two, or both: whoever has either is found. */
export interface Forgotten {
  readonly email?: string | undefined;
  readonly username?: string | undefined;
}

/** A link that an administrator hands over. */
export interface ResetLink {
  readonly token: string;
  /** undefined where no public URL is known. */
  readonly link: string | undefined;
  readonly expiresAt: EpochMs;
}

const DECOY_MS = 60_000;

/** New passwords: by the person who knows the old one, by a link in a mail, by a link from an administrator. */
export function createPasswordFlow(ground: AccountGround) {
  const { storage, audit, identity, tokens, access, mails, clock, config, mfa } = ground;

  async function addressOf(person: Person): Promise<string | undefined> {
    return (await storage.read(platform, (tx) => identity.emails.of(tx, person))).address;
  }

  /** Always both look-ups, so that neither their number nor what they find shows. */
  async function holderOf({ email, username }: Forgotten): Promise<Person | undefined> {
    const byName = await identity.find(MAIN_REALM, username ?? email ?? '');
    const byEmail = await identity.emails.find(MAIN_REALM, await identity.emails.index(email ?? username ?? ''));
    return (username === undefined ? undefined : byName) ?? byEmail;
  }

  /**
   * Sends a link, where there is somebody to send it to: an unknown, a disabled, a barred and a password-less person, one without
   * an address, and one who had the mails of the hour get the same answer after the same work, and no mail.
   */
  async function requestReset(context: Context, asked: Forgotten): Promise<void> {
    if (!mails.areOn) throw identityFault('IDENTITY_MAIL_OFF');
    await ground.attempts.begin({ addressBlock: context.addressBlock });
    await ground.evenTime.even('forgot', () => mailReset(context, asked));
  }

  /** Whether a mail may reset the password. */
  async function isOpen(person: Person): Promise<boolean> {
    if (await storage.read(platform, (tx) => isMailResetBarred(tx, person.id))) return false;
    return person.disabledAt === undefined && hasPassword(person);
  }

  async function mailReset(context: Context, asked: Forgotten): Promise<void> {
    const person = await holderOf(asked);
    const eligible = person !== undefined && (await isOpen(person));
    const address = eligible ? await addressOf(person) : undefined;
    const index = (await identity.emails.index(address ?? asked.email ?? asked.username ?? '')).stored();
    const admitted = await mails.admits('reset', index);
    const writer = await tokens.writer();
    if (!eligible || address === undefined || !admitted) {
      audit.noteRefusal(context.addressBlock, {
        ...actorOf(context, anonymous),
        action: 'person.reset_requested',
        outcome: 'refused',
        ...(person === undefined
          ? { unknownName: asked.username ?? asked.email ?? '' }
          : { object: { type: 'person', id: person.id } }),
      });
      // The row stands for the token that there would be: the work must not tell.
      await storage.write(platform, (tx) => writer.issue(tx, { purpose: 'reset', payload: {}, lifeMs: DECOY_MS }));
      return;
    }
    await storage.write(platform, async (tx) => {
      const { id: personId, username } = person;
      if (await isMailResetBarred(tx, personId)) return; // meanwhile: somebody was found to be in it
      const token = await writer.issue(tx, { purpose: 'reset', personId, payload: {}, lifeMs: config.resetMs });
      const link = mails.link('reset', token) ?? '';
      await mails.send(tx, address, { kind: 'reset', username, link }, epochMs(clock.now() + config.resetMs));
      const object = { type: 'person', id: personId };
      await audit.record(tx, {
        ...actorOf(context, anonymous),
        action: 'person.reset_requested',
        outcome: 'done',
        object,
      });
    });
  }

  /** @throws IDENTITY_TOKEN_INVALID; IDENTITY_PASSWORD_WEAK and DETECTION_BLOCKED, which leave the link as it is */
  async function reset(context: Context, given: string, password: string): Promise<void> {
    await ground.attempts.begin({ addressBlock: context.addressBlock });
    const token = await tokens.find(given, ['reset']);
    if (token?.personId === undefined) throw identityFault('IDENTITY_TOKEN_INVALID');
    const person = await identity.get(token.personId);
    if (person.disabledAt !== undefined) throw identityFault('IDENTITY_TOKEN_INVALID');
    await ground.attempts.good({ addressBlock: context.addressBlock });
    ground.assertOpen?.(person.id); // the link is good, and stays good until the block is over
    const passwordHash = await judged(person, password);
    const actor = actorOf(context, anonymous);
    await storage.write(platform, async (tx) => {
      const spent = await tokens.spend(tx, token);
      if (!spent || (await identity.activeName(tx, person.id)) === undefined)
        throw identityFault('IDENTITY_TOKEN_INVALID');
      await settlePassword(tx, ground, { actor, person, passwordHash, reason: 'password reset' });
      const object = { type: 'person', id: person.id };
      await audit.record(tx, { ...actor, action: 'person.password_reset', outcome: 'done', object });
      await ground.sessions.devices.learnAddress(tx, person.id, context.addressBlock); // strangers don't slow it down
    });
    await ground.attempts.clear(await namesOf(ground, person));
  }

  async function judged(person: Person, password: string): Promise<string> {
    const { username } = person;
    const [email, secondFactor] = await Promise.all([addressOf(person), mfa.isEnrolled(person.id)]);
    await assertStrong(identity, password, { username, email, secondFactor });
    return identity.hash(password);
  }

  /** Ends the other sessions. @throws IDENTITY_CREDENTIALS, IDENTITY_PASSWORD_WEAK, LIMIT_EXCEEDED */
  async function change(context: Context, caller: PersonPrincipal, current: string, next: string): Promise<void> {
    const person = await proveOwner(ground, context, caller, current);
    const passwordHash = await judged(person, next);
    const actor = actorOf(context, caller, caller.tenantId);
    await storage.write(platform, async (tx) => {
      await identity.confirm(tx, person);
      const reason = 'password changed';
      await settlePassword(tx, ground, { actor, person, passwordHash, reason, except: caller.sessionId });
    });
  }

  /**
   * For whoever has no address, or no mail comes through. The caller has seen to it that `actor` may.
   *
   * @throws IDENTITY_OWN_PASSWORD
   */
  async function issueLink(actor: Actor, tenantId: TenantId, personId: PersonId): Promise<ResetLink> {
    assertOthers(actor, personId);
    const writer = await tokens.writer();
    const expiresAt = epochMs(clock.now() + config.resetMs);
    const token = await storage.write(inTenant(tenantId), async (tx) => {
      await access.assertCovers(tx, actor, tenantId, personId);
      if ((await identity.activeName(tx, personId)) === undefined) throw identityFault('IDENTITY_PERSON_UNKNOWN');
      const made = await writer.issue(tx, { purpose: 'reset', personId, payload: {}, lifeMs: config.resetMs });
      const object = { type: 'person', id: personId };
      const facts = { handed_over: true };
      await audit.record(tx, { ...actor, action: 'person.reset_requested', outcome: 'done', object, facts });
      return made;
    });
    return { token, link: mails.link('reset', token), expiresAt };
  }

  return { requestReset, reset, change, issueLink };
}

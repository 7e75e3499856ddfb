import { actorOf, type Context } from '../http/index.ts';
import { identityFault, markEmailVerified } from '../identity/index.ts';
import { epochMs, type PersonId } from '../kernel/brand.ts';
import { anonymous, type PersonPrincipal } from '../kernel/principal.ts';
import { platform } from '../kernel/tx.ts';
import { foldedEmail } from '../vault/index.ts';
import type { AccountGround } from './account-deps.ts';
import { proveOwner } from './account-proof.ts';
import type { RegistrationFlow } from './account-registration.ts';

/** What the link of a mail came to. */
export type Verified = { readonly kind: 'verified' } | { readonly kind: 'registered'; readonly username: string };

/** Another address, and the password of now. */
export interface NewAddress {
  readonly email: string;
  readonly current: string;
}

/** Proofs that an address is read by whom it belongs to. */
export function createEmailProofs(ground: AccountGround, { finish }: Pick<RegistrationFlow, 'finish'>) {
  const { storage, audit, identity, tokens, mails, clock, config } = ground;

  async function verifyEmail(context: Context, given: string, password?: string): Promise<Verified> {
    await ground.attempts.begin({ addressBlock: context.addressBlock });
    const token = await tokens.find(given, ['verify', 'register']);
    if (token === undefined) throw identityFault('IDENTITY_TOKEN_INVALID');
    await ground.attempts.good({ addressBlock: context.addressBlock });
    if (token.purpose === 'register') {
      if (password === undefined) throw identityFault('IDENTITY_PASSWORD_WEAK', { reasons: ['is missing'] });
      return { kind: 'registered', ...(await finish(context, token, password)) };
    }
    const { personId } = token;
    if (personId === undefined) throw identityFault('IDENTITY_TOKEN_INVALID');
    const person = await identity.get(personId);
    const proved = await identity.emails.index(token.payload['email'] ?? '');
    const actor = actorOf(context, anonymous);
    await storage.write(platform, async (tx) => {
      const spent = await tokens.spend(tx, token);
      const { address } = await identity.emails.of(tx, person);
      const same = address !== undefined && foldedEmail(address) === foldedEmail(proved.address);
      const active = (await identity.activeName(tx, personId)) !== undefined;
      const isWished = token.payload['change'] === 'yes';
      if (!spent || !(same || isWished) || !active) throw identityFault('IDENTITY_TOKEN_INVALID');
      if (!same) {
        await identity.emails.set(tx, actor, personId, proved);
        if (address !== undefined) await mails.send(tx, address, { kind: 'email-changed', username: person.username });
      }
      await markEmailVerified(tx, personId, clock);
      const object = { type: 'person', id: personId };
      await audit.record(tx, {
        ...actor,
        action: 'person.email_verified',
        outcome: 'done',
        object,
      });
    });
    return { kind: 'verified' };
  }

  /** Sends a link to the person's own address. Where there is none, or it had its mails of the hour, nothing is sent. */
  async function requestVerification(personId: PersonId): Promise<void> {
    if (!mails.areOn) throw identityFault('IDENTITY_MAIL_OFF');
    const person = await identity.get(personId);
    const { address } = await storage.read(platform, (tx) => identity.emails.of(tx, person));
    if (address === undefined) return;
    if (!(await mails.admits('verify', (await identity.emails.index(address)).stored()))) return;
    const writer = await tokens.writer();
    await storage.write(platform, async (tx) => {
      const payload = { email: address };
      const token = await writer.issue(tx, { purpose: 'verify', personId, payload, lifeMs: config.verifyMs });
      const link = mails.link('verify', token) ?? '';
      await mails.send(tx, address, { kind: 'verify', link }, epochMs(clock.now() + config.verifyMs));
    });
  }

  /**
   * Sends a link to another address, which becomes the person's when it is opened: until then nothing has changed. Whether
   * somebody else has it is told to whoever reads its mails.
   *
   * @throws IDENTITY_CREDENTIALS, IDENTITY_MAIL_OFF
   */
  async function requestChange(context: Context, caller: PersonPrincipal, wish: NewAddress): Promise<void> {
    if (!mails.areOn) throw identityFault('IDENTITY_MAIL_OFF');
    const person = await proveOwner(ground, context, caller, wish.current);
    const { address, stored } = await identity.emails.index(wish.email);
    if (!(await mails.admits('verify', stored()))) return;
    const writer = await tokens.writer();
    const { personId, tenantId } = caller;
    await storage.write(platform, async (tx) => {
      await identity.confirm(tx, person);
      const payload = { email: address, change: 'yes' };
      const token = await writer.issue(tx, { purpose: 'verify', personId, payload, lifeMs: config.verifyMs });
      const link = mails.link('verify', token) ?? '';
      await mails.send(tx, address, { kind: 'verify', link }, epochMs(clock.now() + config.verifyMs));
      await audit.record(tx, {
        ...actorOf(context, caller, tenantId),
        action: 'person.email_change_requested',
        outcome: 'done',
        object: { type: 'person', id: personId },
      });
    });
  }

  return { verifyEmail, requestVerification, requestChange };
}

import { actorOf, type Context } from '../http/index.ts';
import type { Person } from '../identity/index.ts';
import { isFault } from '../kernel/errors.ts';
import { anonymous } from '../kernel/principal.ts';
import { platform } from '../kernel/tx.ts';
import { AMR, type Method, mfaFault, type Offered, type Ticket } from '../mfa/index.ts';
import type { SignInDeps } from './sign-in.ts';
import { countedAs } from './sign-in-accounts.ts';
import { joined } from './sign-in-proof.ts';
import { profileOf, type SoFar, type Steps } from './sign-in-steps.ts';
import type { Challenge, ChallengeWish, Enrolling, EnrolWish, SecondAnswer, SignIn } from './sign-in-types.ts';

type Second = Pick<SignIn, 'challenge' | 'verify' | 'enrol'>;
type Held = Awaited<ReturnType<Steps['holderOf']>>;

/** What a ticket can be used for. */
export function createSecond(deps: SignInDeps, { refusals, prove, goOn, holderOf, standingOf }: Steps): Second {
  const { storage, sessions, mfa, attempts, evenTime } = deps;
  const { tickets } = mfa;

  /** Sends a code, or makes the challenge that a passkey signs. */
  async function challengeOf(context: Context, { person, ticket }: Held, wish: ChallengeWish): Promise<Challenge> {
    const found = ticket.stage === 'enrol' ? enrolledWith(ticket) : pick(await mfa.offered(person.id), wish);
    if (found?.method === 'passkey')
      return { kind: 'passkey', options: await mfa.passkeys.authenticationOptions(person.id) };
    if (found?.factorId === undefined) throw mfaFault('MFA_FACTOR_UNKNOWN');
    const { addressBlock } = context;
    const actor = actorOf(context, anonymous, ticket.tenantId);
    const sent = await mfa.sendCode(actor, person.id, found.factorId, { addressBlock });
    return { kind: 'code-sent', ...sent };
  }

  /** A second factor that somebody else set up meanwhile would be passed by if another were set up now. */
  async function assertMayEnrol({ person, ticket }: Held): Promise<void> {
    const isLate = !ticket.amr.includes('mfa') && (await mfa.isEnrolled(person.id));
    if (ticket.stage !== 'enrol' || isLate) throw mfaFault('MFA_TICKET_INVALID');
  }

  /** What was set up at this sign-in is confirmed by its first answer, which is the second factor of the sign-in too. */
  async function enrolled(context: Context, held: Held, answer: SecondAnswer): Promise<Partial<SoFar>> {
    await assertMayEnrol(held); // early; what counts is asked again in the write that confirms the factor
    const { person, ticket } = held;
    const actor = actorOf(context, anonymous, ticket.tenantId);
    const within = mfa.bySignIn(answer.ticket, ticket);
    const spent = { token: undefined, was: ticket };
    if (answer.passkey !== undefined) {
      if (ticket.factorId !== PASSKEY) throw mfaFault('MFA_TICKET_INVALID');
      const { backupCodes } = await mfa.passkeys.register(actor, person.id, answer.passkey, { within });
      return { given: 'passkey', amr: joined(ticket.amr, ['hwk']), backupCodes, ticket: spent };
    }
    if (answer.code === undefined || ticket.factorId === undefined || ticket.factorId === PASSKEY)
      return refusals.code(context, ticket.profile, person);
    const method = await methodOf(person, ticket.factorId);
    const { backupCodes } = await mfa
      .confirm(actor, person.id, ticket.factorId, answer.code, within)
      .catch((error: unknown) => {
        if (isFault(error, 'MFA_CODE_WRONG')) return refusals.code(context, ticket.profile, person);
        throw error;
      });
    return { given: method, amr: joined(ticket.amr, [AMR[method]]), backupCodes, ticket: spent };
  }

  async function methodOf(person: Person, factorId: string): Promise<Exclude<Method, 'passkey'>> {
    const factor = (await mfa.list(person.id)).find(({ id }) => id === factorId);
    if (factor === undefined || factor.method === 'passkey') throw mfaFault('MFA_TICKET_INVALID');
    return factor.method;
  }

  async function verified(context: Context, { person, ticket }: Held, answer: SecondAnswer): Promise<Partial<SoFar>> {
    const knownDevice = await countedAs(sessions.devices, person.id, ticket.knownDeviceId, context.addressBlock);
    const { profile, tenantId } = ticket;
    const { method, amr } = await prove({ context, profile, person, tenantId, knownDevice }, answer);
    return { given: method, amr: joined(ticket.amr, amr) };
  }

  const verify: Second['verify'] = async (context, answer, options = {}) => {
    const { addressBlock } = context;
    const soFar = await evenTime.evenRefusals('code', async (): Promise<SoFar> => {
      await attempts.begin({ addressBlock });
      const held = await holderOf(await tickets.take(answer.ticket), profileOf(options));
      const { person, ticket } = held;
      const given = await (ticket.stage === 'enrol'
        ? enrolled(context, held, answer)
        : verified(context, held, answer));
      const known = { id: ticket.knownDeviceId ?? '' };
      const before = { person, tenantId: ticket.tenantId, amr: ticket.amr, rememberDevice: answer.rememberDevice };
      return {
        ...before,
        known: ticket.knownDeviceId === undefined ? undefined : known,
        ticket: { token: answer.ticket, was: ticket },
        ...given,
      };
    });
    await attempts.good({ addressBlock });
    return goOn(context, { ...options, code: undefined }, soFar);
  };

  return {
    verify,
    challenge: (context, ticket, wish, options = {}) =>
      evenTime.evenRefusals('code', async () => {
        await attempts.begin({ addressBlock: context.addressBlock });
        const held = await holderOf(await tickets.get(ticket), profileOf(options));
        const challenge = await challengeOf(context, held, wish);
        await attempts.good({ addressBlock: context.addressBlock });
        return challenge;
      }),
    enrol: async (context, token, wish, options = {}) => {
      await attempts.begin({ addressBlock: context.addressBlock });
      const held = await holderOf(await tickets.get(token), profileOf(options));
      await assertMayEnrol(held);
      const { methods } = await standingOf(held.person);
      if (!methods.includes(wish.method)) throw mfaFault('MFA_FACTOR_UNKNOWN');
      const begun = await beginFactor(context, held, wish);
      const tied = await storage.write(platform, (tx) => tickets.enrolling(tx, token, begun.factorId));
      if (!tied) throw mfaFault('MFA_TICKET_INVALID');
      await attempts.good({ addressBlock: context.addressBlock });
      return begun;
    },
  };

  async function beginFactor(context: Context, { person, ticket }: Held, wish: EnrolWish): Promise<Enrolling> {
    const actor = actorOf(context, anonymous, ticket.tenantId);
    const owner = { id: person.id, username: person.username };
    const { method, to } = wish;
    if (method === 'passkey') return { factorId: PASSKEY, options: await mfa.passkeys.registrationOptions(owner) };
    if (method === 'totp') return mfa.beginTotp(actor, owner);
    if (to === undefined) throw mfaFault('MFA_FACTOR_UNKNOWN');
    return mfa.beginCode(actor, person.id, { method, to }, { addressBlock: context.addressBlock });
  }
}

/** Stands on a ticket for the passkey that is being set up with it: it has no id before it exists. */
const PASSKEY = 'passkey';

const enrolledWith = ({ factorId }: Ticket): Offered | undefined =>
  factorId === undefined || factorId === PASSKEY ? undefined : { method: 'email', factorId };

const pick = (offered: readonly Offered[], { factorId, method }: ChallengeWish): Offered | undefined =>
  offered.find(
    (one) => (factorId === undefined || one.factorId === factorId) && (method === undefined || one.method === method),
  );

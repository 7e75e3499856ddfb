import type { Audit } from '../audit/index.ts';
import type { Failures } from '../detection/index.ts';
import { actorOf, type Context } from '../http/index.ts';
import type { Identity, Person } from '../identity/index.ts';
import type { PersonPrincipal } from '../kernel/principal.ts';
import { platform } from '../kernel/tx.ts';
import { type Mfa, mfaFault } from '../mfa/index.ts';
import type { Grant, Sessions, Terms } from '../sessions/index.ts';
import type { Storage } from '../storage/index.ts';
import { MAIN_REALM } from '../tenants/index.ts';
import type { Attempts } from './attempts.ts';
import type { EvenTime } from './even-time.ts';
import { createProve, type FactorAnswer, joined } from './sign-in-proof.ts';
import { createRefusals } from './sign-in-refusals.ts';
import type { Challenge, ChallengeWish } from './sign-in-types.ts';

export interface StepUpDeps {
  readonly storage: Storage;
  readonly identity: Identity;
  readonly sessions: Pick<Sessions, 'stepUp' | 'grantFor'>;
  readonly mfa: Mfa;
  readonly attempts: Attempts;
  readonly evenTime: EvenTime;
  readonly audit: Audit;
  readonly failures: Failures;
}

/** What somebody who is signed in gives again: the password and, where one is set up, a second factor; or a passkey. */
export interface StepUpAnswer extends FactorAnswer {
  readonly password?: string | undefined;
}

/** Proves again who is behind a session. @see RFC 9470 */
export interface StepUp {
  /** @throws MFA_FACTOR_UNKNOWN, MFA_BUDGET_SPENT, MFA_CHANNEL_OFF, LIMIT_EXCEEDED */
  challenge(context: Context, caller: PersonPrincipal, wish: ChallengeWish): Promise<Challenge>;
  /** @throws IDENTITY_CREDENTIALS, MFA_CODE_WRONG, LIMIT_EXCEEDED */
  stepUp(context: Context, caller: PersonPrincipal, answer: StepUpAnswer, terms?: Terms): Promise<Grant>;
  /** The second factor alone, which proves no more than itself. @throws MFA_CODE_WRONG, LIMIT_EXCEEDED */
  factor(context: Context, caller: PersonPrincipal, answer: FactorAnswer, terms?: Terms): Promise<void>;
}

interface Proof {
  readonly person: Person;
  readonly amr: readonly string[];
  readonly secondFactor: boolean;
}

export function createStepUp(deps: StepUpDeps): StepUp {
  const { storage, identity, sessions, mfa, attempts, evenTime, failures } = deps;
  const refusals = createRefusals(deps);
  const prove = createProve({ ...deps, refusals });

  /** By itself only where it verified its person: then it is two factors in one. */
  async function byPasskey(context: Context, caller: PersonPrincipal, { passkey }: StepUpAnswer, profile: string) {
    const actor = actorOf(context, caller, caller.tenantId);
    const person = await identity.get(caller.personId);
    const passed = await mfa.passkeys.authenticate(passkey, { actor, person: person.id });
    if (passed?.userVerified !== true || person.disabledAt !== undefined)
      return refusals.code(context, profile, person);
    return { person, amr: passed.proof.amr, secondFactor: true };
  }

  async function byPassword(
    context: Context,
    caller: PersonPrincipal,
    { password = '', ...answer }: StepUpAnswer,
    profile: string,
  ): Promise<Proof> {
    const { username, personId, sessionId, tenantId } = caller;
    const outcome = await identity.authenticate(MAIN_REALM, username, password);
    // A name that was given to somebody else meanwhile is not this session's.
    if (outcome.kind === 'refused' || outcome.person.id !== personId)
      return refusals.credentials(context, profile, username, outcome.person);
    const { person } = outcome;
    if (!(await mfa.isEnrolled(personId))) return { person, amr: ['pwd'], secondFactor: false };
    const asked = { context, profile, person, tenantId, knownDevice: sessionId, caller };
    const { amr } = await prove(asked, answer);
    return { person, amr: joined(['pwd'], amr), secondFactor: true };
  }

  /** A session has a count of its own: strangers do not slow it down, and it is not a way around theirs for long. */
  const attemptOf = ({ addressBlock }: Context, { username, sessionId }: PersonPrincipal) => ({
    account: username,
    addressBlock,
    knownDevice: sessionId,
  });

  return {
    challenge: async (context, caller, { factorId, method }) => {
      const offered = await mfa.offered(caller.personId);
      const found = offered.find(
        (one) =>
          (factorId === undefined || one.factorId === factorId) && (method === undefined || one.method === method),
      );
      if (found?.method === 'passkey')
        return { kind: 'passkey', options: await mfa.passkeys.authenticationOptions(caller.personId) };
      if (found?.factorId === undefined) throw mfaFault('MFA_FACTOR_UNKNOWN');
      const { addressBlock } = context;
      const actor = actorOf(context, caller, caller.tenantId);
      return { kind: 'code-sent', ...(await mfa.sendCode(actor, caller.personId, found.factorId, { addressBlock })) };
    },
    stepUp: async (context, caller, answer, terms) => {
      const attempt = attemptOf(context, caller);
      const profile = terms?.profile ?? 'twinkeep';
      const isAlone = answer.passkey !== undefined && answer.password === undefined;
      const { person, amr, secondFactor, begun } = await evenTime.evenRefusals('login', async () => {
        const counted = await attempts.begin(attempt);
        const proof = await (isAlone ? byPasskey : byPassword)(context, caller, answer, profile);
        return { ...proof, begun: counted };
      });
      await attempts.good(begun);
      failures.succeeded(context.addressBlock);
      await storage.write(platform, async (tx) => {
        await identity.confirm(tx, person);
        await sessions.stepUp(tx, actorOf(context, caller, caller.tenantId), caller.sessionId, { amr, secondFactor });
      });
      return sessions.grantFor(caller, terms);
    },
    factor: async (context, caller, answer, terms) => {
      const attempt = attemptOf(context, caller);
      const { tenantId, sessionId } = caller;
      const asked = { context, profile: terms?.profile ?? 'twinkeep', tenantId, knownDevice: sessionId, caller };
      const { person, amr, begun } = await evenTime.evenRefusals('code', async () => {
        const counted = await attempts.begin(attempt);
        const found = await identity.get(caller.personId);
        const isAsked = found.disabledAt === undefined && (await mfa.isEnrolled(found.id));
        if (!isAsked) return refusals.code(context, asked.profile, found); // a code that was handed out is no factor
        return { person: found, amr: (await prove({ ...asked, person: found }, answer)).amr, begun: counted };
      });
      await attempts.good(begun);
      const given = { amr, secondFactor: true, partly: true };
      await storage.write(platform, async (tx) => {
        await identity.confirm(tx, person);
        await sessions.stepUp(tx, actorOf(context, caller, caller.tenantId), caller.sessionId, given);
      });
    },
  };
}

import { equalBytes, sha256 } from '../crypto/index.ts';
import { actorOf, type Context } from '../http/index.ts';
import type { Person } from '../identity/index.ts';
import type { TenantId } from '../kernel/brand.ts';
import { anonymous } from '../kernel/principal.ts';
import { platform } from '../kernel/tx.ts';
import { type Method, mfaFault, type Offered, TICKET_MS, type Ticket } from '../mfa/index.ts';
import type { SignInDeps } from './sign-in.ts';
import { countedAs, type KnownDevice } from './sign-in-accounts.ts';
import { createProve, joined, type Prove } from './sign-in-proof.ts';
import { createRefusals, type Refusals } from './sign-in-refusals.ts';
import { nextStep, type Standing, standingOf } from './sign-in-standing.ts';
import { createStart, type Passed } from './sign-in-start.ts';
import type { SignInOptions, SignInOutcome } from './sign-in-types.ts';

/** How far a sign-in has come. */
export interface SoFar {
  readonly person: Person;
  readonly tenantId: TenantId;
  readonly amr: readonly string[];
  /** The second factor, where one was given. */
  readonly given?: Method | undefined;
  /** Whether the device may stand in, and has a count of its own. */
  readonly known?: Partial<KnownDevice> | undefined;
  readonly rememberDevice?: boolean | undefined;
  /** The ticket that this step was made with; the next step uses it up, unless this one has. */
  readonly ticket?: { readonly token: string | undefined; readonly was: Ticket } | undefined;
  readonly backupCodes?: readonly string[] | undefined;
}

/** What the ways to sign in have in common: all of them go on, and end, here. */
export interface Steps {
  readonly refusals: Refusals;
  readonly prove: Prove;
  goOn(context: Context, options: SignInOptions, soFar: SoFar): Promise<SignInOutcome>;
  /** Whose ticket it is, as long as what it was given for still holds. @throws MFA_TICKET_INVALID */
  holderOf(ticket: Ticket | undefined, profile: string): Promise<{ readonly ticket: Ticket; readonly person: Person }>;
  standingOf(person: Person): Promise<Standing>;
}

export const profileOf = ({ terms }: SignInOptions): string => terms?.profile ?? 'twinkeep';

export function createSteps(deps: SignInDeps): Steps {
  const { storage, identity, mfa, audit, clock, endedSince } = deps;
  const { tickets } = mfa;
  const refusals = createRefusals(deps);
  const prove = createProve({ ...deps, refusals });
  const start = createStart({ ...deps, tickets, now: clock.now });

  /** Hands out a ticket for what is still missing, in place of the one that this step was made with. */
  async function ask(
    context: Context,
    options: SignInOptions,
    { person, tenantId, amr, known, ticket }: SoFar,
    stage: Ticket['stage'],
  ): Promise<{ readonly ticket: string; readonly expiresInS: number }> {
    const profile = profileOf(options);
    const pending = { personId: person.id, tenantId, profile, stage, amr, bound: boundTo(person) };
    const token = await storage.write(platform, async (tx) => {
      const used = ticket?.token;
      if (used !== undefined && !(await tickets.spend(tx, used))) throw mfaFault('MFA_TICKET_INVALID');
      const object = { type: 'person', id: person.id };
      const action = stage === 'enrol' ? 'signin.enrolment_asked' : 'signin.second_factor_asked';
      const actor = actorOf(context, anonymous, tenantId);
      await audit.record(tx, { ...actor, action, outcome: 'done', object, facts: { profile } });
      return tickets.open(tx, { ...pending, knownDeviceId: known?.id });
    });
    return { ticket: token, expiresInS: TICKET_MS / 1_000 };
  }

  /** A code that came along in the same call is looked at as if it had come with a ticket. */
  async function answerNow(context: Context, options: SignInOptions, soFar: SoFar): Promise<SignInOutcome> {
    const { person, tenantId, known } = soFar;
    const { method, amr } = await deps.evenTime.evenRefusals('code', async () => {
      const knownDevice = await countedAs(deps.sessions.devices, person.id, known?.id, context.addressBlock);
      return prove({ context, profile: profileOf(options), person, tenantId, knownDevice }, { code: options.code });
    });
    return goOn(context, options, { ...soFar, amr: joined(soFar.amr, amr), given: method });
  }

  async function goOn(context: Context, options: SignInOptions, soFar: SoFar): Promise<SignInOutcome> {
    const { given, known, person } = soFar;
    deps.assertOpen?.(person.id, known?.id); // only now, when it is proved who it is: a guesser learns nothing by it
    const standing = await standingOf(mfa, person);
    const remembered = isRemembered(known, standing.rememberMs, clock.now());
    const next = nextStep(standing, given, remembered);
    switch (next.kind) {
      case 'start':
        return start(context, options, passedOf(soFar, standing));
      case 'verify':
        if (options.code !== undefined && given === undefined) return answerNow(context, options, soFar);
        return {
          kind: 'second-factor',
          methods: tellable(next.methods),
          ...(await ask(context, options, soFar, 'verify')),
        };
      case 'enrol':
        return { kind: 'enrol', methods: next.methods, ...(await ask(context, options, soFar, 'enrol')) };
    }
  }

  function passedOf(soFar: SoFar, { enrolled, rememberMs }: Standing): Passed {
    const { person, tenantId, amr, given, ticket, backupCodes } = soFar;
    const secondFactor = given !== undefined;
    return {
      ...{ person, tenantId, amr, secondFactor, backupCodes, ticket: ticket?.token },
      proved: secondFactor || !enrolled,
      rememberMs: soFar.rememberDevice === true ? rememberMs : 0,
      confirm: () => {
        if (ticket !== undefined && endedSince(ticket.was)) throw mfaFault('MFA_TICKET_INVALID');
      },
    };
  }

  async function holderOf(ticket: Ticket | undefined, profile: string) {
    if (ticket === undefined || ticket.profile !== profile || endedSince(ticket)) throw mfaFault('MFA_TICKET_INVALID');
    const person = await identity.get(ticket.personId);
    // A password that was changed since is a sign-in that has to be begun again with the new one.
    const holds = person.disabledAt === undefined && equalBytes(ticket.bound, boundTo(person));
    if (!holds) throw mfaFault('MFA_TICKET_INVALID');
    return { ticket, person };
  }

  return { refusals, prove, goOn, holderOf, standingOf: (person) => standingOf(mfa, person) };
}

/** As long as policy says today: what was shortened since holds for devices of before too. */
function isRemembered(known: SoFar['known'], rememberMs: number, now: number): boolean {
  const { rememberedAt, rememberedUntil } = known ?? {};
  return rememberedAt !== undefined && (rememberedUntil ?? 0) > now && rememberedAt + rememberMs > now;
}

/** Changes with the password, and tells nothing of it: its hash is salted. */
const boundTo = ({ id, passwordHash }: Person): Uint8Array => sha256(`${id} ${passwordHash}`);

/** How many backup codes there are is nobody's to know before a second factor was given. */
const tellable = (methods: readonly Offered[]): readonly Offered[] =>
  methods.map(({ method, factorId, hint }) => ({ method, factorId, hint }));

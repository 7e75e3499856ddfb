import { z } from 'zod';
import type { Challenge } from '../../flows/index.ts';
import { defineRoute, type Input, ok, type Reply, type Route } from '../../http/index.ts';
import { minutes } from '../../kernel/clock.ts';
import { isFault } from '../../kernel/errors.ts';
import type { PersonPrincipal } from '../../kernel/principal.ts';
import { AMR } from '../../mfa/index.ts';
import type { ProfileGround } from '../extras.ts';
import {
  actorIn,
  assertMeant,
  assertProvedLately,
  code,
  knownPerson,
  methodName,
  nameOf,
  PROVED_MS,
  password,
  pendingOf,
} from './methods.ts';
import { asked, granted, replyOfOutcome } from './sign-in.ts';

const answer = z.strictObject({
  mfa_token: z.string().min(1).max(128).optional().describe('Of a sign-in that waits for its second factor.'),
  method: methodName.optional(),
  code: code.optional().describe('Without one it is sent, where the method sends codes.'),
  passkey: z.record(z.string(), z.unknown()).optional().describe('What `navigator.credentials.get` gave.'),
  password: password.optional().describe('Makes it a proof of both.'),
  remember_device: z.boolean().optional(),
});

type Answer = z.output<typeof answer>;

const verified = z.strictObject({
  verified: z.literal(true),
  valid_for: z.int().describe('Seconds for which it counts.'),
  confirmed: z.string().optional().describe('The second factor that this code has set up.'),
  backup_codes: z.array(z.string()).optional(),
});

const sent = z.strictObject({
  code_sent: z.boolean(),
  hint: z.string().optional().describe('Where it went.'),
  expires_in: z.int().optional().describe('Seconds.'),
  passkey: z.record(z.string(), z.unknown()).optional().describe('For `navigator.credentials.get`.'),
});

/** `POST /auth/mfa/verify` (V14): a sign-in's second step, the first code of a new factor, or a step-up. */
export const verifyRoute = (ground: ProfileGround): Route =>
  defineRoute({
    method: 'POST',
    path: `${ground.prefix}/auth/mfa/verify`,
    profile: ground.profile,
    summary:
      'Give a second factor: to finish a sign-in, to confirm one that was set up, or to prove again who you are.',
    access: { kind: 'signed-in', as: 'person' },
    admits: 'later', // a sign-in has its ticket in the body, and nobody is known yet
    records: 'self',
    limits: [{ per: 'address', count: 120, windowMs: minutes(1) }],
    body: answer,
    replies: { 200: z.union([granted, asked, verified]), 202: sent },
    faults: [
      ...['MFA_TICKET_INVALID', 'MFA_CODE_WRONG', 'MFA_FACTOR_UNKNOWN', 'MFA_CHANNEL_OFF', 'MFA_BUDGET_SPENT'],
      ...['ACCESS_PROOF_TOO_OLD', 'IDENTITY_CREDENTIALS', 'SESSION_CSRF', 'SESSION_LIMIT'],
    ],
    handle: async (input) => {
      const { body, caller, context } = input;
      if (body.mfa_token !== undefined) return finishSignIn(ground, input, body.mfa_token);
      const person = knownPerson(caller);
      await assertMeant(ground, input);
      if (body.code === undefined && body.passkey === undefined)
        return replyOfChallenge(await ground.stepUp.challenge(context, person, { method: body.method }));
      return (await confirmPending(ground, input, person)) ?? proveAgain(ground, input, person);
    },
  });

type Asking = Input<unknown, unknown, Answer>;

async function finishSignIn(ground: ProfileGround, { body, context }: Asking, ticket: string): Promise<Reply> {
  const { method, code: given, passkey, remember_device: rememberDevice } = body;
  const options = ground.signInOptions(context);
  if (given === undefined && passkey === undefined)
    return replyOfChallenge(await ground.signIn.challenge(context, ticket, { method }, options));
  const second = { ticket, method, code: given, passkey, rememberDevice };
  return replyOfOutcome(ground, await ground.signIn.verify(context, second, options), context);
}

/**
 * The first code of what was begun, which proves it as well. One that is not may still be of a factor that was there
 * before.
 *
 * @returns undefined where nothing was begun, or the code is not its own
 */
async function confirmPending(ground: ProfileGround, input: Asking, person: PersonPrincipal) {
  const { code: given, method } = input.body;
  const pending = await pendingOf(ground.mfa, person, method);
  if (pending === undefined || pending.method === 'passkey' || given === undefined) return undefined;
  await assertProvedLately(ground, person); // else a token that was found would be enough to add a factor to
  const actor = actorIn(input);
  const proof = { amr: [AMR[pending.method]], secondFactor: true, partly: true };
  try {
    const { backupCodes } = await ground.mfa.confirm(actor, person.personId, pending.id, given, (tx) =>
      ground.sessions.stepUp(tx, actor, person.sessionId, proof),
    );
    const codes = backupCodes === undefined ? {} : { backup_codes: backupCodes };
    return ok({ verified: true, valid_for: PROVED_MS / 1_000, confirmed: nameOf(pending.method), ...codes });
  } catch (error) {
    const isElse = isFault(error, 'MFA_CODE_WRONG') && (await ground.mfa.isEnrolled(person.personId));
    if (!isElse) throw error;
    return undefined;
  }
}

/** With the password it is a proof of everything that the account asks for, without it of the second factor alone. */
async function proveAgain(ground: ProfileGround, { body, context }: Asking, person: PersonPrincipal): Promise<Reply> {
  const { method, code: given, passkey, password: secret } = body;
  const second = { method, code: given, passkey };
  if (secret !== undefined) await ground.stepUp.stepUp(context, person, { ...second, password: secret }, ground.terms);
  else await ground.stepUp.factor(context, person, second, ground.terms);
  return ok({ verified: true, valid_for: PROVED_MS / 1_000 });
}

const replyOfChallenge = (challenge: Challenge): Reply => ({
  status: 202,
  body:
    challenge.kind === 'passkey'
      ? { code_sent: false, passkey: challenge.options }
      : { code_sent: true, hint: challenge.hint, expires_in: challenge.expiresInS },
});

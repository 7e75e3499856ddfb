import { z } from 'zod';
import {
  actorOf,
  created,
  defineRoute,
  type Input,
  idText,
  nothing,
  ok,
  type Route,
  storableText,
} from '../http/index.ts';
import type { EpochMs } from '../kernel/brand.ts';
import { hours, minutes, rfc3339 } from '../kernel/clock.ts';
import type { PersonPrincipal, Principal } from '../kernel/principal.ts';
import { mfaFault } from './errors.ts';
import { type Factor, METHODS } from './method.ts';
import type { Mfa } from './mfa.ts';

/** Fewer unused backup codes than this, and the person is told to make new ones. */
const FEW_CODES = 3;

const factor = z.strictObject({
  id: z.string(),
  method: z.enum(METHODS),
  label: z.string(),
  hint: z.string().nullable(),
  confirmed_at: z.string().nullable().describe('Missing as long as it waits for its first code.'),
  created_at: z.string(),
  last_used_at: z.string().nullable(),
});

const overview = z.strictObject({
  enrolled: z.boolean(),
  required: z.boolean().describe('Whether a role of yours must have a second factor.'),
  methods: z.array(z.enum(METHODS)).describe('The second factors that count.'),
  factors: z.array(factor),
  backup_codes_left: z.int(),
  backup_codes_few: z.boolean().describe('Time for new ones.'),
});

const newTotp = z.strictObject({
  factor_id: z.string(),
  secret: z.string().describe('Base32, for typing; this once.'),
  uri: z.string(),
  qr_code: z.string().describe('PNG in base64, of the URI.'),
});

const label = storableText(1, 64);
const code = z.string().min(1).max(64);
const byId = z.strictObject({ id: idText });
const backupCodes = z.array(z.string()).describe('Single-use codes; kept where no thief of your device finds them.');

/** E.164 and what browsers take for an address; `@` tells which is meant. */
const wish = z.discriminatedUnion('method', [
  z.strictObject({
    method: z.literal('sms'),
    to: z.string().regex(/^\+[1-9]\d{6,14}$(?!\n)/, 'must be a phone number like +4930123456'),
    label: label.optional(),
  }),
  z.strictObject({
    method: z.literal('email'),
    to: z.email('must be an e-mail address').max(254),
    label: label.optional(),
  }),
]);

const ADDS = { kind: 'signed-in', as: 'person', provedWithinMs: minutes(10) } as const;
const RISKS = { kind: 'signed-in', as: 'person', secondFactorWithinMs: minutes(10) } as const;
const OWN = { kind: 'signed-in', as: 'person' } as const;
const tries = [{ per: 'principal', count: 10, windowMs: minutes(1) }] as const;
const begins = [{ per: 'principal', count: 60, windowMs: hours(1) }] as const;
const SENDING = ['MFA_CHANNEL_OFF', 'MFA_NUMBER_REFUSED', 'MFA_BUDGET_SPENT', 'DELIVERY_BACKLOG_FULL'] as const;

/** The second factors of whoever is signed in. Passkeys are registered by routes of their own, and removed here. */
export const mfaRoutes = (mfa: Mfa): readonly Route[] => [
  ...addingRoutes(mfa),
  defineRoute({
    method: 'GET',
    path: '/v1/mfa',
    summary: 'Your second factors, what is asked of you, and how many backup codes are left.',
    access: OWN,
    records: 'read',
    replies: { 200: overview },
    faults: [],
    handle: async ({ caller }) => {
      const { personId } = personOf(caller);
      const factors = await mfa.list(personId);
      const left = await mfa.backupCodes.left(personId);
      const enrolled = await mfa.isEnrolled(personId);
      const { required, methods } = await mfa.demandOf(personId);
      const few = { backup_codes_left: left, backup_codes_few: enrolled && left < FEW_CODES };
      return ok({ enrolled, required, methods, factors: factors.map(viewOf), ...few }, { records: factors.length });
    },
  }),
  defineRoute({
    method: 'DELETE',
    path: '/v1/mfa/factors/:id',
    summary: 'Remove a second factor, passkeys too. Backup codes end with the last one.',
    access: RISKS,
    records: 'change',
    params: byId,
    replies: { 204: 'nothing' },
    faults: ['MFA_FACTOR_UNKNOWN', 'MFA_LAST_FACTOR'],
    handle: async (input) => {
      await mfa.remove(actorIn(input), personOf(input.caller).personId, input.params.id);
      return nothing;
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/mfa/backup-codes',
    summary: 'Your backup codes, within ten minutes of a second factor.',
    access: RISKS,
    records: 'read',
    replies: { 200: z.strictObject({ items: z.array(z.strictObject({ code: z.string(), used: z.boolean() })) }) },
    faults: [],
    handle: async ({ caller }) => {
      const items = await mfa.backupCodes.show(personOf(caller).personId);
      return ok({ items }, { records: items.length });
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/mfa/backup-codes',
    summary: 'Ten new backup codes; the old ones work no longer.',
    access: RISKS,
    limits: begins,
    records: 'change',
    replies: { 201: z.strictObject({ backup_codes: backupCodes }) },
    faults: ['MFA_ENROLMENT_NEEDED'],
    handle: async (input) => {
      const codes = await mfa.backupCodes.renew(actorIn(input), personOf(input.caller).personId);
      return created({ backup_codes: codes });
    },
  }),
];

const addingRoutes = (mfa: Mfa): readonly Route[] => [
  defineRoute({
    method: 'POST',
    path: '/v1/mfa/totp',
    summary: 'Begin an authenticator app; its first code confirms it within 15 minutes.',
    access: ADDS,
    limits: begins,
    records: 'change',
    body: z.strictObject({ label: label.optional() }),
    replies: { 201: newTotp },
    faults: ['MFA_FACTORS_FULL'],
    handle: async (input) => {
      const { personId: id, username } = personOf(input.caller);
      const begun = await mfa.beginTotp(actorIn(input), { id, username }, input.body.label);
      return created({ factor_id: begun.factorId, secret: begun.secret, uri: begun.uri, qr_code: begun.qrCode });
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/mfa/codes',
    summary: 'Begin codes by SMS or e-mail, and send the first; it confirms them.',
    access: ADDS,
    limits: begins,
    records: 'change',
    body: wish,
    replies: { 201: z.strictObject({ factor_id: z.string(), hint: z.string() }) },
    faults: [...SENDING, 'MFA_TAKEN', 'MFA_FACTORS_FULL'],
    handle: async (input) => {
      const { personId } = personOf(input.caller);
      const begun = await mfa.beginCode(actorIn(input), personId, input.body, input.context);
      return created({ factor_id: begun.factorId, hint: begun.hint });
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/mfa/factors/:id/code',
    summary: 'Send another code; the one before it works no longer.',
    access: OWN,
    limits: begins,
    records: 'change',
    params: byId,
    replies: { 200: z.strictObject({ hint: z.string(), expires_in: z.int().describe('Seconds.') }) },
    faults: [...SENDING, 'MFA_FACTOR_UNKNOWN'],
    handle: async (input) => {
      const { personId } = personOf(input.caller);
      const sent = await mfa.sendCode(actorIn(input), personId, input.params.id, input.context);
      return ok({ hint: sent.hint, expires_in: sent.expiresInS });
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/mfa/factors/:id/confirm',
    summary: 'Confirm a second factor by its first code. The first factor of all answers with backup codes.',
    access: ADDS,
    limits: tries,
    records: 'change',
    params: byId,
    body: z.strictObject({ code }),
    replies: { 200: z.strictObject({ backup_codes: backupCodes.optional() }) },
    faults: ['MFA_CODE_WRONG', 'MFA_FACTOR_UNKNOWN'],
    handle: async (input) => {
      const { personId } = personOf(input.caller);
      const made = await mfa.confirm(actorIn(input), personId, input.params.id, input.body.code);
      return ok(made.backupCodes === undefined ? {} : { backup_codes: made.backupCodes });
    },
  }),
];

const actorIn = ({ context, caller, tenantId }: Pick<Input, 'context' | 'caller' | 'tenantId'>) =>
  actorOf(context, caller, tenantId);

const timeOf = (at: EpochMs | undefined): string | null => (at === undefined ? null : rfc3339(at));

function viewOf({ id, method, label, hint, confirmedAt, createdAt, lastUsedAt }: Factor) {
  return {
    ...{ id, method, label, hint: hint ?? null },
    confirmed_at: timeOf(confirmedAt),
    created_at: rfc3339(createdAt),
    last_used_at: timeOf(lastUsedAt),
  };
}

/** The routes above let in persons only; this tells the compiler, and stops a route that forgot to. */
function personOf(caller: Principal): PersonPrincipal {
  if (caller.kind !== 'person') throw mfaFault('MFA_FACTOR_UNKNOWN');
  return caller;
}

import { z } from 'zod';
import { defineRoute, ok, type Route } from '../../http/index.ts';
import { minutes } from '../../kernel/clock.ts';
import { isFault } from '../../kernel/errors.ts';
import type { Method } from '../../mfa/index.ts';
import type { Standing } from '../../posture/index.ts';
import { MAIN_TENANT } from '../../tenants/index.ts';
import type { ProfileGround } from '../extras.ts';
import { knownPerson } from './methods.ts';

const health = z.enum(['healthy', 'degraded', 'unhealthy']);

/** All that a stranger hears (X30). */
const bare = z.strictObject({ session_management: z.strictObject({ status: health }) });

const check = z.strictObject({
  id: z.string(),
  title: z.string(),
  weight: z.number(),
  score: z.number().describe('0 to 1.'),
  evidence: z.string(),
  advice: z.string().nullable(),
});

/** As V16 has it, and why the rating is what it is for those who administer. */
const whole = z.strictObject({
  security_rating: z.string().describe('`A+` to `F`, from evidence.'),
  encryption: z.strictObject({ algorithm: z.string(), current_version: z.string(), rotation_needed: z.boolean() }),
  session_management: z.strictObject({ status: health, redis_health: z.string() }),
  mfa: z.strictObject({ available_methods: z.array(z.string()), user_status: z.enum(['enabled', 'disabled']) }),
  tls_enabled: z.boolean(),
  checks: z
    .array(check)
    .optional()
    .describe('For administrators of the main tenant: each with what was seen, and what to do about it.'),
});

/** In the words of the old system, and in its order. */
const NAMES: readonly (readonly [Method, string])[] = [
  ['totp', 'TOTP'],
  ['sms', 'SMS'],
  ['email', 'Email'],
  ['backup', 'Backup Codes'],
  ['passkey', 'Passkeys'],
];

/** `GET /security/status` (V16, X23, X30). */
export const statusRoute = ({ prefix, profile, insight, mfa, may }: ProfileGround): Route =>
  defineRoute({
    method: 'GET',
    path: `${prefix}/security/status`,
    profile,
    summary: 'How secure this server is, from evidence; without a token whether sessions work, and no more.',
    access: { kind: 'signed-in', as: 'person' },
    admits: 'later', // the list for emergencies calls it without a token
    records: 'none',
    limits: [{ per: 'address', count: 120, windowMs: minutes(1) }],
    replies: { 200: z.union([whole, bare]) },
    faults: [],
    handle: async ({ caller, tenantId, context }) => {
      const { status, redis } = await insight.sessionHealth();
      if (caller.kind === 'anonymous') return ok({ session_management: { status } });
      const person = knownPerson(caller);
      insight.noteAsked(context);
      const [{ rating, checks }, sealing, isEnrolled, seesAll] = await Promise.all([
        insight.posture.standing(),
        insight.encryption(tenantId),
        mfa.isEnrolled(person.personId),
        tenantId === MAIN_TENANT && may(person, tenantId, 'admin:users').catch(withoutFactor),
      ]);
      const { algorithm, currentVersion, rotationNeeded } = sealing;
      const offered = insight.methods();
      return ok({
        security_rating: rating,
        encryption: { algorithm, current_version: currentVersion, rotation_needed: rotationNeeded },
        session_management: { status, redis_health: redis },
        mfa: {
          available_methods: NAMES.filter(([method]) => offered.includes(method)).map(([, name]) => name),
          user_status: isEnrolled ? 'enabled' : 'disabled',
        },
        tls_enabled: insight.tls || context.secure,
        ...(seesAll ? { checks: checks.map(viewOf) } : {}), // what is weak is not every member's to know
      });
    },
  });

/** Administrators who owe a second factor see what every member sees. */
function withoutFactor(error: unknown): false {
  if (isFault(error, 'ACCESS_FACTOR_REQUIRED')) return false;
  throw error;
}

const viewOf = ({ id, title, weight, score, evidence, advice }: Standing['checks'][number]) => ({
  ...{ id, title, weight, score, evidence },
  advice: advice ?? null,
});

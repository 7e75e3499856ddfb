import { z } from 'zod';
import { actorOf, defineRoute, idText, ok, type Route, storableText } from '../http/index.ts';
import { personId } from '../kernel/brand.ts';
import { hours, minutes } from '../kernel/clock.ts';
import type { Incidents } from './incident.ts';

/** For administrators and the operator, when somebody's account was got into. */
export const incidentRoutes = (incidents: Incidents): readonly Route[] => [
  defineRoute({
    method: 'POST',
    path: '/v1/users/:id/compromised',
    detection: { text: ['body.reason'] },
    summary: 'End whatever lets anybody into an account: sessions, links, second factors, API keys and the password.',
    access: { kind: 'permission', permission: 'admin:users', provedWithinMs: minutes(10) },
    limits: [{ per: 'principal', count: 60, windowMs: hours(1) }],
    records: 'change',
    params: z.strictObject({ id: idText }),
    body: z.strictObject({
      reason: storableText(1, 200)
        .default('not said')
        .describe('For the alert and the audit log, where it stays for good: name nobody in it.'),
      keep_factors: z
        .boolean()
        .default(false)
        .describe('Leave second factors that are surely their own. Passkeys go all the same: one alone signs in.'),
    }),
    bodyOptional: true,
    replies: {
      200: z.strictObject({
        sessions: z.int(),
        api_keys: z.int().describe('In all tenants, and those that these keys have made.'),
        factors: z.int(),
        email: z
          .enum(['none', 'confirmed', 'unconfirmed', 'unreadable'])
          .describe('What is known of the address. No mail resets the password until somebody sets it anew.'),
        kept: z.array(z.string()).describe('The kinds of second factors that are good as before.'),
      }),
    },
    faults: ['IDENTITY_PERSON_UNKNOWN', 'IDENTITY_SHARED_PERSON', 'ACCESS_ESCALATION'],
    handle: async ({ params, body, caller, tenantId, context }) => {
      const actor = actorOf(context, caller, tenantId);
      const wish = { reason: body.reason, keepFactors: body.keep_factors };
      const { apiKeys, ...ended } = await incidents.respond(actor, tenantId, personId(params.id), wish);
      return ok({ ...ended, api_keys: apiKeys });
    },
  }),
];

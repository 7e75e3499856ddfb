import { z } from 'zod';
import { actorOf, created, defineRoute, ok, type Route, storableText } from '../http/index.ts';
import { minutes, rfc3339 } from '../kernel/clock.ts';
import type { PersonPrincipal, Principal } from '../kernel/principal.ts';
import { passkeyFault } from './passkey-errors.ts';
import { registrationResponse } from './passkey-verify.ts';
import type { PasskeyFactor, Passkeys } from './passkeys.ts';

const passkey = z.strictObject({
  id: z.string(),
  method: z.literal('passkey'),
  label: z.string(),
  keeper: z.string().nullable().describe('Who keeps it, as its authenticator says.'),
  transports: z.array(z.string()),
  backed_up: z.boolean().describe('Kept by a provider for several devices.'),
  created_at: z.string(),
});

const access = { kind: 'signed-in', as: 'person', provedWithinMs: minutes(10) } as const;
const limits = [{ per: 'principal', count: 20, windowMs: minutes(1) }] as const;

/** Registering a passkey; it is listed and removed beside the other second factors. */
export function passkeyRoutes(passkeys: Passkeys): readonly Route[] {
  return [
    defineRoute({
      method: 'POST',
      path: '/v1/mfa/passkeys/options',
      summary: 'What to hand to navigator.credentials.create; good for five minutes and one passkey.',
      access,
      limits,
      records: 'none',
      body: z.strictObject({
        passwordless: z
          .boolean()
          .optional()
          .describe('Ask for a passkey that signs in by itself: found without a user name, and verifying its person.'),
      }),
      replies: { 200: z.record(z.string(), z.unknown()) },
      faults: ['MFA_PASSKEYS_OFF', 'MFA_PASSKEY_LIMIT'],
      handle: async ({ body, caller }) => {
        const { personId, username } = personOf(caller);
        return ok(await passkeys.registrationOptions({ id: personId, username }, body));
      },
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/mfa/passkeys',
      summary:
        'Register the passkey that a browser made. The first second factor answers with backup codes, this once.',
      access,
      limits,
      records: 'change',
      body: z.strictObject({ response: registrationResponse, label: storableText(1, 64).optional() }),
      replies: { 201: passkey.extend({ backup_codes: z.array(z.string()).optional() }) },
      faults: ['MFA_PASSKEY_REFUSED', 'MFA_PASSKEY_TAKEN', 'MFA_PASSKEY_LIMIT', 'MFA_PASSKEYS_OFF'],
      handle: async ({ body, caller, tenantId, context }) => {
        const { personId } = personOf(caller);
        const made = await passkeys.register(actorOf(context, caller, tenantId), personId, body.response, {
          label: body.label,
        });
        const codes = made.backupCodes === undefined ? {} : { backup_codes: made.backupCodes };
        return created({ ...viewOf(made.factor), ...codes });
      },
    }),
  ];
}

function viewOf({ id, method, label, hint, transports, backedUp, createdAt }: PasskeyFactor) {
  const made = { backed_up: backedUp, created_at: rfc3339(createdAt) };
  return { id, method, label, keeper: hint ?? null, transports, ...made };
}

/** The routes above let in persons only; this tells the compiler, and stops a route that forgot to. */
function personOf(caller: Principal): PersonPrincipal {
  if (caller.kind !== 'person') throw passkeyFault('MFA_PASSKEY_REFUSED');
  return caller;
}

import { z } from 'zod';
import { actorOf, defineRoute, ok, type Route } from '../http/index.ts';
import { hours, minutes, rfc3339 } from '../kernel/clock.ts';
import type { TokenKeyState, TokenKeys } from './token-keys.ts';

const tokenKey = z.strictObject({
  issuer: z.string(),
  kid: z.string(),
  state: z.enum(['published', 'current', 'retiring']),
  signs_from: z.string(),
  ends_at: z.string().nullable().describe('Nothing that it signed is good from then on.'),
});
const keyList = z.strictObject({ items: z.array(tokenKey) });

const shown = ({ issuer, kid, state, signsFrom, endsAt }: TokenKeyState): z.output<typeof tokenKey> => ({
  issuer,
  kid,
  state,
  signs_from: rfc3339(signsFrom),
  ends_at: endsAt === undefined ? null : rfc3339(endsAt),
});

/** @param issuers the keys of every issuer that signs with Ed25519 */
export function tokenKeyRoutes(issuers: readonly TokenKeys[]): readonly Route[] {
  return [
    defineRoute({
      method: 'GET',
      path: '/v1/token-keys',
      summary: 'The keys that sign access tokens and the assertions for back ends, and until when they are good.',
      access: { kind: 'permission', permission: 'platform:vault' },
      records: 'read',
      replies: { 200: keyList },
      faults: [],
      handle: async () => {
        const items = issuers.flatMap((keys) => keys.list()).map(shown);
        return ok({ items }, { records: items.length });
      },
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/token-keys/rotate',
      summary:
        'Make new signing keys. They sign ten minutes later, or at once in an emergency, which ends every token.',
      access: { kind: 'permission', permission: 'platform:vault', provedWithinMs: hours(12) },
      limits: [{ per: 'principal', count: 10, windowMs: minutes(1) }],
      records: 'change',
      body: z.strictObject({ emergency: z.boolean().default(false) }),
      replies: { 200: keyList },
      faults: [],
      handle: async ({ body, caller, tenantId, context }) => {
        const actor = actorOf(context, caller, tenantId);
        const items: TokenKeyState[] = [];
        for (const keys of issuers) items.push(await keys.rotate(actor, body));
        return ok({ items: items.map(shown) });
      },
    }),
  ];
}

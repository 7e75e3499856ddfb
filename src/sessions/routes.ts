import { z } from 'zod';
import {
  actorOf,
  type Context,
  cookieOf,
  defineRoute,
  idText,
  nothing,
  ok,
  type Reply,
  type Route,
  readCookie,
} from '../http/index.ts';
import { sessionId } from '../kernel/brand.ts';
import { days, minutes, rfc3339 } from '../kernel/clock.ts';
import { anonymous, type PersonPrincipal, type Principal } from '../kernel/principal.ts';
import type { Assertions } from './assertions.ts';
import { sessionFault } from './errors.ts';
import type { Grant } from './session.ts';
import type { Sessions } from './sessions.ts';
import type { Tokens } from './tokens.ts';

const DEVICE_COOKIE = 'tk_device';

/** @see RFC 6749 §5.1 */
export const grantReply = z.strictObject({
  access_token: z.string(),
  token_type: z.literal('Bearer'),
  expires_in: z.int().describe('Seconds.'),
  refresh_token: z.string(),
});

/** A grant as OAuth 2.0 names it; the device secret goes into a cookie that no script reads. */
export function replyOf(grant: Grant, context: Context): Reply {
  const { accessToken, expiresInS, refreshToken, deviceSecret } = grant;
  const body = { access_token: accessToken, token_type: 'Bearer', expires_in: expiresInS, refresh_token: refreshToken };
  if (deviceSecret === undefined) return ok(body);
  const cookie = cookieOf(DEVICE_COOKIE, deviceSecret, {
    path: '/v1/token',
    maxAgeS: days(90) / 1_000,
    secure: context.secure,
  });
  return ok(body, { headers: { 'set-cookie': cookie } });
}

const session = z.strictObject({
  id: z.string(),
  profile: z.string().describe('Through which API it was begun.'),
  current: z.boolean(),
  started_at: z.string(),
  last_used_at: z.string().describe('When it was last refreshed.'),
  expires_at: z.string(),
  user_agent: z.string().nullable(),
  address: z.string().nullable(),
});

const jwksReply = z.strictObject({ keys: z.array(z.record(z.string(), z.string())) });
const JWKS_CACHING = { headers: { 'cache-control': 'public, max-age=300' } };

export function sessionRoutes(sessions: Sessions, tokens: Tokens): readonly Route[] {
  return [
    defineRoute({
      method: 'POST',
      path: '/v1/token/refresh',
      summary: 'Trade a refresh token for the next one and a new access token.',
      access: { kind: 'public', because: 'the refresh token in the body is the credential' },
      limits: [{ per: 'address', count: 120, windowMs: minutes(1) }],
      body: z.strictObject({ refresh_token: z.string().min(1).max(256) }),
      replies: { 200: grantReply },
      faults: ['SESSION_EXPIRED', 'SESSION_REVOKED', 'SESSION_UNKNOWN', 'SESSION_DEVICE'],
      handle: async ({ body, context }) => {
        const device = readCookie(context.headers.cookie, DEVICE_COOKIE);
        return replyOf(await sessions.refresh(actorOf(context, anonymous), body.refresh_token, device), context);
      },
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/logout',
      summary: 'End the session of the access token.',
      access: { kind: 'signed-in', as: 'person' },
      records: 'change',
      replies: { 204: 'nothing' },
      faults: [],
      handle: async ({ caller, tenantId, context }) => {
        const person = personOf(caller);
        await sessions.end(actorOf(context, caller, tenantId), person.personId, person.sessionId, 'logout');
        return nothing;
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/v1/sessions',
      summary: 'Your live sessions, the last used first.',
      access: { kind: 'signed-in', as: 'person' },
      records: 'read',
      replies: { 200: z.strictObject({ items: z.array(session) }) },
      faults: [],
      handle: async ({ caller }) => {
        const person = personOf(caller);
        const items = (await sessions.list(person.personId)).map((live) => ({
          id: live.id,
          profile: live.profile,
          current: live.id === person.sessionId,
          started_at: rfc3339(live.startedAt),
          last_used_at: rfc3339(live.lastUsedAt),
          expires_at: rfc3339(live.expiresAt),
          user_agent: live.device?.userAgent ?? null,
          address: live.device?.address ?? null,
        }));
        return ok({ items }, { records: items.length });
      },
    }),
    defineRoute({
      method: 'DELETE',
      path: '/v1/sessions/:id',
      summary: 'End one of your sessions; its tokens are refused from the next request on.',
      access: { kind: 'signed-in', as: 'person' },
      records: 'change',
      params: z.strictObject({ id: idText }),
      replies: { 204: 'nothing' },
      faults: ['SESSION_NOT_FOUND'],
      handle: async ({ caller, params, tenantId, context }) => {
        await sessions.end(
          actorOf(context, caller, tenantId),
          personOf(caller).personId,
          sessionId(params.id),
          'ended by its owner',
        );
        return nothing;
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/.well-known/jwks.json',
      summary: 'The public keys that access tokens are signed with.',
      access: { kind: 'public', because: 'public keys are for everybody who verifies a token' },
      replies: { 200: jwksReply },
      faults: [],
      handle: async () => ok(tokens.jwks, JWKS_CACHING),
    }),
  ];
}

export const assertionJwksRoute = (assertions: Assertions): Route =>
  defineRoute({
    method: 'GET',
    path: '/.well-known/assertion-jwks.json',
    summary: 'The public keys by which a back end knows that an assertion comes from the gateway.',
    access: { kind: 'public', because: 'public keys are for everybody who verifies an assertion' },
    replies: { 200: jwksReply },
    faults: [],
    handle: async () => ok(assertions.jwks, JWKS_CACHING),
  });

/** The routes above let in persons only; this tells the compiler, and stops a route that forgot to. */
function personOf(caller: Principal): PersonPrincipal {
  if (caller.kind !== 'person') throw sessionFault('SESSION_UNKNOWN');
  return caller;
}

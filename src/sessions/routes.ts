import { z } from 'zod';
import {
  actorOf,
  type Context,
  csrfHeaderOf,
  defineRoute,
  idText,
  nothing,
  ok,
  type Reply,
  type Route,
  readCookie,
} from '../http/index.ts';
import { sessionId } from '../kernel/brand.ts';
import { minutes, rfc3339 } from '../kernel/clock.ts';
import { anonymous } from '../kernel/principal.ts';
import { agentOf, wordsOf } from './agent.ts';
import type { Assertions } from './assertions.ts';
import { personOf } from './caller.ts';
import { clearCookies, NATIVE_COOKIES, NATIVE_PATHS, shownBy } from './cookies.ts';
import type { Csrf } from './csrf.ts';
import { deviceRoutes } from './device-routes.ts';
import { type EndsOfMember, endRoutes } from './end-routes.ts';
import { sessionFault } from './errors.ts';
import { cookieReplyOf, refreshReply, replyOf } from './grant-reply.ts';
import type { LiveSession } from './live-session.ts';
import type { Sessions } from './sessions.ts';
import type { Tokens } from './tokens.ts';

const session = z.strictObject({
  id: z.string(),
  profile: z.string().describe('Through which API it was begun.'),
  current: z.boolean(),
  started_at: z.string(),
  last_used_at: z.string().describe('By a refresh or a request, to within about a minute.'),
  expires_at: z.string(),
  device: z.string().nullable().describe('In words: `Firefox on Windows`.'),
  device_id: z.string().nullable(),
  user_agent: z.string().nullable(),
  address: z.string().nullable(),
  place: z.string().nullable(),
  country: z.string().nullable(),
  amr: z.array(z.string()).describe('How it was proved whose it is (RFC 8176).'),
  second_factor_at: z.string().nullable(),
});

const jwksReply = z.strictObject({ keys: z.array(z.record(z.string(), z.string())) });
const JWKS_CACHING = { headers: { 'cache-control': 'public, max-age=300' } };

export function sessionRoutes(sessions: Sessions, tokens: Tokens, endsOfMember: EndsOfMember): readonly Route[] {
  return [
    refreshRoute(sessions),
    logoutRoute(sessions),
    ...listRoutes(sessions),
    ...endRoutes(sessions, endsOfMember),
    ...deviceRoutes(sessions),
    csrfRoute(sessions),
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

const refreshRoute = (sessions: Sessions): Route =>
  defineRoute({
    method: 'POST',
    path: '/v1/token/refresh',
    summary: 'Trade a refresh token, of the body or of its cookie, for the next one and a new access token.',
    access: { kind: 'public', because: 'the refresh token is the credential' },
    limits: [{ per: 'address', count: 120, windowMs: minutes(1) }],
    body: z.strictObject({ refresh_token: z.string().min(1).max(256).optional() }),
    replies: { 200: refreshReply },
    faults: ['SESSION_EXPIRED', 'SESSION_REVOKED', 'SESSION_UNKNOWN', 'SESSION_DEVICE', 'SESSION_CSRF'],
    handle: async ({ body: { refresh_token: given }, context }) => {
      const refreshToken = given ?? (await tokenOfCookie(context, sessions.csrf));
      const device = shownBy(NATIVE_COOKIES, context);
      const grant = await sessions.refresh(actorOf(context, anonymous), refreshToken, device);
      return given === undefined ? cookieReplyOf(grant, context, sessions.csrf) : replyOf(grant, context);
    },
  });

/** Only a page of ours knows the value of the session; the Strict cookie is not sent for requests of others at all. */
async function tokenOfCookie(context: Context, csrf: Csrf): Promise<string> {
  const refreshToken = readCookie(context.headers.cookie, NATIVE_COOKIES.refresh);
  if (refreshToken === undefined) throw sessionFault('SESSION_UNKNOWN');
  await csrf.assertOfRefresh(refreshToken, csrfHeaderOf(context));
  return refreshToken;
}

const logoutRoute = (sessions: Sessions): Route =>
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
      return withoutCookies(nothing, context);
    },
  });

/** Takes the cookies of a grant away from a browser that has them. */
function withoutCookies(reply: Reply, context: Context): Reply {
  if (readCookie(context.headers.cookie, NATIVE_COOKIES.access) === undefined) return reply;
  return { ...reply, headers: { 'set-cookie': clearCookies(NATIVE_COOKIES, context, NATIVE_PATHS) } };
}

const listRoutes = (sessions: Sessions): readonly Route[] => [
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
        current: live.id === person.sessionId,
        ...told(live),
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
      const actor = actorOf(context, caller, tenantId);
      await sessions.end(actor, personOf(caller).personId, sessionId(params.id), 'ended by its owner');
      return nothing;
    },
  }),
];

function told(live: LiveSession) {
  const { id, profile, startedAt, lastUsedAt, expiresAt, device, place, amr, secondFactorAt, knownDeviceId } = live;
  return {
    id,
    profile,
    started_at: rfc3339(startedAt),
    last_used_at: rfc3339(lastUsedAt),
    expires_at: rfc3339(expiresAt),
    device: device === undefined ? null : wordsOf(agentOf(device.userAgent)),
    device_id: knownDeviceId ?? null,
    user_agent: device?.userAgent ?? null,
    address: device?.address ?? null,
    place: place?.name ?? null,
    country: place?.country ?? null,
    amr,
    second_factor_at: secondFactorAt === undefined ? null : rfc3339(secondFactorAt),
  };
}

const csrfRoute = (sessions: Sessions): Route =>
  defineRoute({
    method: 'GET',
    path: '/v1/csrf',
    summary: 'What to send as `X-CSRF-TOKEN` with changes where a cookie is the credential.',
    access: { kind: 'signed-in', as: 'person' },
    records: 'none',
    replies: { 200: z.strictObject({ csrf_token: z.string() }) },
    faults: [],
    handle: async ({ caller }) => {
      const { sessionId: id } = personOf(caller);
      return ok({ csrf_token: await sessions.csrf.of(id) }, { headers: { 'cache-control': 'no-store' } });
    },
  });

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

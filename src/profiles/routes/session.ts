import { z } from 'zod';
import { actorOf, defineRoute, nothing, ok, type Route } from '../../http/index.ts';
import type { PersonPrincipal, Principal } from '../../kernel/principal.ts';
import { sessionFault } from '../../sessions/index.ts';
import type { ProfileGround } from '../extras.ts';

/** Ends the session that its access token belongs to, and takes its cookies away. */
export const logoutRoute = ({ profile, prefix, sessions, parcels }: ProfileGround, path: string): Route =>
  defineRoute({
    method: 'POST',
    path: prefix + path,
    profile,
    summary: 'End this session.',
    access: { kind: 'signed-in', as: 'person' },
    records: 'change',
    replies: { 204: 'nothing' },
    faults: ['SESSION_NOT_FOUND'],
    handle: async ({ caller, tenantId, context }) => {
      const { personId, sessionId } = personOf(caller);
      await sessions.end(actorOf(context, caller, tenantId), personId, sessionId, 'logout');
      const cookies = context.headers.cookie === undefined ? [] : parcels.clear(context);
      return cookies.length === 0 ? nothing : { ...nothing, headers: { 'set-cookie': cookies } };
    },
  });

/** What to send as `X-CSRF-TOKEN` with changes, for pages that do not read it in its cookie. */
export const csrfRoute = ({ profile, prefix, csrf, parcels }: ProfileGround, path: string): Route =>
  defineRoute({
    method: 'GET',
    path: prefix + path,
    profile,
    summary: 'What to send as `X-CSRF-TOKEN` with changes where a cookie is the credential.',
    access: { kind: 'signed-in', as: 'person' },
    records: 'none',
    replies: { 200: z.strictObject({ csrf_token: z.string() }) },
    faults: [],
    handle: async ({ caller, context }) => {
      const token = await csrf.of(personOf(caller).sessionId);
      const headers = { 'set-cookie': parcels.csrfCookie(token, context), 'cache-control': 'no-store' };
      return ok({ csrf_token: token }, { headers });
    },
  });

/** The routes above let in persons only; this tells the compiler, and stops one that forgot to. */
function personOf(caller: Principal): PersonPrincipal {
  if (caller.kind !== 'person') throw sessionFault('SESSION_NOT_FOUND');
  return caller;
}

import { z } from 'zod';
import { actorOf, type Context, defineRoute, type Input, type Route } from '../../http/index.ts';
import { minutes } from '../../kernel/clock.ts';
import { anonymous } from '../../kernel/principal.ts';
import type { Extras, ProfileGround } from '../extras.ts';

const body = z.strictObject({ refresh_token: z.string().min(1).max(2_048).optional() });

/** Trades a refresh token of the body, or of its cookie, for the next one and a new access token. */
export function refreshRoute(ground: ProfileGround, path: string, extras: Pick<Extras, 'assertRefreshToken'>): Route {
  const { profile, prefix, sessions, terms, parcels } = ground;
  const refresh = async (context: Context, given: string | undefined, form?: Input['form']) => {
    const token = given ?? (await parcels.tokenOfCookie(context, form));
    extras.assertRefreshToken?.(token);
    const grant = await sessions.refresh(actorOf(context, anonymous), token, parcels.deviceOf(context), terms);
    return parcels.reply(grant, context);
  };
  const common = {
    method: 'POST',
    path: prefix + path,
    profile,
    summary: 'Trade a refresh token for the next one and a new access token.',
    access: { kind: 'public', because: 'the refresh token is the credential' },
    limits: [{ per: 'address', count: 120, windowMs: minutes(1) }],
    replies: { 200: parcels.schema },
    faults: ['SESSION_EXPIRED', 'SESSION_REVOKED', 'SESSION_UNKNOWN', 'SESSION_DEVICE', 'SESSION_CSRF'],
  } as const;
  if (!parcels.takes.body)
    return defineRoute({ ...common, handle: ({ context, form }) => refresh(context, undefined, form) });
  return defineRoute({
    ...common,
    body,
    bodyOptional: parcels.takes.cookie,
    handle: (input) => refresh(input.context, input.body.refresh_token),
  });
}

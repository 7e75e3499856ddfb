import { z } from 'zod';
import { type Context, cookieOf, csrfValueOf, isSecureCookie, ok, readCookie } from '../../http/index.ts';
import type { Json } from '../../kernel/tx.ts';
import { type Csrf, clearCookies, deviceCookies, grantCookies, sessionFault, shownBy } from '../../sessions/index.ts';
import type { ProfileSettings } from '../config.ts';
import { isCsrfAsked } from '../csrf.ts';
import type { Extras, Parcel, Parcels } from '../extras.ts';
import type { Delivery, Preset } from '../presets.ts';
import type { CsrfPolicy } from '../profile.ts';

export interface ParcelDeps {
  readonly preset: Preset;
  readonly settings: ProfileSettings;
  readonly csrf: Csrf;
  readonly csrfPolicy: CsrfPolicy | undefined;
  readonly replyOf: Extras['replyOf'];
}

/** The members that the systems' clients look for; `token_type` and `expires_in` stand beside them as OAuth has it. */
const grantReply = z.strictObject({
  access_token: z.string().optional(),
  token_type: z.literal('bearer'),
  expires_in: z.int().describe('Seconds.'),
  refresh_token: z.string().optional(),
  csrf_token: z.string().optional().describe('To be sent as `X-CSRF-TOKEN` where cookies are the credential.'),
});

/** How the tokens of a profile go out, as its settings say or its system did. */
const deliveryOf = (preset: Preset, settings: ProfileSettings): Delivery =>
  'delivery' in settings ? settings.delivery : preset.delivery;

/** Whether its tokens go out as cookies, and are taken from them. */
export const hasCookies = (preset: Preset, settings: ProfileSettings): boolean =>
  preset.cookies !== undefined && ['cookies', 'both'].includes(deliveryOf(preset, settings));

/** How one profile hands grants out and takes refresh tokens back. */
export function createParcels(deps: ParcelDeps): Parcels {
  const { preset, settings, csrf, replyOf = membersOf } = deps;
  const delivery = deliveryOf(preset, settings);
  const names = preset.cookies;
  const inCookies = hasCookies(preset, settings);
  const paths = {
    prefix: settings.prefix === '' ? '/' : settings.prefix,
    refresh: settings.prefix + (preset.paths.refresh ?? preset.paths.login),
  };
  const sentOf = createFlags(settings);

  async function cookiesOf({ grant, csrf: value }: Parcel, context: Context): Promise<readonly string[]> {
    if (names === undefined) return [];
    return value === undefined
      ? deviceCookies(names, grant, sentOf(context), paths)
      : grantCookies(names, grant, value, sentOf(context), paths);
  }

  return {
    takes: { body: delivery === 'body' || delivery === 'both', cookie: inCookies },
    schema: grantReply,
    reply: async (grant, context, more = []) => {
      const parcel: Parcel = { grant, csrf: inCookies ? await csrf.of(grant.sessionId) : undefined, delivery };
      const cookies = [...(await cookiesOf(parcel, context)), ...more];
      return ok(replyOf(parcel), cookies.length === 0 ? {} : { headers: { 'set-cookie': cookies } });
    },
    tokenOfCookie: async (context, form) => {
      const token = inCookies && names !== undefined ? readCookie(context.headers.cookie, names.refresh) : undefined;
      if (token === undefined || names === undefined) throw sessionFault('SESSION_UNKNOWN', { missing: true });
      if (isCsrfAsked(deps.csrfPolicy, context)) await csrf.assertOfRefresh(token, await csrfValueOf(context, form));
      return token;
    },
    deviceOf: (context) => names && shownBy(names, context),
    csrfCookie: (value, context) =>
      inCookies && names !== undefined
        ? [cookieOf(names.csrf, value, { ...sentOf(context), path: paths.prefix, maxAgeS: WEEK_S, httpOnly: false })]
        : [],
    clear: (context) => (names === undefined ? [] : clearCookies(names, sentOf(context), paths)),
  };
}

const WEEK_S = 604_800;

/** Whether cookies go over TLS alone, and from which pages. `None` is taken by no browser without TLS. */
const createFlags = (settings: ProfileSettings) => (context: Pick<Context, 'secure' | 'production'>) => {
  const secure = isSecureCookie(context);
  if (!('cookieSameSite' in settings)) return { secure };
  const { cookieSecure, cookieSameSite: sameSite } = settings;
  return { secure: sameSite === 'None' || (cookieSecure ?? secure), sameSite };
};

/** Tokens that go out in cookies alone stand in no body, where scripts would read them. */
function membersOf({ grant, csrf, delivery }: Parcel): Readonly<Record<string, Json>> {
  const { accessToken, refreshToken, expiresInS } = grant;
  return {
    ...(delivery === 'cookies' ? {} : { access_token: accessToken }),
    token_type: 'bearer',
    expires_in: expiresInS,
    ...(delivery === 'cookies' || refreshToken === undefined ? {} : { refresh_token: refreshToken }),
    ...(csrf === undefined ? {} : { csrf_token: csrf }),
  };
}

import { z } from 'zod';
import { type Context, ok, type Reply } from '../http/index.ts';
import { deviceCookies, grantCookies, NATIVE_COOKIES, NATIVE_PATHS } from './cookies.ts';
import type { Csrf } from './csrf.ts';
import type { Grant } from './session.ts';

const about = { token_type: z.literal('Bearer'), expires_in: z.int().describe('Seconds.') };

/** @see RFC 6749 §5.1 */
export const grantReply = z.strictObject({ access_token: z.string(), ...about, refresh_token: z.string() });

/** Tokens that came in cookies go out in cookies, where no script reads them. */
export const refreshReply = z.union([grantReply, z.strictObject({ ...about, csrf_token: z.string() })]);

/** A grant as OAuth 2.0 names it; the device secret goes into a cookie that no script reads. */
export function replyOf(grant: Grant, context: Context): Reply {
  const { accessToken, expiresInS, refreshToken } = grant;
  const body = { access_token: accessToken, token_type: 'Bearer', expires_in: expiresInS, refresh_token: refreshToken };
  const cookies = deviceCookies(NATIVE_COOKIES, grant, context, NATIVE_PATHS);
  return ok(body, cookies.length === 0 ? {} : { headers: { 'set-cookie': cookies } });
}

/** The same for a browser that keeps its tokens in cookies. */
export async function cookieReplyOf(grant: Grant, context: Context, csrf: Csrf): Promise<Reply> {
  const token = await csrf.of(grant.sessionId);
  const cookies = grantCookies(NATIVE_COOKIES, grant, token, context, NATIVE_PATHS);
  const body = { token_type: 'Bearer', expires_in: grant.expiresInS, csrf_token: token };
  return ok(body, { headers: { 'set-cookie': cookies } });
}

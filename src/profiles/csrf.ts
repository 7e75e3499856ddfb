import { type Context, mediaType } from '../http/index.ts';
import type { ProfileSettings } from './config.ts';
import type { CsrfPolicy } from './profile.ts';

/** What the settings of a profile ask; with every change where it has none. */
export function csrfPolicyOf(settings: ProfileSettings): CsrfPolicy | undefined {
  if (!('csrfProtect' in settings)) return undefined;
  const { csrfProtect: always } = settings;
  return { always, forms: always || ('formCsrf' in settings && settings.formCsrf) };
}

/** What pages of any site can have a browser send without asking us first. @see Fetch Standard, "CORS-safelisted" */
const FORMS: ReadonlySet<string> = new Set([
  '',
  'application/x-www-form-urlencoded',
  'multipart/form-data',
  'text/plain',
]);

/** Whether a change that a cookie speaks for must say the CSRF value, wherever in a profile it is asked. */
export function isCsrfAsked(policy: CsrfPolicy | undefined, { headers }: Pick<Context, 'headers'>): boolean {
  if (policy === undefined || policy.always) return true;
  return policy.forms && FORMS.has(mediaType(headers['content-type']));
}

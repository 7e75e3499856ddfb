import { z } from 'zod';
import { parseWith, type RelayInput } from '../http/index.ts';
import type { TenantId } from '../kernel/brand.ts';
import type { KnownPrincipal } from '../kernel/principal.ts';
import { readingFault } from './errors.ts';
import { meterId } from './validate.ts';

/** Which readings a client wants to hear of. */
export interface Wish {
  readonly meters: ReadonlySet<string> | undefined;
  readonly after: string | undefined;
}

/** Whose stream it is. */
export interface Reader {
  readonly caller: KnownPrincipal;
  readonly tenantId: TenantId;
  readonly confirm: (() => Promise<void>) | undefined;
}

const MOST_METERS = 100;
const eventId = z.string().regex(/^[\w.-]{1,64}$/, 'must be the id of an event');
const meters = z.array(meterId).max(MOST_METERS);
const query = z.strictObject({ meter_id: meters, last_event_id: z.array(eventId).max(1) });

/** @param headerId what a browser says by itself when it comes back @throws HTTP_INPUT_REFUSED */
export function wishOf(url: string, headerId?: string): Wish {
  const at = url.indexOf('?');
  const given = new URLSearchParams(at === -1 ? '' : url.slice(at + 1));
  const asked: Record<string, string[]> = { meter_id: [], last_event_id: [] };
  for (const [name, value] of given) asked[name] = [...(asked[name] ?? []), value];
  if (headerId !== undefined && asked['last_event_id']?.length === 0) asked['last_event_id'] = [headerId];
  const parsed = parseWith(query, asked, 'query');
  return { meters: setOf(parsed.meter_id), after: parsed.last_event_id[0] };
}

const message = z.looseObject({
  meter_id: z.union([meterId.transform((one) => [one]), meters]).optional(),
  last_event_id: eventId.optional(),
});

/** The same in the `auth` payload of Socket.IO. @throws HTTP_INPUT_REFUSED */
export function wishInAuth(auth: unknown): Wish {
  const { meter_id: asked = [], last_event_id: after } = parseWith(message, auth ?? {}, 'auth');
  return { meters: setOf(asked), after };
}

const setOf = (ids: readonly string[]): ReadonlySet<string> | undefined =>
  ids.length === 0 ? undefined : new Set(ids);

/** Whoever is known by the request itself; undefined where a message may still tell. @throws READING_STREAM_CREDENTIAL */
export function readerOf({ caller, tenantId, confirm, admit }: RelayInput): Reader | undefined {
  if (caller.kind !== 'anonymous') return { caller, tenantId, confirm };
  if (admit === undefined) throw readingFault('READING_STREAM_CREDENTIAL');
  return undefined;
}

/**
 * A browser sends cookies and lets any page connect, so a page of another origin must be on the list.
 *
 * @throws READING_STREAM_ORIGIN
 * @see RFC 6455 §10.2
 */
export function assertPage({ context: { headers, secure } }: RelayInput, origins: readonly string[]): void {
  const { origin, host } = headers;
  if (origin === undefined || origin === `${secure ? 'https' : 'http'}://${host}`) return;
  if (!origins.includes(origin)) throw readingFault('READING_STREAM_ORIGIN');
}

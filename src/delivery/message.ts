import { z } from 'zod';
import { flawsOf, storableText } from '../http/index.ts';
import type { EpochMs, TenantId } from '../kernel/brand.ts';
import { deliveryFault } from './errors.ts';
import { eventType } from './event-type.ts';

/** What every message may say about itself. */
export interface About {
  /** Whose message it is; without one it is the platform's own. */
  readonly tenantId?: TenantId | undefined;
  /** Later than this it is not sent, for it would be of no use: a code that has run out. */
  readonly expiresAt?: EpochMs | undefined;
}

export interface EmailMessage extends About {
  readonly kind: 'email';
  /** One address; whoever writes to several people enqueues a message for each. */
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html?: string | undefined;
}

export interface SmsMessage extends About {
  readonly kind: 'sms';
  /** E.164: `+4930123456`. */
  readonly to: string;
  readonly text: string;
}

export type Message = EmailMessage | SmsMessage;

/** Something that happened, for the webhooks and alerts that want to know. */
export interface DeliveryEvent {
  /** `address.blocked`. */
  readonly type: string;
  /** Whose webhooks hear of it; without one those of the home tenant. */
  readonly tenantId?: TenantId | undefined;
  /** Webhooks of its tenant alone, or alerts alone; both unless told. */
  readonly only?: 'webhooks' | 'alerts' | undefined;
  /** JSON; anything else is refused. */
  readonly data: Readonly<Record<string, unknown>>;
}

const MAX_TEXT = 32_768;
const MAX_SMS = 1_600; // Twilio's own limit
const MAX_PAYLOAD_BYTES = 65_536; // what one sealed field holds
const MAX_DATA_BYTES = 32_768;

// As browsers take it, so no quotes, comments, lists or spaces; RFC 5322 admits much more that only attackers use.
const ADDRESS =
  /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$(?!\n)/;

/** One plain e-mail address. @see WHATWG HTML, "valid e-mail address" */
export const emailAddress = z.string().max(254).regex(ADDRESS, 'must be one e-mail address');

/** @see ITU-T E.164 */
export const phoneNumber = z.string().regex(/^\+[1-9]\d{6,14}$(?!\n)/, 'must be a phone number like +4930123456');

/** A line of a header. A line break in it would begin another header, and with it another receiver. */
export const headerLine = (max: number) =>
  storableText(1, max).refine(
    (text) => !/\p{Cc}|\u2028|\u2029/u.test(text),
    'must be one line without control characters',
  );

const email = z.strictObject({
  kind: z.literal('email'),
  to: emailAddress,
  subject: headerLine(250),
  text: storableText(1, MAX_TEXT),
  html: storableText(1, MAX_TEXT).optional(),
});

const sms = z.strictObject({ kind: z.literal('sms'), to: phoneNumber, text: storableText(1, MAX_SMS) });

/** The contents of an e-mail or SMS, as they are sealed. */
export const contents = z.discriminatedUnion('kind', [email, sms]);
export type Contents = z.output<typeof contents>;

/** The contents of an event, as they are sealed. The time is RFC 3339. */
export const eventContents = z.strictObject({
  type: eventType,
  timestamp: z.string(),
  data: z.record(z.string(), z.json()),
  only: z.enum(['webhooks', 'alerts']).optional(),
});
export type EventContents = z.output<typeof eventContents>;

/** @returns the contents as text to seal. @throws DELIVERY_MESSAGE_REFUSED with what is wrong, never the value */
export function contentsOf({ tenantId: _, expiresAt: __, ...message }: Message): string {
  return textOf(message.kind, contents, message, MAX_PAYLOAD_BYTES);
}

/** @param timestamp RFC 3339. @throws DELIVERY_MESSAGE_REFUSED */
export function eventContentsOf({ type, data, only }: DeliveryEvent, timestamp: string): string {
  return textOf('event', eventContents, { type, timestamp, data, only }, MAX_DATA_BYTES);
}

function textOf(root: string, schema: z.ZodType, value: unknown, maxBytes: number): string {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw deliveryFault('DELIVERY_MESSAGE_REFUSED', { errors: flawsOf(parsed.error, root) });
  const text = JSON.stringify(parsed.data);
  if (Buffer.byteLength(text) <= maxBytes) return text;
  throw deliveryFault('DELIVERY_MESSAGE_REFUSED', {
    errors: [{ at: root, reason: `must have at most ${maxBytes} bytes` }],
  });
}

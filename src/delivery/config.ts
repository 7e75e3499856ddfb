import { z } from 'zod';
import { isCidr, storableText } from '../http/index.ts';
import { days, hours, minutes, seconds } from '../kernel/clock.ts';
import type { Flaw } from '../kernel/errors.ts';
import { createSecret } from '../kernel/secret.ts';
import { emailAddress, headerLine, phoneNumber } from './message.ts';

const secret = z
  .string()
  .min(1)
  .max(1_024)
  .transform((text) => createSecret(text));

/** The sender of mail: `ops@example.com`, or `Twinkeep <ops@example.com>`. */
const mailbox = headerLine(320).transform((text, issues) => {
  const [, name = '', bracketed] = /^([^<>"@,;]*?)\s*<([^<>]+)>$/.exec(text) ?? [];
  const address = emailAddress.safeParse(bracketed ?? text);
  if (address.success) return { name, address: address.data };
  issues.addIssue('must be an address, or a name and an address in angle brackets');
  return z.NEVER;
});

/** The mail server. */
export const smtpConfig = z
  .strictObject({
    host: z.string().min(1).max(253).describe('The mail server.'),
    port: z.int().min(1).max(65_535).default(587).describe('The port of the mail server.'),
    tls: z
      .enum(['starttls', 'implicit', 'none'])
      .default('starttls')
      .describe('`starttls` demands it, `implicit` begins with TLS (port 465), `none` is for a relay on this machine.'),
    username: z.string().min(1).max(320).optional().describe('The account at the mail server.'),
    password: secret.optional().describe('The password of that account.'),
    from: mailbox.describe('The sender: an address, or a name and an address in angle brackets.'),
    verifyCertificate: z.boolean().default(true).describe('Off for trying things out only; refused in production.'),
    ca: z.string().max(65_536).optional().describe('A certificate authority of your own, in PEM.'),
  })
  .refine((c) => (c.username === undefined) === (c.password === undefined), {
    path: ['password'],
    error: 'and username belong together',
  })
  .refine((c) => c.tls !== 'none' || c.password === undefined || isLoopback(c.host), {
    path: ['tls'],
    error: 'must not be none where a password is sent to another machine',
  });

/** The provider of SMS: Twilio, or whoever speaks its interface. */
export const smsConfig = z.strictObject({
  accountSid: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be an id')
    .describe('The account at the provider.'),
  authToken: secret.describe('The token of that account.'),
  from: z
    .union([phoneNumber, z.string().regex(/^[A-Za-z0-9 ]{1,34}$/)], { error: 'must be a phone number or a sender id' })
    .describe('The number, sender id or messaging service that SMS come from.'),
  baseUrl: z
    .url({ protocol: /^https?$/ })
    .max(2_048)
    .default('https://api.twilio.com')
    .describe('Where the interface is.'),
  statusCallback: z
    .url({ protocol: /^https?$/ })
    .max(2_048)
    .optional()
    .describe('Where the provider reports; the id of the message is added as `message_id`.'),
});

const webhookConfig = z.strictObject({
  allowPrivate: z
    .array(z.string().refine(isCidr, 'must be an address or CIDR'))
    .max(64)
    .default([])
    .describe('Private addresses that webhooks may be sent to, over http too; else public ones only, over https.'),
  timeoutMs: z
    .int()
    .min(seconds(1))
    .max(seconds(60))
    .default(seconds(15))
    .describe('A receiver must have answered within this time.'),
  perTenant: z.int().min(1).max(200).default(50).describe('Webhooks that a tenant may have.'),
  disableAfterMs: z
    .int()
    .min(hours(1))
    .max(days(30))
    .default(days(5))
    .describe('A webhook is disabled when nothing has reached it for this long.'),
});

/** What an operator may choose about e-mail, SMS and webhooks. */
export const deliveryConfig = z.strictObject({
  smtp: smtpConfig.optional(),
  sms: smsConfig.optional(),
  webhooks: webhookConfig.prefault({}),
  concurrency: z
    .int()
    .min(1)
    .max(64)
    .default(16)
    .describe(
      'Webhooks that one process sends at a time, at most a quarter of them for one tenant; e-mail, SMS and events have up to four places each besides.',
    ),
  maxWaiting: z
    .int()
    .min(100)
    .max(10_000_000)
    .default(100_000)
    .describe(
      'Messages of a tenant that may wait; beyond, events and webhooks are dropped, e-mail and SMS refused, and it is recorded.',
    ),
  keepMs: z
    .int()
    .min(hours(1))
    .max(days(365))
    .default(days(30))
    .describe('Deliveries are listed for this long after they ended, then forgotten.'),
  alertConfig: z
    .string()
    .min(1)
    .max(4_096)
    .optional()
    .describe('An `alert_config.json`: who is told of what, its secrets as `env_NAME`.'),
  alertsPerWindow: z
    .int()
    .min(1)
    .max(1_000)
    .default(20)
    .describe('Alerts by e-mail and by SMS, each, within ten minutes; the rest is counted into one message.'),
});

export type DeliveryConfig = z.output<typeof deliveryConfig>;
export type SmtpConfig = z.output<typeof smtpConfig>;
export type SmsConfig = z.output<typeof smsConfig>;

/** Within which `alertsPerWindow` counts. */
export const ALERT_WINDOW_MS = minutes(10);

/** What must not be in production, with the fix; the app asks at the start. */
export function unsafeDelivery({ smtp, sms }: Pick<DeliveryConfig, 'smtp' | 'sms'>): readonly Flaw[] {
  const flaws: Flaw[] = [];
  if (smtp?.verifyCertificate === false) {
    flaws.push({ at: 'delivery.smtp.verifyCertificate', reason: 'must not be off in production; set ca instead' });
  }
  if (smtp?.tls === 'none' && !isLoopback(smtp.host)) {
    flaws.push({ at: 'delivery.smtp.tls', reason: 'must not be none in production but for a relay on this machine' });
  }
  for (const [name, url] of Object.entries({ baseUrl: sms?.baseUrl, statusCallback: sms?.statusCallback })) {
    if (url?.startsWith('http:'))
      flaws.push({ at: `delivery.sms.${name}`, reason: 'must begin with https:// in production' });
  }
  return flaws;
}

/** Text that a webhook's owner describes it by. */
export const description = storableText(0, 200);

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

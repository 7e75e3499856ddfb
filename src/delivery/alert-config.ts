import { z } from 'zod';
import { flawsOf } from '../http/index.ts';
import type { Flaw } from '../kernel/errors.ts';
import { referenceOf } from '../kernel/references.ts';
import { type SmsConfig, type SmtpConfig, smsConfig, smtpConfig } from './config.ts';
import { deliveryFault } from './errors.ts';
import { eventPatterns } from './event-type.ts';
import { emailAddress, phoneNumber } from './message.ts';
import { secretBytes } from './signature.ts';

/** Who is told of which events, beside the webhooks of tenants. */
export interface AlertConfig {
  readonly events: readonly string[];
  readonly email: { readonly smtp: SmtpConfig; readonly to: readonly string[] } | undefined;
  readonly sms: { readonly provider: SmsConfig; readonly to: readonly string[] } | undefined;
  readonly webhook: { readonly url: string; readonly secret: Uint8Array } | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

const MAX_BYTES = 65_536;
const MAX_DEPTH = 8;
const MAX_RECEIVERS = 20;

// Where a number stands as a reference, the environment has it as text.
const port = z.union(
  [
    z.int(),
    z
      .string()
      .regex(/^\d{1,5}$/)
      .transform(Number),
  ],
  { error: 'must be a port' },
);
const asText = z.string().min(1).max(1_024);

const alertFile = z.strictObject({
  email: z
    .strictObject({
      smtp_server: asText,
      smtp_port: port.optional(),
      tls: z.enum(['starttls', 'implicit', 'none']).optional(),
      username: asText.optional(),
      password: asText.optional(),
      from: asText,
      to: z.array(emailAddress).min(1).max(MAX_RECEIVERS),
    })
    .optional(),
  sms: z
    .strictObject({
      account_sid: asText,
      auth_token: asText,
      from: asText,
      base_url: asText.optional(),
      to: z.array(phoneNumber).min(1).max(MAX_RECEIVERS),
    })
    .optional(),
  webhook: z.strictObject({ url: z.url({ protocol: /^https?$/ }).max(2_048), secret: asText }).optional(),
  events: eventPatterns,
});

/**
 * Reads an `alert_config.json`. A value that is as a whole `env_NAME` stands for that variable of the environment (B20).
 *
 * @throws DELIVERY_ALERTS_INVALID naming every place that is wrong, and never a value
 */
export function readAlertConfig(text: string, env: Environment): AlertConfig {
  const flaws: Flaw[] = [];
  const resolved = resolve(parseJson(text), env, { at: '', depth: 0, flaws });
  if (flaws.length > 0) throw invalid(flaws);
  const parsed = alertFile.safeParse(resolved);
  if (!parsed.success) throw invalid(flawsOf(parsed.error, ''));
  const { events, email, sms, webhook } = parsed.data;
  const config = {
    events,
    email: email && { smtp: smtpOf(email, flaws), to: [...new Set(email.to)] },
    sms: sms && { provider: providerOf(sms, flaws), to: [...new Set(sms.to)] },
    webhook: webhook && { url: webhook.url, secret: keyOf(webhook.secret, flaws) },
  };
  if (flaws.length > 0) throw invalid(flaws);
  return {
    events,
    email: config.email?.smtp && { smtp: config.email.smtp, to: config.email.to },
    sms: config.sms?.provider && { provider: config.sms.provider, to: config.sms.to },
    webhook: config.webhook?.secret && { url: config.webhook.url, secret: config.webhook.secret },
  };
}

const invalid = (errors: readonly Flaw[]) => deliveryFault('DELIVERY_ALERTS_INVALID', { errors: errors.slice(0, 20) });

function parseJson(text: string): unknown {
  if (Buffer.byteLength(text) > MAX_BYTES) throw invalid([{ at: '/', reason: `must have at most ${MAX_BYTES} bytes` }]);
  try {
    return JSON.parse(text);
  } catch {
    throw invalid([{ at: '/', reason: 'is not JSON' }]); // the parser's own message quotes the file, and its secrets
  }
}

interface Walk {
  readonly at: string;
  readonly depth: number;
  readonly flaws: Flaw[];
}

function resolve(value: unknown, env: Environment, { at, depth, flaws }: Walk): unknown {
  if (typeof value === 'string') {
    const name = referenceOf(value);
    if (name === undefined) return value;
    const found = env[name];
    if (found !== undefined && found !== '') return found;
    flaws.push({ at: at || '/', reason: `refers to the environment variable ${name}, which is not set` });
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return value;
  if (depth === MAX_DEPTH) throw invalid([{ at: at.slice(0, 256), reason: 'is nested too deeply' }]);
  const inner = (key: string, one: unknown) =>
    resolve(one, env, { at: `${at}/${key.slice(0, 64)}`, depth: depth + 1, flaws });
  if (Array.isArray(value)) return value.map((one, index) => inner(String(index), one));
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, inner(key, one)]));
}

type EmailPart = NonNullable<z.output<typeof alertFile>['email']>;
type SmsPart = NonNullable<z.output<typeof alertFile>['sms']>;

/** The names of the file for those of our own settings, in which flaws are found. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ['host', 'smtp_server'],
  ['port', 'smtp_port'],
  ['accountSid', 'account_sid'],
  ['authToken', 'auth_token'],
  ['baseUrl', 'base_url'],
]);

function smtpOf(part: EmailPart, flaws: Flaw[]): SmtpConfig | undefined {
  const { smtp_server: host, smtp_port: at, to: _, ...rest } = part;
  const tls = rest.tls ?? (at === 465 ? 'implicit' : 'starttls');
  return settingsOf(smtpConfig, { ...rest, host, tls, ...(at === undefined ? {} : { port: at }) }, '/email', flaws);
}

function providerOf({ account_sid, auth_token, from, base_url }: SmsPart, flaws: Flaw[]): SmsConfig | undefined {
  const base = base_url === undefined ? {} : { baseUrl: base_url };
  return settingsOf(smsConfig, { accountSid: account_sid, authToken: auth_token, from, ...base }, '/sms', flaws);
}

function settingsOf<S extends z.ZodType>(
  schema: S,
  value: unknown,
  at: string,
  flaws: Flaw[],
): z.output<S> | undefined {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  for (const { path, message } of parsed.error.issues) {
    const [first = ''] = path.map(String);
    flaws.push({ at: `${at}/${NAMES.get(first) ?? first}`, reason: message });
  }
  return undefined;
}

function keyOf(secret: string, flaws: Flaw[]): Uint8Array | undefined {
  const key = secretBytes(secret);
  if (key === undefined)
    flaws.push({ at: '/webhook/secret', reason: 'must be whsec_ and the base64 of 24 to 64 bytes' });
  return key;
}

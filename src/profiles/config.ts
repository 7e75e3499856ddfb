import { z } from 'zod';
import { isOrigin } from '../http/index.ts';
import { days, minutes } from '../kernel/clock.ts';
import { createSecret } from '../kernel/secret.ts';
import { type LegacyName, type Preset, presets } from './presets.ts';

const HOST = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;
const PREFIX = /^(\/[A-Za-z0-9_-]{1,64}){0,4}$/;

const limit = z.strictObject({
  count: z.int().min(1).max(1_000_000),
  windowMs: z.int().min(1_000).max(days(366)),
});

const origins = z
  .array(z.string().refine((text) => text === '*' || isOrigin(text), 'must be an origin, or *'))
  .max(100);

/** Settings of one legacy profile; the defaults are those of the system that it stands for. */
const settingsOf = ({ accessMs, refreshMs }: Preset) =>
  z.strictObject({
    bcryptCost: z
      .int()
      .min(10, 'must be 10 or more: below that whoever gets the hashes tries thousands of passwords a second')
      .max(15, 'must be 15 or less: above that a sign-in takes seconds, and few at once stop all others')
      .default(12)
      .describe('The cost of passwords that it hashes by bcrypt, where it does.'),
    host: z
      .string()
      .regex(HOST, 'must be a host name in lower case, without port')
      .optional()
      .describe('The only host name it is served at.'),
    prefix: z.string().regex(PREFIX, 'must be like /ems').default('').describe('Stands before all of its paths.'),
    secret: z
      .string()
      .transform((text) => createSecret(text))
      .optional()
      .describe('What its tokens are signed with (HS256), shared with back ends that check them themselves.'),
    previousSecret: z
      .string()
      .transform((text) => createSecret(text))
      .optional()
      .describe('The secret before a change: tokens under it are good until they run out.'),
    algorithm: z.literal('HS256').default('HS256').describe('How its tokens are signed; old clients know no other.'),
    accessMs: z.int().min(minutes(1)).max(days(30)).default(accessMs).describe('The life of an access token.'),
    refreshMs: z
      .int()
      .min(minutes(5))
      .max(days(366))
      .default(refreshMs)
      .describe('The life of a session that is refreshed, where the profile refreshes.'),
    corsOrigins: origins.default([]).describe('Origins whose pages may call it; `*` is refused in production.'),
    limits: z
      .array(limit)
      .max(10)
      .optional()
      .describe(
        'Requests of one caller, or of an address where nobody is known; instead of the limits of the profile.',
      ),
    limitsEnabled: z.boolean().default(true).describe('Off leaves the general limits alone.'),
    permanentBlocks: z
      .boolean()
      .default(false)
      .describe('Addresses that are blocked stay so until they are unblocked.'),
  });

/** Of a profile whose clients may make accounts. */
const registering = ({ registration = 'closed' }: Preset) => ({
  registration: z
    .enum(['open', 'closed'])
    .default(registration)
    .describe('Whether its clients may make accounts, whatever `accounts.registration` says of the native API.'),
});

/** Of a profile that keeps tokens in cookies, or may. */
const cookies = {
  cookieSecure: z
    .boolean()
    .optional()
    .describe('Whether its cookies are sent over TLS alone; by default over TLS, and always in production.'),
  cookieSameSite: z
    .enum(['Strict', 'Lax', 'None'])
    .default('Lax')
    .describe('From which pages its cookies are sent along; `None`, from all, goes with TLS alone.'),
  csrfProtect: z
    .boolean()
    .default(true)
    .describe(
      'Whether changes need the CSRF value where a cookie is the credential, as `X-CSRF-TOKEN` or the field `csrf_token` of a form; off is refused in production.',
    ),
};

/** Of a profile whose clients may be told their tokens in one way or another. */
const delivering = ({ delivery }: Preset) => ({
  delivery: z
    .enum(['body', 'cookies', 'both'])
    .default(delivery === 'none' ? 'body' : delivery)
    .describe('How its tokens reach a client: in the body, as HttpOnly cookies, or both.'),
});

/** What the EMS agent has beside what all have. */
const emsSettings = settingsOf(presets.ems).extend({
  apiKeysFile: z
    .string()
    .min(1)
    .default('/secrets/api_keys.json')
    .describe(
      'A JSON file of key prefixes and bcrypt hashes, read at the start and at a reload; keys that it no longer has end.',
    ),
  apiKeyScopes: z
    .array(z.string().min(1).max(64))
    .min(1)
    .default(['read', 'write:meter_data'])
    .describe('What the keys of that file may do.'),
  blockOnPattern: z
    .boolean()
    .default(true)
    .describe(
      'One attack blocks its address at once, as in the old system, unless another page may have planted it; off, attacks add up as everywhere else.',
    ),
  logDirectory: z.string().min(1).default('/var/log/ems').describe('Where security.log and audit.log are written.'),
});

const FIELD_FORMS = ['envelope', 'fernet', 'aes-gcm'] as const;

/** What a system that seals fields has beside what all have. */
const sealing = <const Form extends (typeof FIELD_FORMS)[number]>(name: LegacyName, form: Form, described: string) =>
  settingsOf(presets[name]).extend({
    encryptionKey: z
      .string()
      .transform((text) => createSecret(text))
      .optional()
      .describe(described),
    fieldForm: z
      .enum(FIELD_FORMS)
      .default(form)
      .describe('What its own functions write; the older form until nothing else reads the columns any more.'),
  });

/** What Digital Twin v2.1 has beside that, in the words of Flask-JWT-Extended and Flask-WTF. */
const digitalTwinV2 = sealing(
  'digital-twin-v2',
  'aes-gcm',
  'The key of its fields, and the master key where no other is set: the base64 of 32 bytes.',
).extend({
  ...registering(presets['digital-twin-v2']),
  ...cookies,
  formCsrf: z
    .boolean()
    .default(true)
    .describe('Whether forms need the CSRF value where a cookie is the credential, even with `csrfProtect` off.'),
  rotate: z
    .boolean()
    .default(true)
    .describe('Off keeps one refresh token, for clients that never keep a new one: a stolen one is then not noticed.'),
});

/** The settings of every legacy profile, by name. */
export const profileConfig = z.strictObject({
  'digital-twin-v1': sealing('digital-twin-v1', 'fernet', 'The Fernet key of `encryption.key`, to read and write by.')
    .extend(registering(presets['digital-twin-v1']))
    .prefault({}),
  'digital-twin-v2': digitalTwinV2.prefault({}),
  ems: emsSettings.prefault({}),
  aivillage: sealing('aivillage', 'envelope', 'The master key where no other is set: the base64 of 32 bytes.')
    .extend({ ...delivering(presets.aivillage), ...cookies })
    .prefault({}),
  coretwin: settingsOf(presets.coretwin)
    .extend({ ...registering(presets.coretwin), ...delivering(presets.coretwin), ...cookies })
    .prefault({}),
});

/** How long a session of a profile lives at most. */
export const sessionMsOf = (
  name: LegacyName,
  { accessMs, refreshMs }: Pick<ProfileSettings, 'accessMs' | 'refreshMs'>,
) => (presets[name].delivery === 'none' ? accessMs : refreshMs);

export type ProfileConfig = z.output<typeof profileConfig>;
export type ProfileSettings = ProfileConfig[LegacyName];
export type EmsSettings = ProfileConfig['ems'];

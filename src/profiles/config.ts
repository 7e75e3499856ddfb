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

const settings = (name: LegacyName) => settingsOf(presets[name]).prefault({});

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
  logDirectory: z.string().min(1).default('/var/log/ems').describe('Where security.log and audit.log are written.'),
});

const FIELD_FORMS = ['envelope', 'fernet', 'aes-gcm'] as const;

/** What a system that seals fields has beside what all have. */
const sealing = <const Form extends (typeof FIELD_FORMS)[number]>(name: LegacyName, form: Form, described: string) =>
  settingsOf(presets[name])
    .extend({
      encryptionKey: z
        .string()
        .transform((text) => createSecret(text))
        .optional()
        .describe(described),
      fieldForm: z
        .enum(FIELD_FORMS)
        .default(form)
        .describe('What its own functions write; the older form until nothing else reads the columns any more.'),
    })
    .prefault({});

/** The settings of every legacy profile, by name. */
export const profileConfig = z.strictObject({
  'digital-twin-v1': sealing('digital-twin-v1', 'fernet', 'The Fernet key of `encryption.key`, to read and write by.'),
  'digital-twin-v2': sealing(
    'digital-twin-v2',
    'aes-gcm',
    'The key of its fields, and the master key where no other is set: the base64 of 32 bytes.',
  ),
  ems: emsSettings.prefault({}),
  aivillage: sealing('aivillage', 'envelope', 'The master key where no other is set: the base64 of 32 bytes.'),
  coretwin: settings('coretwin'),
});

export type ProfileConfig = z.output<typeof profileConfig>;
export type ProfileSettings = ProfileConfig[LegacyName];
export type EmsSettings = ProfileConfig['ems'];

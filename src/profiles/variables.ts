import { parseLimits } from '../limits/index.ts';
import { type LegacyName, presets } from './presets.ts';

/** One name under which a setting of a profile may stand in the environment. */
export interface ProfileVariable {
  readonly name: string;
  /** The setting of the profile. */
  readonly key: string;
  /** The profiles that have the setting; all of them unless told. */
  readonly only?: readonly LegacyName[];
  readonly secret?: boolean;
  /** @returns what the schema then checks: text that cannot be read stays text */
  readonly read: (text: string) => unknown;
}

const text = (value: string): unknown => value;
/** Browsers take it in any case, and so did the old systems. */
const titled = (value: string): unknown => value.slice(0, 1).toUpperCase() + value.slice(1).toLowerCase();
const scaled =
  (ms: number) =>
  (value: string): unknown =>
    /^\d{1,9}$/.test(value) ? Number(value) * ms : value;
const onOff = (value: string): unknown => SWITCH.get(value.toLowerCase()) ?? value;
const SWITCH = new Map([
  ...['true', '1', 'on', 'yes'].map((word) => [word, true] as const),
  ...['false', '0', 'off', 'no'].map((word) => [word, false] as const),
]);

const list = (value: string): unknown =>
  value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

function json(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** Both spellings of a list are taken under either name: the systems differ, and so do their deployments. */
const origins = (value: string): unknown => (value.trimStart().startsWith('[') ? json(value) : list(value));

const perMinute = (value: string): unknown =>
  /^\d{1,7}$/.test(value) ? [{ count: Number(value), windowMs: 60_000 }] : value;

function limits(value: string): unknown {
  try {
    return parseLimits(value);
  } catch {
    return value;
  }
}

const WITH_COOKIES = ['digital-twin-v2', 'aivillage', 'coretwin'] as const;

/**
 * The names that the five systems have for the same settings (X16). Each may also stand with the profile before it,
 * `EMS_JWT_SECRET_KEY`, which wins (X32); a secret also as `…_FILE`.
 */
export const PROFILE_VARIABLES: readonly ProfileVariable[] = [
  { name: 'JWT_SECRET_KEY', key: 'secret', read: text, secret: true },
  { name: 'JWT_SECRET_KEY_PREVIOUS', key: 'previousSecret', read: text, secret: true },
  { name: 'API_SECRET_KEY', key: 'secret', only: ['aivillage'], read: text, secret: true },
  { name: 'ENCRYPTION_KEY', key: 'encryptionKey', only: ['digital-twin-v1'], read: text, secret: true },
  { name: 'ENCRYPTION_KEY', key: 'encryptionKey', only: ['digital-twin-v2'], read: text, secret: true },
  { name: 'DIGITAL_TWIN_MASTER_KEY', key: 'encryptionKey', only: ['aivillage'], read: text, secret: true },
  { name: 'JWT_ALGORITHM', key: 'algorithm', read: text },
  { name: 'JWT_ACCESS_TOKEN_EXPIRES', key: 'accessMs', read: scaled(1_000) },
  { name: 'JWT_ACCESS_TOKEN_EXPIRE_MINUTES', key: 'accessMs', read: scaled(60_000) },
  { name: 'JWT_REFRESH_TOKEN_EXPIRES', key: 'refreshMs', read: scaled(1_000) },
  { name: 'JWT_REFRESH_TOKEN_EXPIRE_DAYS', key: 'refreshMs', read: scaled(86_400_000) },
  { name: 'CORS_ALLOWED_ORIGINS', key: 'corsOrigins', read: origins },
  { name: 'CORS_ORIGINS', key: 'corsOrigins', read: origins },
  { name: 'RATELIMIT_DEFAULT', key: 'limits', read: limits },
  { name: 'RATE_LIMIT_REQUESTS_PER_MINUTE', key: 'limits', read: perMinute },
  { name: 'RATELIMIT_ENABLED', key: 'limitsEnabled', read: onOff },
  { name: 'BCRYPT_LOG_ROUNDS', key: 'bcryptCost', read: scaled(1) },
  { name: 'BCRYPT_ROUNDS', key: 'bcryptCost', read: scaled(1) },
  { name: 'JWT_COOKIE_SECURE', key: 'cookieSecure', only: WITH_COOKIES, read: onOff },
  { name: 'JWT_COOKIE_SAMESITE', key: 'cookieSameSite', only: WITH_COOKIES, read: titled },
  { name: 'JWT_COOKIE_CSRF_PROTECT', key: 'csrfProtect', only: WITH_COOKIES, read: onOff },
  { name: 'WTF_CSRF_ENABLED', key: 'formCsrf', only: ['digital-twin-v2'], read: onOff },
  { name: 'SECURITY_LOG_DIR', key: 'logDirectory', only: ['ems'], read: text },
  { name: 'API_KEYS_FILE', key: 'apiKeysFile', only: ['ems'], read: text },
];

/** Where the five systems say which Redis there is; it is the whole server's, not one profile's. */
export const REDIS_VARIABLES = ['RATELIMIT_STORAGE_URI', 'RATELIMIT_STORAGE_URL', 'REDIS_URL'] as const;

/** `digital-twin-v1` as the beginning of a variable: `DIGITAL_TWIN_V1_`. */
export const prefixOf = (profile: LegacyName): string => `${profile.toUpperCase().replaceAll('-', '_')}_`;

export const isLegacy = (name: string): name is LegacyName => name in presets;

import type { HashScheme } from '../identity/index.ts';
import { days, hours, minutes } from '../kernel/clock.ts';
import type { CookieNames } from '../sessions/index.ts';
import type { PolicyRule } from './profile.ts';

/** How the tokens of a grant reach a client: in the body, in cookies, in both; with `none` there is no refresh token. */
export type Delivery = 'none' | 'body' | 'cookies' | 'both';

/** What a hash scheme may depend on. */
export interface SchemeSettings {
  readonly bcryptCost: number;
}

/** What one of the older systems says about itself: the defaults of its profile. */
export interface Preset {
  readonly summary: string;
  readonly paths: {
    readonly login: string;
    readonly register?: string;
    readonly refresh?: string;
    readonly logout?: string;
    readonly csrf?: string;
  };
  readonly accessMs: number;
  /** The life of a session that is refreshed. */
  readonly refreshMs: number;
  readonly delivery: Delivery;
  /** What its cookies are called; without them it has none at all. */
  readonly cookies?: CookieNames;
  /** Whether its clients may make accounts, where it has a route for that. */
  readonly registration?: 'open' | 'closed';
  /** In what passwords are hashed that its clients choose or sign in with; never weaker than they were. */
  readonly scheme: (settings: SchemeSettings) => HashScheme;
  readonly rules: readonly PolicyRule[];
}

const HOUR = hours(1);
const MINUTE = minutes(1);

const argon2id = (): HashScheme => ({ kind: 'argon2id' });
const bcrypt = ({ bcryptCost: cost }: SchemeSettings): HashScheme => ({ kind: 'bcrypt', cost });

export const presets = {
  'digital-twin-v1': {
    summary: 'Digital Twin v1: one token in the body, for a day.',
    paths: { login: '/api/login', register: '/api/register' },
    accessMs: hours(24),
    refreshMs: hours(24),
    delivery: 'none',
    registration: 'open',
    scheme: (): HashScheme => ({ kind: 'werkzeug-scrypt' }),
    rules: [],
  },
  'digital-twin-v2': {
    summary: 'Digital Twin v2.1: tokens for an hour in cookies and body; limits in the words of Flask-Limiter.',
    paths: {
      login: '/api/auth/login',
      register: '/api/auth/register',
      refresh: '/api/auth/refresh',
      logout: '/api/auth/logout',
      csrf: '/api/auth/csrf',
    },
    accessMs: hours(1),
    refreshMs: days(30),
    delivery: 'cookies',
    cookies: {
      access: 'access_token_cookie',
      refresh: 'refresh_token_cookie',
      csrf: 'csrf_access_token',
      csrfRefresh: 'csrf_refresh_token',
      device: 'device_token_cookie',
    },
    registration: 'open',
    scheme: bcrypt,
    rules: [],
  },
  ems: {
    summary: 'The EMS agent: tokens for a day, API keys from a file, its own error bodies and log files.',
    paths: { login: '/api/v1/auth/login' },
    accessMs: hours(24),
    refreshMs: hours(24),
    delivery: 'none',
    scheme: argon2id,
    rules: [
      { name: 'ip', per: 'address', count: 100, windowMs: HOUR, replacedByKey: true },
      { name: 'api_key', per: 'api-key', count: 1_000, windowMs: HOUR },
    ],
  },
  aivillage: {
    summary: 'AIVillage: sessions that are refreshed and can be called back.',
    paths: { login: '/auth/login', refresh: '/auth/refresh', logout: '/auth/logout' },
    accessMs: minutes(15),
    refreshMs: days(7),
    delivery: 'body',
    cookies: {
      access: 'aivillage_access',
      refresh: 'aivillage_refresh',
      csrf: 'aivillage_csrf',
      device: 'aivillage_device',
    },
    scheme: argon2id,
    rules: [
      { name: 'user', per: 'principal', count: 600, windowMs: MINUTE },
      { name: 'ip', per: 'address', count: 600, windowMs: MINUTE },
    ],
  },
  coretwin: {
    summary: 'CoreTwin: tokens for half an hour, refreshed for a week.',
    paths: {
      login: '/api/v1/auth/login',
      register: '/api/v1/auth/register',
      refresh: '/api/v1/auth/refresh',
      logout: '/api/v1/auth/logout',
      csrf: '/api/v1/auth/csrf',
    },
    accessMs: minutes(30),
    refreshMs: days(7),
    delivery: 'body',
    cookies: {
      access: 'coretwin_access',
      refresh: 'coretwin_refresh',
      csrf: 'coretwin_csrf',
      device: 'coretwin_device',
    },
    registration: 'closed',
    scheme: bcrypt,
    rules: [{ name: 'requests', per: 'caller', count: 100, windowMs: MINUTE }],
  },
} as const satisfies Readonly<Record<string, Preset>>;

export type LegacyName = keyof typeof presets;

/** Every profile that can be served; `twinkeep`, the native one, always is. */
export const profileNames = ['twinkeep', ...(Object.keys(presets) as LegacyName[])] as const; // the keys of the table above

import { days, hours, minutes } from '../kernel/clock.ts';
import type { PolicyRule } from './profile.ts';

/** How a refresh token reaches a client of the profile. */
export type Delivery = 'body' | 'none';

/** What one of the older systems says about itself: the defaults of its profile. */
export interface Preset {
  readonly summary: string;
  readonly paths: { readonly login: string; readonly refresh?: string; readonly logout?: string };
  readonly accessMs: number;
  /** The life of a session that is refreshed. */
  readonly refreshMs: number;
  readonly delivery: Delivery;
  readonly rules: readonly PolicyRule[];
}

const HOUR = hours(1);
const MINUTE = minutes(1);

export const presets = {
  'digital-twin-v1': {
    summary: 'Digital Twin v1: one token in the body, for a day.',
    paths: { login: '/api/login' },
    accessMs: hours(24),
    refreshMs: hours(24),
    delivery: 'none',
    rules: [],
  },
  'digital-twin-v2': {
    summary: 'Digital Twin v2.1: tokens for an hour; limits in the words of Flask-Limiter.',
    paths: { login: '/api/auth/login' },
    accessMs: hours(1),
    refreshMs: days(30),
    delivery: 'none',
    rules: [],
  },
  ems: {
    summary: 'The EMS agent: tokens for a day, API keys from a file, its own error bodies and log files.',
    paths: { login: '/api/v1/auth/login' },
    accessMs: hours(24),
    refreshMs: hours(24),
    delivery: 'none',
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
    rules: [
      { name: 'user', per: 'principal', count: 600, windowMs: MINUTE },
      { name: 'ip', per: 'address', count: 600, windowMs: MINUTE },
    ],
  },
  coretwin: {
    summary: 'CoreTwin: tokens for half an hour, refreshed for a week.',
    paths: { login: '/api/v1/auth/login', refresh: '/api/v1/auth/refresh', logout: '/api/v1/auth/logout' },
    accessMs: minutes(30),
    refreshMs: days(7),
    delivery: 'body',
    rules: [{ name: 'requests', per: 'caller', count: 100, windowMs: MINUTE }],
  },
} as const satisfies Readonly<Record<string, Preset>>;

export type LegacyName = keyof typeof presets;

/** Every profile that can be served; `twinkeep`, the native one, always is. */
export const profileNames = ['twinkeep', ...(Object.keys(presets) as LegacyName[])] as const; // the keys of the table above

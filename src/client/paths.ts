/** Where a system has its sign-in, and how its tokens travel. Paths are below the client's `baseUrl`. */
export interface Preset {
  readonly login: string;
  /** Missing where tokens are not refreshed: then a 401 leads to the login page. */
  readonly refresh?: string;
  /** Which member of the refresh body carries the token; none where only a cookie does. */
  readonly refreshBy?: 'body' | 'cookie';
  /** Statuses by which a refresh says that the session has ended; 401 alone unless told. */
  readonly refreshEnds?: readonly number[];
  readonly logout?: string;
  readonly logoutAll?: string;
  readonly me?: string;
  readonly sessions?: string;
  readonly register?: string;
  readonly csrf?: string;
  /** The cookies whose values go back in `X-CSRF-TOKEN`; the second one for the refresh. */
  readonly csrfCookie?: string;
  readonly csrfRefreshCookie?: string;
  /** How a sign-in asks for a second factor: a ticket as ours, or the members of AI Village. */
  readonly secondFactor?: { readonly verify: string; readonly ticket: 'ticket' | 'mfa_token' };
}

export type ProfileName = keyof typeof presets;

const csrfCookies = { csrfCookie: 'csrf_access_token', csrfRefreshCookie: 'csrf_refresh_token' } as const;

/** Ours, and those of the systems that Twinkeep stands in for. */
export const presets = {
  twinkeep: {
    login: '/v1/login',
    refresh: '/v1/token/refresh',
    refreshBy: 'body',
    logout: '/v1/logout',
    logoutAll: '/v1/logout-all',
    me: '/v1/me',
    sessions: '/v1/sessions',
    register: '/v1/register',
    csrf: '/v1/csrf',
    csrfCookie: 'tk_csrf',
    secondFactor: { verify: '/v1/login/verify', ticket: 'ticket' },
  },
  'digital-twin-v1': { login: '/api/login', register: '/api/register' },
  'digital-twin-v2': {
    login: '/api/auth/login',
    refresh: '/api/auth/refresh',
    refreshBy: 'cookie',
    refreshEnds: [401, 422],
    logout: '/api/auth/logout',
    register: '/api/auth/register',
    csrf: '/api/auth/csrf',
    ...csrfCookies,
  },
  aivillage: {
    login: '/auth/login',
    refresh: '/auth/refresh',
    refreshBy: 'body',
    logout: '/auth/logout',
    logoutAll: '/auth/logout-all',
    sessions: '/auth/sessions',
    secondFactor: { verify: '/auth/mfa/verify', ticket: 'mfa_token' },
  },
  coretwin: {
    login: '/api/v1/auth/login',
    refresh: '/api/v1/auth/refresh',
    refreshBy: 'body',
    logout: '/api/v1/auth/logout',
    register: '/api/v1/auth/register',
    csrf: '/api/v1/auth/csrf',
    csrfCookie: 'coretwin_csrf',
  },
  ems: { login: '/api/v1/auth/login' },
} as const satisfies Readonly<Record<string, Preset>>;

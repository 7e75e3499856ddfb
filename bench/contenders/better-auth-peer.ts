import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Contender, freePort, type Headers, launch, type Server, type Stage } from '../contender.ts';
import { makePeople, type Person, post, probing } from './people.ts';

const MODULE = new URL('./better-auth.ts', import.meta.url);

const ROUTES = {
  me: '/api/auth/get-session',
  login: '/api/auth/sign-in/email',
  readings: '',
  bulk: { path: '', format: 'json', status: 201 },
  kept: undefined,
} as const;

/** Its session is read from the database at each request. */
export const betterAuth: Contender = {
  ...ROUTES,
  name: 'Better Auth',
  start: (stage, folder) => start(stage, folder, { cookieCache: false, people: 1, probed: false }),
};

/** Its session stands in a signed cookie for an hour: faster, and one that was ended is good for as long. */
export const betterAuthCached: Contender = {
  ...ROUTES,
  name: 'Better Auth, cookie cache',
  start: (stage, folder) => start(stage, folder, { cookieCache: true, people: 1, probed: false }),
};

export const betterAuthLogins = (people: number): Contender => ({
  ...ROUTES,
  name: 'Better Auth (scrypt)',
  start: (stage, folder) => start(stage, folder, { cookieCache: false, people, probed: true }),
});

interface Wish {
  readonly cookieCache: boolean;
  readonly people: number;
  readonly probed: boolean;
}

const mailOf = ({ name }: Person): string => `${name}@twin.example`;

async function start({ children }: Stage, folder: string, { cookieCache, people, probed }: Wish): Promise<Server> {
  const port = await freePort();
  const loopFile = probed ? join(folder, 'loop.json') : undefined;
  const probe = loopFile === undefined ? { args: [], env: {} } : probing(loopFile);
  const env = {
    PORT: String(port),
    NODE_ENV: 'production',
    AUTH_SECRET: randomBytes(32).toString('base64url'),
    DATABASE: join(folder, 'auth.db'),
    COOKIE_CACHE: cookieCache ? 'on' : 'off',
    ...probe.env,
  };
  const args = [...probe.args, fileURLToPath(MODULE)];
  const launched = await launch(children, { command: process.execPath, args, env, folder, port });
  const stop = (): Promise<void> => children.stop(launched.child);
  try {
    const known = makePeople(people);
    const origin = { origin: `http://127.0.0.1:${port}` };
    const given = [];
    for (const person of known) given.push(await signUp(port, origin, person));
    const person = { ...origin, cookie: given[0] ?? '' };
    const logins = known.map((one) => JSON.stringify({ email: mailOf(one), password: one.password }));
    return { ...launched, port, helpers: [], person, machine: person, logins, loopFile, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** @returns the cookies of the session that it begins */
async function signUp(port: number, headers: Headers, person: Person): Promise<string> {
  const wish = { email: mailOf(person), password: person.password, name: person.name };
  const { cookies } = await post(port, '/api/auth/sign-up/email', headers, wish);
  return cookies.map((cookie) => cookie.split(';', 1)[0]).join('; ');
}

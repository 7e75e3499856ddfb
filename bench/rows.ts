import type { Contender, Headers, Server } from './contender.ts';
import { betterAuth, betterAuthCached, betterAuthLogins } from './contenders/better-auth-peer.ts';
import { nginx } from './contenders/nginx.ts';
import { bareNode, bareProxy, bareSeal, expressProxy, expressStack, expressUnlimited } from './contenders/peers.ts';
import {
  twinkeep,
  twinkeepForwardAuth,
  twinkeepGateway,
  twinkeepLogins,
  twinkeepWorkers,
} from './contenders/twinkeep.ts';
import type { LoadJob } from './load/job.ts';
import { microRows } from './micro-rows.ts';

/** A kind of request, put to each contender in its own words. */
export interface Request {
  readonly method: LoadJob['method'];
  readonly path: string;
  readonly headers: Headers;
  readonly body: LoadJob['body'];
  readonly status: number;
  /** What the answer has to say, so that readings which were not kept are not counted. */
  readonly says: string;
}

export interface Entrant {
  readonly label: string;
  readonly contender: Contender;
  readonly request: (server: Server, contender: Contender) => Request;
}

/** Servers under load. The first entrant is Twinkeep, to which the others are compared. */
export interface LoadRow {
  readonly kind: 'load';
  readonly id: string;
  readonly title: string;
  readonly connections: number;
  /** Readings, or fields, in one request; figures are per one of them where it is more than one. */
  readonly lines: number;
  readonly item?: 'reading' | 'field' | 'login';
  /** Whether `wrk` makes the load where there is one: requests/s are then the server's, not the generator's. */
  readonly byWrk?: boolean;
  /** Whether a body of many can be sent again and again, as long as time lasts. */
  readonly repeats?: boolean;
  readonly entrants: readonly Entrant[];
  /** The entrant that is the least such work can cost; all are compared to it too. */
  readonly floor?: string;
}

/** The same server with more and more threads under the cheapest load there is, compared to the first. */
export interface ScaleRow {
  readonly kind: 'scale';
  readonly id: string;
  readonly title: string;
  readonly connections: number;
  readonly entrants: readonly (Entrant & { readonly threads: number })[];
}

/** Small pieces of work, each alone in a process. */
export interface MicroRow {
  readonly kind: 'micro';
  readonly id: string;
  readonly title: string;
  readonly entrants: readonly { readonly label: string; readonly name: string }[];
}

/** Refreshes where many sessions are live, compared to where there are few; one process, PostgreSQL and Redis. */
export interface RefreshRow {
  readonly kind: 'refresh';
  readonly id: string;
  readonly title: string;
  /** Of the load that asks as soon as it is answered. */
  readonly connections: number;
  /** Refreshes a second that are due whether those before were answered or not. */
  readonly rates: readonly number[];
}

/** How soon a logout is known in each of several processes, and the sockets of its session are closed. */
export interface RevocationRow {
  readonly kind: 'revocation';
  readonly id: string;
  readonly title: string;
  readonly processes: number;
}

/** From the spawn to `/ready` on a folder that was in use before, and the memory of a server at rest. */
export interface StartRow {
  readonly kind: 'start';
  readonly id: string;
  readonly title: string;
  readonly entrants: readonly Contender[];
}

export type Row = LoadRow | ScaleRow | MicroRow | StartRow | RefreshRow | RevocationRow;

const BULK_LINES = 20_000;
const BATCH_FIELDS = 1_000;
const LOGINS_AT_ONCE = 50;

const NONE = { kind: 'none' } as const;
const JSON_TYPE = { 'content-type': 'application/json' };
const NDJSON_TYPE = { 'content-type': 'application/x-ndjson' };

const getMe =
  (as: 'person' | 'machine'): Entrant['request'] =>
  (server, { me }) => ({
    method: 'GET',
    path: me,
    headers: server[as],
    body: NONE,
    status: 200,
    says: '',
  });

/** For want of a session Better Auth answers 200 and `null`. */
const getSession: Entrant['request'] = (server, contender) => ({
  ...getMe('person')(server, contender),
  says: '"email":"person-0@twin.example"',
});

const signIn: Entrant['request'] = ({ person, logins = [] }, { login = '' }) => ({
  method: 'POST',
  path: login,
  headers: { ...JSON_TYPE, ...(person['origin'] === undefined ? {} : { origin: person['origin'] }) },
  body: { kind: 'texts', texts: [...logins] },
  status: 200,
  says: '"', // a token; what it is called differs
});

/** What the back end says is asked for, so that a proxy's own answer is none. */
const proxied = (method: Request['method'], as: 'person' | 'machine'): Entrant['request'] =>
  method === 'GET'
    ? (server, contender) => ({ ...getMe(as)(server, contender), says: '"username":"ada"' })
    : (server, { readings }) => ({
        method,
        path: readings,
        headers: { ...server[as], ...JSON_TYPE },
        body: { kind: 'reading' },
        status: 201,
        says: '"username":"ada"',
      });

const keptText = (kept: string | undefined, count: number): string => (kept === undefined ? '' : `"${kept}":${count}`);

const postReading: Entrant['request'] = (server, { readings, kept }) => ({
  method: 'POST',
  path: readings,
  headers: { ...server.machine, ...JSON_TYPE },
  body: { kind: 'reading' },
  status: 201,
  says: keptText(kept, 1),
});

const postMany: Entrant['request'] = (server, { bulk, kept }) => ({
  method: 'POST',
  path: bulk.path,
  headers: { ...server.machine, ...(bulk.format === 'ndjson' ? NDJSON_TYPE : JSON_TYPE) },
  body: { kind: bulk.format, lines: BULK_LINES },
  status: bulk.status,
  says: keptText(kept, BULK_LINES),
});

const sealBatch: Entrant['request'] = (server) => ({
  method: 'POST',
  path: '/v1/vault/seal/batch',
  headers: { ...server.machine, ...JSON_TYPE },
  body: { kind: 'fields', lines: BATCH_FIELDS },
  status: 200,
  says: '"failed":0',
});

const getRow = (connections: number): LoadRow => ({
  kind: 'load',
  id: `get-${connections}`,
  title: `Authenticated GET, ${connections} connections`,
  connections,
  lines: 1,
  byWrk: true,
  entrants: [
    { label: 'Twinkeep, session token', contender: twinkeep, request: getMe('person') },
    { label: 'Twinkeep, API key', contender: twinkeep, request: getMe('machine') },
    { label: bareNode.name, contender: bareNode, request: getMe('person') },
    { label: expressStack.name, contender: expressStack, request: getMe('person') },
    { label: expressUnlimited.name, contender: expressUnlimited, request: getMe('person') },
    ...against(getSession, betterAuth, betterAuthCached),
  ],
});

const against = (request: Entrant['request'], ...contenders: readonly Contender[]): readonly Entrant[] =>
  contenders.map((contender) => ({ label: contender.name, contender, request }));

const proxyRow = (id: string, title: string, method: Request['method']): LoadRow => ({
  kind: 'load',
  id,
  title,
  connections: 32,
  lines: 1,
  entrants: [
    { label: 'Twinkeep, session token', contender: twinkeepGateway, request: proxied(method, 'person') },
    ...(method === 'GET'
      ? [{ label: 'Twinkeep, API key', contender: twinkeepGateway, request: proxied(method, 'machine') }]
      : []),
    ...against(proxied(method, 'person'), bareProxy, expressProxy, nginx),
  ],
  floor: bareProxy.name,
});

/** What nginx, Caddy and Traefik send along, of a client at another address. */
const FORWARDED = {
  'x-forwarded-for': '198.51.100.7',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'twin.example',
  'x-forwarded-method': 'GET',
  'x-forwarded-uri': '/api/meters/7?from=2026-01-01',
};

const asked: Entrant['request'] = (server, contender) => {
  const request = getMe('person')(server, contender);
  return { ...request, headers: { ...request.headers, ...FORWARDED } };
};

/** `get-32` beside it in the same run: what an answer costs here, and what one of the native API does. */
const forwardAuthRow: LoadRow = {
  kind: 'load',
  id: 'forward-auth',
  title: 'Forward-auth answer, every check on, 32 connections',
  connections: 32,
  lines: 1,
  byWrk: true,
  entrants: [
    { label: 'Twinkeep, session token', contender: twinkeepForwardAuth, request: asked },
    { label: 'Twinkeep, GET of the native API', contender: twinkeep, request: getMe('person') },
    { label: bareNode.name, contender: bareNode, request: getMe('person') },
  ],
};

const workersRow: ScaleRow = {
  kind: 'scale',
  id: 'workers',
  title: 'Authenticated GET by one thread and by two, 64 connections',
  connections: 64, // enough that the system shares them out about evenly
  entrants: [1, 2].map((threads) => {
    const contender = twinkeepWorkers(threads);
    return { label: contender.name, contender, request: getMe('person'), threads };
  }),
};

const refreshRow: RefreshRow = {
  kind: 'refresh',
  id: 'refresh',
  title: 'Refresh, PostgreSQL and Redis: 8 connections that ask without a pause, and so many a second',
  connections: 8,
  rates: [100, 200, 400],
};

const revocationRow: RevocationRow = {
  kind: 'revocation',
  id: 'revocation',
  title: 'From sending a logout until it is known everywhere, 3 processes on PostgreSQL and Redis',
  processes: 3,
};

export const rows: readonly Row[] = [
  getRow(4),
  getRow(32),
  {
    kind: 'load',
    id: 'post',
    title: 'POST of one reading, durable, 32 connections',
    connections: 32,
    lines: 1,
    entrants: against(postReading, twinkeep, bareNode, expressStack, expressUnlimited),
  },
  {
    kind: 'load',
    id: 'bulk',
    title: 'Bulk import, bodies of 20,000 readings, 1 connection',
    connections: 1,
    lines: BULK_LINES,
    entrants: against(postMany, twinkeep, expressStack),
  },
  {
    kind: 'load',
    id: 'vault-batch',
    title: 'Seal 1,000 texts of 64 bytes in one request, 1 connection',
    connections: 1,
    lines: BATCH_FIELDS,
    item: 'field',
    repeats: true,
    entrants: against(sealBatch, twinkeep, bareSeal),
    floor: bareSeal.name,
  },
  {
    kind: 'load',
    id: 'logins',
    title: `Sign-in with a password, ${LOGINS_AT_ONCE} people at once, and how late the event loop is meanwhile`,
    connections: LOGINS_AT_ONCE,
    lines: 1,
    item: 'login',
    entrants: against(signIn, twinkeepLogins(LOGINS_AT_ONCE), betterAuthLogins(LOGINS_AT_ONCE)),
  },
  refreshRow,
  revocationRow,
  proxyRow('proxy', 'Proxied GET, every check on, 32 connections', 'GET'),
  proxyRow('proxy-post', 'Proxied POST, every check on, recorded before and after, 32 connections', 'POST'),
  forwardAuthRow,
  workersRow,
  ...microRows,
  {
    kind: 'start',
    id: 'start',
    title: 'Start on an initialised folder, and memory at rest',
    entrants: [twinkeep, bareNode, expressStack],
  },
];

import { z } from 'zod';

/** One operation of the server as its own OpenAPI document tells it. */
export interface Operation {
  readonly method: string;
  /** `{name}` for a parameter, `*` for what a proxied route takes. */
  readonly path: string;
  readonly query: readonly string[];
  /** The members of a body that would be taken, and a value for each; `undefined` where it takes none. */
  readonly body: Readonly<Record<string, unknown>> | undefined;
}

const schema = z.looseObject({
  type: z.string().optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  required: z.array(z.string()).optional(),
  oneOf: z.array(z.unknown()).optional(),
});
const operation = z.looseObject({
  parameters: z.array(z.looseObject({ name: z.string(), in: z.string() })).optional(),
  requestBody: z
    .looseObject({ content: z.record(z.string(), z.looseObject({ schema: schema.optional() })) })
    .optional(),
});
const document = z.looseObject({ paths: z.record(z.string(), z.record(z.string(), operation)) });

/** Values that are taken, by the names of their members. */
const GOOD: Readonly<Record<string, unknown>> = {
  username: 'nobody',
  password: 'a password of some length',
  roles: ['viewer'],
  disabled: false,
  id: 'fuzzed',
  name: 'Fuzzed',
  scopes: ['read:meter_data'],
  expires_in: 3_600,
  keys: {},
  meter_id: 'METER-1',
  timestamp: '2026-11-01T00:00:00Z',
  energy_consumption: 12.5,
  power_factor: 0.9,
  location: 'Hall 1',
  address: '203.0.113.77',
  reason: 'fuzzed',
  minutes: 5,
  url: 'https://hooks.example.com/x',
  events: ['fuzzed.never'],
  refresh_token: `tkr_${'A'.repeat(43)}`,
  since: '2026-11-01T00:00:00Z',
  email: 'nobody@example.org',
  table: 'users',
  column: 'email',
  row: '17',
  text: 'Hall 1',
  sealed: 'tk1.v_20200101_000000_0000.AAAA',
  normalise: 'fold',
  prefix: 3,
  algorithm: 'fernet',
  key: Buffer.alloc(32, 7).toString('base64url'),
  external_rewrapped: true,
  tenant: 'main',
  threshold: 2,
  count: 3,
  for_ms: 5,
  urgent: true,
};

/** Where a member means another thing than elsewhere. */
const GOOD_THERE: readonly (readonly [RegExp, Readonly<Record<string, unknown>>])[] = [
  [/^\/v1\/vault\/keys/, { reason: 'manual' }],
  [/^\/v1\/vault\/seal\/batch/, { items: [{ ...placed(), text: GOOD['text'] }] }],
  [/^\/v1\/vault\/(open|rewrap)\/batch/, { items: [{ ...placed(), sealed: GOOD['sealed'] }] }],
];

function placed(): Readonly<Record<string, unknown>> {
  const { table, column, row } = GOOD;
  return { table, column, row };
}

/** Of an object that takes any member, those that its route reads. */
const READING = ['meter_id', 'timestamp', 'energy_consumption', 'power_factor', 'location'];

/** @param text `/openapi.json` */
export function operationsOf(text: string): readonly Operation[] {
  const { paths } = document.parse(JSON.parse(text));
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [], requestBody }]) => ({
      method: method.toUpperCase(),
      path,
      query: parameters.filter((one) => one.in === 'query').map(({ name }) => name),
      body: method === 'get' ? undefined : bodyOf(requestBody?.content['application/json']?.schema, path),
    })),
  );
}

function bodyOf(given: z.output<typeof schema> | undefined, path: string): Operation['body'] {
  const proxied = path.includes('*');
  if (given === undefined) return proxied ? { any: 'thing' } : undefined;
  const one = given.oneOf === undefined ? given : schema.parse(given.oneOf[0]);
  const { properties } = one;
  const names = properties === undefined ? READING : Object.keys(properties);
  const there = GOOD_THERE.find(([where]) => where.test(path))?.[1] ?? {};
  return Object.fromEntries(names.map((name) => [name, there[name] ?? GOOD[name] ?? 'fuzzed']));
}

/** What nobody but the operator may, through a door of his own. */
export const isOperators = ({ method, path }: Operation): boolean =>
  /^\/v1\/(tenants|blocks|config|token-keys|backups|vault\/master|vault\/keys\/rotate-all)/.test(path) ||
  /^\/v1\/vault\/.*\/(all|destroy)$/.test(path) ||
  (path === '/v1/vault/rewrap' && method === 'POST');

/** One at a time, for as long as a lease lasts: by the clock of the fuzzer that is no time at all. */
export const isLeased = ({ method, path }: Operation): boolean => method === 'POST' && path.startsWith('/v1/backups');

/** What a key does, for no role has the permission. */
export const isSealing = ({ path }: Operation): boolean => /^\/v1\/vault\/(seal|open|index|rewrap\/batch)/.test(path);

/** Whoever asks for this has a password hashed, which takes a tenth of a second and not ten thousand times. */
export const hashes = ({ path, method }: Operation): boolean =>
  (method === 'POST' && /\/(login|users|register|password|password\/reset|password\/check|step-up)$/.test(path)) ||
  (method === 'PATCH' && path.startsWith('/v1/users'));

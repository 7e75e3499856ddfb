import { gzipSync } from 'node:zlib';
import { BOUNDARY, formOf, partsOf, xmlOf } from './fuzz-bodies.ts';
import type { Shot } from './fuzz-client.ts';
import { hashes, type Operation } from './fuzz-surface.ts';

/** A string and the credential lines of somebody who may do everything. */
export interface Placing {
  readonly naughty: string;
  readonly operations: readonly Operation[];
  readonly credential: string;
  /** Its number: what no route has to do with by itself is tried with each string at some of the routes, and each time at others. */
  readonly turn: number;
  /** Of so many routes one gets the string: another one at each turn, so that each gets its share of all strings. */
  readonly oneOf: number;
}

/** Of so many routes one gets each string in the places that are refused before any route is asked. */
const TURNS = 4;

const HEADERS = [
  ...[
    'X-API-Key',
    'Authorization',
    'Cookie',
    'Twinkeep-Tenant',
    'X-Forwarded-For',
    'X-Forwarded-Proto',
    'Forwarded',
    'Origin',
  ],
  ...[
    'User-Agent',
    'Accept',
    'Content-Encoding',
    'Content-Type',
    'Sec-WebSocket-Protocol',
    'Range',
    'X-Request-Id',
    'X-Any',
  ],
];
const SOCKET =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

/** All methods of a proxied route go one way. */
const isAnother = ({ method, path }: Operation): boolean =>
  !path.includes('*') || method === 'GET' || method === 'POST';

const isHandedOn = ({ method, path }: Operation): boolean => method === 'POST' && path.endsWith('*');

/** One string in every place that a request has: each is a request of its own. */
export function* placesOf({ naughty, operations, credential, turn, oneOf }: Placing): Generator<Shot> {
  for (const [at, operation] of operations.filter(isAnother).entries()) {
    if ((at + turn) % oneOf !== 0) continue;
    yield* inPath(operation, naughty, credential);
    yield* inQuery(operation, naughty, credential);
    if (operation.body !== undefined) yield* inFields(operation, operation.body, naughty, credential);
    if (Math.floor((at + turn) / oneOf) % TURNS === 0) yield* inForm(operation, naughty, credential);
  }
  yield* inOtherTypes(operations.find(isHandedOn), naughty, credential);
  yield* inHeaders(naughty, credential);
}

/** The shots of each string in turn. */
export function* eachOf(
  naughty: readonly string[],
  shots: (one: string, turn: number) => Iterable<Shot>,
): Generator<Shot> {
  for (const [turn, one] of naughty.entries()) yield* shots(one, turn);
}

/** Somebody of that name and password asks to be let in, which costs a hash. */
export function* signInsOf(naughty: string): Generator<Shot> {
  const body = JSON.stringify({ username: naughty, password: naughty });
  for (const path of ['/v1/login', '/api/v1/auth/login']) yield shot('POST', path, '', body, `sign-in at ${path}`);
}

function shot(
  method: string,
  target: string,
  lines: string,
  body: string | undefined,
  name: string,
  alone = false,
): Shot {
  const framing =
    body === undefined ? '' : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
  const bytes = Buffer.from(`${method} ${target} HTTP/1.1\r\nHost: twin.test\r\n${lines}${framing}\r\n${body ?? ''}`);
  return { name, bytes, method, alone };
}

const encoded = (naughty: string): string => encodeURIComponent(naughty.toWellFormed());
const plainPath = (path: string): string => path.replaceAll(/\{\w+\}|\*/g, 'x');

function* inPath({ method, path, body }: Operation, naughty: string, credential: string): Generator<Shot> {
  if (!/[{*]/.test(path)) return;
  const text = body === undefined ? undefined : JSON.stringify(body);
  yield shot(
    method,
    path.replaceAll(/\{\w+\}|\*/g, () => encoded(naughty)),
    credential,
    text,
    `path of ${method} ${path}`,
  );
  if (method !== 'GET') return;
  const raw = path.replace(/\{\w+\}|\*/, () => naughty);
  yield shot(method, raw, credential, text, `raw path of ${method} ${path}`, /[\r\n]/.test(raw));
}

function* inQuery({ method, path, query }: Operation, naughty: string, credential: string): Generator<Shot> {
  if (method !== 'GET') return;
  for (const name of query)
    yield shot(
      method,
      `${plainPath(path)}?${name}=${encoded(naughty)}`,
      credential,
      undefined,
      `query ${name} of ${path}`,
    );
}

function* inFields(
  operation: Operation,
  body: NonNullable<Operation['body']>,
  naughty: string,
  credential: string,
): Generator<Shot> {
  const { method, path } = operation;
  const target = plainPath(path);
  const spoilt = hashes(operation) ? { ...body, username: '', password: '', roles: [''] } : body; // parsed, and not hashed
  for (const name of Object.keys(body)) {
    const text = JSON.stringify({ ...spoilt, [name]: naughty });
    yield shot(method, target, credential, text, `${name} in the body of ${method} ${path}`);
  }
}

/** Where no route reads: names that none has, and bodies that are no object. */
function* inForm({ method, path, body }: Operation, naughty: string, credential: string): Generator<Shot> {
  const target = plainPath(path);
  const query = `${target}?${encoded(naughty)}=1`;
  if (method === 'GET') yield shot(method, query, credential, undefined, `query name of ${path}`);
  if (body === undefined) return;
  for (const [text, name] of [
    [JSON.stringify({ ...body, [naughty]: naughty }), 'a key'],
    [JSON.stringify(naughty), 'a string'],
    [naughty, 'text'],
  ] as const) {
    yield shot(method, target, credential, text, `${name} in the body of ${method} ${path}`);
  }
}

/** Bodies of other types than our own routes take, for whatever is handed on. */
function* inOtherTypes(operation: Operation | undefined, naughty: string, credential: string): Generator<Shot> {
  if (operation === undefined) return;
  const target = plainPath(operation.path);
  const all = [[naughty, naughty]] as const;
  const form = 'application/x-www-form-urlencoded';
  const parts = `multipart/form-data; boundary=${BOUNDARY}`;
  const bodies: readonly (readonly [name: string, type: string, body: string | Buffer])[] = [
    ['a form', form, formOf(all)],
    ['a raw form', form, `${naughty}=${naughty}`],
    ['parts', parts, partsOf(all, naughty)],
    ['a boundary', `multipart/form-data; boundary="${naughty}"`, `--${naughty}\r\n\r\n${naughty}\r\n--${naughty}--`],
    ['an element', 'application/xml', xmlOf(all)],
    ['text', 'text/plain; charset=utf-8', naughty],
    ['lines', 'application/x-ndjson', `${JSON.stringify({ [naughty]: naughty })}\n`],
    [
      'compressed JSON',
      'application/json\r\nContent-Encoding: gzip',
      gzipSync(JSON.stringify({ [naughty]: [naughty] })),
    ],
  ];
  for (const [name, type, body] of bodies) {
    const head = `POST ${target} HTTP/1.1\r\nHost: twin.test\r\n${credential}Content-Type: ${type}\r\n`;
    const bytes = Buffer.concat([
      Buffer.from(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n`),
      Buffer.from(body),
    ]);
    yield {
      name: `${name} to ${operation.path}`,
      bytes,
      method: 'POST',
      alone: name === 'a boundary' && /[\r\n]/.test(naughty),
    };
  }
}

function* inHeaders(naughty: string, credential: string): Generator<Shot> {
  for (const path of ['/v1/me', '/twin/x']) {
    for (const name of HEADERS) {
      const own = /^(X-API-Key|Authorization)$/.test(name) ? '' : credential;
      yield shot(
        'GET',
        path,
        `${own}${name}: ${naughty}\r\n`,
        undefined,
        `header ${name} of ${path}`,
        /[\r\n]/.test(naughty),
      );
    }
    yield shot('GET', path, `Authorization: Bearer ${naughty}\r\n`, undefined, `token of ${path}`);
    for (const line of [`tk_device=${naughty}`, `${naughty}=1`])
      yield shot('GET', path, `${credential}Cookie: ${line}\r\n`, undefined, `cookie of ${path}`);
    yield shot(
      'GET',
      path,
      `${SOCKET}Sec-WebSocket-Protocol: twinkeep, twinkeep.bearer.${naughty}\r\n`,
      undefined,
      `socket of ${path}`,
    );
  }
}

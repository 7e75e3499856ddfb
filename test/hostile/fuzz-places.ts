import type { Shot } from './fuzz-client.ts';
import { hashes, type Operation } from './fuzz-surface.ts';

/** A string and the credential lines of somebody who may do everything. */
export interface Placing {
  readonly naughty: string;
  readonly operations: readonly Operation[];
  readonly credential: string;
}

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

/** One string in every place that a request has: each is a request of its own. */
export function* placesOf({ naughty, operations, credential }: Placing): Generator<Shot> {
  for (const operation of operations.filter(isAnother)) {
    yield* inPath(operation, naughty, credential);
    yield* inQuery(operation, naughty, credential);
    if (operation.body !== undefined) yield* inBody(operation, operation.body, naughty, credential);
  }
  yield* inHeaders(naughty, credential);
}

/** The shots of each string in turn. */
export function* eachOf(naughty: readonly string[], shots: (one: string) => Iterable<Shot>): Generator<Shot> {
  for (const one of naughty) yield* shots(one);
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
  const own = plainPath(path);
  yield shot(method, `${own}?${encoded(naughty)}=1`, credential, undefined, `query name of ${path}`);
  for (const name of query)
    yield shot(method, `${own}?${name}=${encoded(naughty)}`, credential, undefined, `query ${name} of ${path}`);
}

function* inBody(
  operation: Operation,
  body: NonNullable<Operation['body']>,
  naughty: string,
  credential: string,
): Generator<Shot> {
  const { method, path } = operation;
  const target = plainPath(path);
  const spoilt = hashes(operation) ? { ...body, username: '', password: '', roles: [''] } : body; // parsed, and not hashed
  const send = (value: unknown, name: string): Shot =>
    shot(method, target, credential, JSON.stringify(value), `${name} in the body of ${method} ${path}`);
  for (const name of Object.keys(body)) yield send({ ...spoilt, [name]: naughty }, name);
  yield send({ ...spoilt, [naughty]: naughty }, 'a key');
  yield send(naughty, 'a string');
  yield shot(method, target, credential, naughty, `the body of ${method} ${path}`);
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
    yield shot('GET', path, `${credential}Cookie: tk_device=${naughty}\r\n`, undefined, `cookie of ${path}`);
    yield shot(
      'GET',
      path,
      `${SOCKET}Sec-WebSocket-Protocol: twinkeep, twinkeep.bearer.${naughty}\r\n`,
      undefined,
      `socket of ${path}`,
    );
  }
}

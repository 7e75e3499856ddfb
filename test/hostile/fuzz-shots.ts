import type { Dice } from '../faults/dice.ts';
import { dressBody } from './fuzz-bodies.ts';
import type { Shot } from './fuzz-client.ts';
import { hashes, type Operation } from './fuzz-surface.ts';

export interface Ammunition {
  readonly operations: readonly Operation[];
  readonly naughty: readonly string[];
  /** Whole header lines with a good or a bad credential. */
  readonly credentials: readonly string[];
  /** Ids of things that are there. */
  readonly ids: readonly string[];
}

interface Draft {
  method: string;
  target: string;
  readonly head: string[];
  body: Buffer | undefined;
  alone: boolean;
}

const HOST = 'Host: twin.test';
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY', 'PURGE'];
const TYPES = [
  'text/plain',
  'application/x-ndjson',
  'application/json; charset=utf-16',
  'multipart/form-data',
  '',
  'a/b;c="',
  '*/*',
];
const NAMES = [
  ...[
    'X-API-Key',
    'Authorization',
    'Cookie',
    'Origin',
    'Twinkeep-Tenant',
    'X-Forwarded-For',
    'X-Forwarded-Proto',
    'Accept',
  ],
  ...[
    'Content-Encoding',
    'Content-Type',
    'User-Agent',
    'Range',
    'If-None-Match',
    'Sec-WebSocket-Protocol',
    'Forwarded',
    'Referer',
  ],
  ...[
    'Access-Control-Request-Method',
    'Connection',
    'TE',
    'Via',
    'X-Request-Id',
    'Twinkeep-Assertion',
    'Date',
    'Max-Forwards',
  ],
];
const VALUES = [
  null,
  true,
  0,
  -1,
  1e308,
  2 ** 60,
  '',
  '\0',
  '\ud800',
  [],
  {},
  [[[[]]]],
  { a: { b: [null] } },
  'x'.repeat(5_000),
];
const BYTES = [
  '\0',
  '\r',
  '\n',
  '\r\n',
  '"',
  '\\',
  '{',
  '[',
  ']',
  '}',
  ',',
  ':',
  '\xff',
  '%',
  '%00',
  '%ff',
  ';',
  '/',
  '?',
  '#',
  '&',
  '=',
  ' ',
];

/** A request of the surface, spoilt in up to three places; the same dice throw the same one. */
export function throwShot(dice: Dice, ammunition: Ammunition): Shot {
  const operation = dice.pick(ammunition.operations);
  const body = bodyOf(dice, operation, ammunition.naughty);
  const draft: Draft = {
    method: operation.method,
    target: targetOf(dice, operation, ammunition),
    head: [HOST, ...linesOf(dice, ammunition)],
    body: body === undefined ? undefined : Buffer.from(body),
    alone: false,
  };
  if (draft.body !== undefined) dress(draft, dice, operation, ammunition.naughty);
  // Whoever would have a password hashed is always spoilt, so that the schema refuses nearly all of them.
  const spoils = hashes(operation) && !dice.chance(0.02) ? 3 : dice.between(0, 3);
  for (let each = 0; each < spoils; each++) dice.pick(SPOILERS)(draft, dice, ammunition);
  if (hashes(operation) && spoils === 3 && draft.body !== undefined) draft.body = draft.body.subarray(0, -1);
  return wired(draft, dice, `${operation.method} ${operation.path}`);
}

/** Other types than JSON are for those that hand bodies on; the rest refuses them before it looks any further. */
function dress(draft: Draft, dice: Dice, { path }: Operation, naughty: readonly string[]): void {
  if (draft.body === undefined || !dice.chance(path.includes('*') ? 0.8 : 0.05)) {
    draft.head.push('Content-Type: application/json');
    return;
  }
  const { lines, body } = dressBody(dice, draft.body, naughty);
  draft.head.push(...lines);
  draft.body = body;
}

function targetOf(dice: Dice, { path, query }: Operation, { ids, naughty }: Ammunition): string {
  const part = (): string =>
    dice.chance(0.6) ? dice.pick(ids) : encodeURIComponent(dice.pick(naughty).toWellFormed());
  const asked = query
    .filter(() => dice.chance(0.4))
    .map((name) => `${name}=${dice.chance(0.5) ? dice.between(0, 99) : part()}`);
  return path.replaceAll(/\{\w+\}|\*/g, part) + (asked.length === 0 ? '' : `?${asked.join('&')}`);
}

function linesOf(dice: Dice, { credentials }: Ammunition): string[] {
  const from = `X-Forwarded-For: 10.0.${dice.between(0, 3)}.${dice.between(1, 254)}`;
  return [from, ...(dice.chance(0.9) ? [dice.pick(credentials)] : [])];
}

function bodyOf(dice: Dice, { body }: Operation, naughty: readonly string[]): string | undefined {
  if (body === undefined) return dice.chance(0.05) ? '{}' : undefined;
  const members = Object.entries(body).map(([name, good]): [string, unknown] => {
    const kind = dice.between(0, 9);
    if (kind > 2)
      return [name, name === 'timestamp' ? new Date(1.7e12 + dice.between(0, 1e9) * 1_000).toISOString() : good];
    return [name, kind === 0 ? dice.pick(naughty) : kind === 1 ? dice.pick(VALUES) : undefined];
  });
  if (dice.chance(0.05)) members.push([dice.pick(naughty), dice.pick(naughty)]);
  return JSON.stringify(Object.fromEntries(members));
}

type Spoiler = (draft: Draft, dice: Dice, ammunition: Ammunition) => void;

const SPOILERS: readonly Spoiler[] = [
  (draft, dice) => {
    draft.method = dice.pick(METHODS);
  },
  (draft, dice) => {
    const at = dice.between(0, draft.target.length);
    draft.target = draft.target.slice(0, at) + dice.pick(BYTES) + draft.target.slice(at + dice.between(0, 2));
  },
  (draft, dice, { naughty }) => {
    draft.target += `${draft.target.includes('?') ? '&' : '?'}${encodeURIComponent(dice.pick(naughty))}=${encodeURIComponent(dice.pick(naughty))}`;
  },
  (draft, dice, { naughty }) => void draft.head.push(`${dice.pick(NAMES)}: ${dice.pick(naughty)}`),
  (draft, dice, { naughty }) =>
    void draft.head.push(`Cookie: tk_device=${dice.pick(naughty)}; ${dice.pick(naughty)}=1`),
  (draft, dice) => void draft.head.push(`Content-Type: ${dice.pick(TYPES)}`),
  (draft, dice) => {
    const at = dice.between(0, draft.head.length - 1);
    const line = draft.head[at] ?? '';
    const place = dice.between(0, line.length);
    draft.head[at] = line.slice(0, place) + dice.pick(BYTES) + line.slice(place + dice.between(0, 3));
  },
  (draft, dice) => {
    if (draft.body === undefined || draft.body.length === 0) return;
    const at = dice.between(0, draft.body.length);
    const spice = Buffer.from(dice.pick(BYTES), 'latin1');
    draft.body = Buffer.concat([draft.body.subarray(0, at), spice, draft.body.subarray(at + dice.between(0, 4))]);
  },
  (draft, dice) => {
    if (draft.body !== undefined) draft.body = draft.body.subarray(0, dice.between(0, draft.body.length));
  },
  (draft, dice) => {
    draft.body = Buffer.from(`${'['.repeat(dice.between(1, 5_000))}${dice.next()}`);
  },
  (draft, dice) => {
    draft.body = Buffer.from(Array.from({ length: dice.between(0, 400) }, () => dice.between(0, 255)));
  },
  (draft) => {
    draft.head.push(
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    );
  },
  (draft, dice) => {
    draft.alone = dice.chance(0.3);
  },
];

const CHUNK_ENDS = ['\r\n', '\r\n', '\r\n', '\n', ';x\r\n', ' \r\n', ''];

function wired({ method, target, head, body, alone }: Draft, dice: Dice, name: string): Shot {
  const broken =
    alone ||
    /[\r\n\0]/.test(target + head.join('')) ||
    head.some((line) => /^(content-length|transfer-|expect|hos)/i.test(line) && line !== HOST);
  const lines = [`${method} ${target} HTTP/1.${dice.chance(0.03) ? 0 : 1}`, ...head];
  const parts: Buffer[] = [];
  if (body === undefined) lines.push(...(alone ? [`Content-Length: ${dice.between(-1, 99)}`] : []));
  else if (dice.chance(0.2)) {
    lines.push('Transfer-Encoding: chunked');
    for (let at = 0; at < body.length; at += 100) {
      const piece = body.subarray(at, at + 100);
      const end = alone ? dice.pick(CHUNK_ENDS) : '\r\n';
      parts.push(Buffer.from(piece.length.toString(16) + end), piece, Buffer.from('\r\n'));
    }
    parts.push(Buffer.from('0\r\n\r\n'));
  } else {
    lines.push(`Content-Length: ${body.length + (alone ? dice.between(-3, 30) : 0)}`);
    parts.push(body);
  }
  const bytes = Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), ...parts]);
  return { name, bytes, method, alone: broken };
}

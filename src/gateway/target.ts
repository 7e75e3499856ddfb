import { gatewayFault } from './errors.ts';

const MAX_TARGET = 8_192;

/** What a path may hold as it is: RFC 3986 `pchar` without `;`, and `[ ] |`, which browsers leave alone. */
const PLAIN = /^\/[A-Za-z0-9\-._~!$&'()*+,=:@%/[\]|]*$/;
const QUERY = /^[\x21\x22\x24-\x7e]*$/;
const DOTS = /\/\.{1,2}(?:\/|$)/;
/** `%` before anything but two hex digits. */
const BROKEN = /%(?![0-9A-Fa-f]{2})/;
/** Encoded separators, dots, controls and `%` itself before two hex digits: some servers decode twice. */
const DANGEROUS = /%(?:2[fFeE]|5[cC]|[01][0-9A-Fa-f]|7[fF]|25[0-9A-Fa-f]{2})/;
/** Encoded letters, digits, `-`, `_`, `~`: the same path to a server, another one to a policy. */
const NEEDLESS = /%(?:4[1-9A-Fa-f]|5[0-9Aa]|6[1-9A-Fa-f]|7[0-9Aa]|3[0-9]|2[dD]|5[fF]|7[eE])/;

/**
 * Refuses a target that a router and a back end could read differently: it is handed on byte for byte, so what the
 * policy was asked about must be what the back end will find.
 *
 * @throws GATEWAY_TARGET with what is wrong and at which character
 * @see RFC 3986 §6.2.2 (normalisation that we refuse to do), CWE-436
 */
export function assertPlainTarget(target: string): void {
  if (target.length > MAX_TARGET) throw refusal('it is too long', MAX_TARGET);
  const query = target.indexOf('?');
  const path = query === -1 ? target : target.slice(0, query);
  if (query !== -1 && !QUERY.test(target.slice(query))) throw refusal('the query holds a raw character', query);
  if (!PLAIN.test(path)) throw refusal('the path holds what must be encoded, or is none', placeOfRaw(path));
  assert(path, '//', 'two slashes follow each other');
  const dots = path.search(DOTS);
  if (dots !== -1) throw refusal('a segment of dots', dots);
  if (path.includes('%')) assertPlainEncoding(path);
}

function assert(path: string, part: string, reason: string): void {
  const at = path.indexOf(part);
  if (at !== -1) throw refusal(reason, at);
}

function assertPlainEncoding(path: string): void {
  for (const [form, reason] of [
    [BROKEN, 'a broken percent sequence'],
    [DANGEROUS, 'a separator, dot, control or percent sign that is encoded'],
    [NEEDLESS, 'a character that needs no encoding is encoded'],
  ] as const) {
    const at = path.search(form);
    if (at !== -1) throw refusal(reason, at);
  }
  try {
    decodeURIComponent(path);
  } catch {
    throw refusal('what is encoded is no UTF-8', path.indexOf('%')); // overlong forms of `/` and `.` among it
  }
}

function placeOfRaw(path: string): number {
  for (let length = 1; length <= path.length; length++) if (!PLAIN.test(path.slice(0, length))) return length - 1;
  return 0;
}

const refusal = (reason: string, position: number) => gatewayFault('GATEWAY_TARGET', { reason, position });

/** A route as far as telling it from another needs. */
export interface Pattern {
  readonly path: string;
  /** Routes with the same policy may be taken for each other. */
  readonly policy: string;
}

/**
 * Refuses a path that our router gave to one route while a back end that ignores case or a last slash would take it
 * for another route with another policy: `/api/ADMIN/x` under `/api/*` beside `/api/admin/*`.
 *
 * @returns a check of the path of one route @throws GATEWAY_TARGET
 */
export function createTwinCheck(own: Pattern, all: readonly Pattern[]): (target: string) => void {
  const others = [
    ...new Set(all.filter((other) => other.policy !== own.policy && other.path !== own.path).map(pathOf)),
  ];
  if (!/[:*]/.test(own.path)) return () => undefined;
  const mine = new RegExp(`^${patternOf(own.path)}$`);
  const strict = others.map((path) => new RegExp(`^${patternOf(path)}$`));
  const loose = others.map((path) => new RegExp(`^${looseOf(path)}$`, 'i'));
  const any = new RegExp(loose.map(({ source }) => source).join('|'), 'i');
  return (target) => {
    const query = target.indexOf('?');
    const raw = query === -1 ? target : target.slice(0, query);
    if (!mine.test(raw)) throw refusal('a part of it is empty', raw.length); // our router takes `/meters/` for `/meters/:id`
    if (others.length === 0) return;
    const path = raw.includes('%') ? decodeURIComponent(raw) : raw;
    if (!any.test(path)) return;
    const confused = loose.some((form, at) => form.test(path) && strict[at]?.test(raw) !== true);
    if (confused) throw refusal('another address in another spelling', 0);
  };
}

/** `/api/admin` is to many back ends what `/api/admin/` is, which `/api/admin/*` takes in. */
const looseOf = (path: string): string =>
  path.endsWith('/*') ? `${patternOf(path.slice(0, -2))}(?:/.*)?` : `${patternOf(path).replace(/\/$/, '')}/?`;

const pathOf = ({ path }: Pattern): string => path;

function patternOf(path: string): string {
  return path
    .replace(/[.+$()[\]|!=,@~-]/g, '\\$&')
    .replace(/:[A-Za-z][A-Za-z0-9_]*/g, '[^/]+')
    .replace(/\*$/, '.*');
}

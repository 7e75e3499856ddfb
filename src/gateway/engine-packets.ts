import { z } from 'zod';

/** A CONNECT packet of Socket.IO: who wants into which namespace. */
export interface Connect {
  /** `/` unless told. */
  readonly namespace: string;
  /** Undefined where none stands in it. */
  readonly token: string | undefined;
  /** The packet as the back end may see it. */
  readonly packet: string;
}

/** What a client sent before it is known. */
export type Connects =
  | { readonly kind: 'connects'; readonly connects: readonly [Connect, ...Connect[]] }
  | { readonly kind: 'bad'; readonly reason: string };

/** What a client may send in one go, as we tell it. */
export const MAX_PAYLOAD_BYTES = 1_000_000;

const SEPARATOR = '\x1e';
const CONNECT = '40';
/** Namespaces that one payload may ask for. */
const MOST_CONNECTS = 16;
const MOST_TOKEN = 8_192;
const NAMESPACE = /^\/[\x21-\x2b\x2d-\x7e]{0,127}$/;

/** The two forms that the old clients send: `auth: { token }` as an option, and wrapped once more. */
const auth = z.record(z.string(), z.unknown());
const token = z.string().min(1).max(MOST_TOKEN);

/**
 * The payload of a client that nobody knows yet: CONNECT packets alone, the first with a token. Whatever else stands in
 * it spoils the whole: an event behind a CONNECT would be one that came before its answer.
 *
 * @param strip takes the token out of what is handed on
 * @see https://socket.io/docs/v4/engine-io-protocol/ (v4), https://socket.io/docs/v4/socket-io-protocol/ (v5)
 */
export function readConnects(payload: string, strip: boolean): Connects {
  const packets = payload.split(SEPARATOR, MOST_CONNECTS + 1);
  if (packets.length > MOST_CONNECTS) return bad('too many packets');
  const connects: Connect[] = [];
  for (const packet of packets) {
    const connect = readConnect(packet, strip);
    if (typeof connect === 'string') return bad(connect);
    connects.push(connect);
  }
  const [first, ...others] = connects;
  return first === undefined ? bad('nothing was sent') : { kind: 'connects', connects: [first, ...others] };
}

const bad = (reason: string): Connects => ({ kind: 'bad', reason });

function readConnect(packet: string, strip: boolean): Connect | string {
  if (!packet.startsWith(CONNECT)) return 'a packet other than CONNECT came first';
  const content = packet.slice(CONNECT.length);
  const comma = content.startsWith('/') ? content.indexOf(',') : -1;
  const end = content.startsWith('/') ? (comma === -1 ? content.length : comma) : 0;
  const namespace = end === 0 ? '/' : content.slice(0, end);
  if (!NAMESPACE.test(namespace)) return 'the namespace is not valid';
  const rest = content.slice(comma === -1 ? end : end + 1);
  const head = namespace === '/' ? CONNECT : `${CONNECT}${namespace},`;
  if (rest === '') return { namespace, token: undefined, packet: head };
  const given = auth.safeParse(jsonOf(rest));
  if (!given.success || Array.isArray(given.data)) return 'what comes with CONNECT is no object';
  return { namespace, token: tokenOf(given.data), packet: `${head}${strip ? JSON.stringify(bare(given.data)) : rest}` };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function tokenOf(given: Readonly<Record<string, unknown>>): string | undefined {
  const inner = auth.safeParse(given['auth']);
  const found = token.safeParse(given['token'] ?? (inner.success ? inner.data['token'] : undefined));
  return found.success ? found.data.replace(/^Bearer +/i, '') : undefined;
}

/** The same without the token. */
function bare({ token: _, ...others }: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const inner = auth.safeParse(others['auth']);
  if (!inner.success) return others;
  const { token: __, ...rest } = inner.data;
  return { ...others, auth: rest };
}

/** How a refusal of CONNECT is told, which the clients hand to `connect_error`. */
export function connectError(namespace: string, message: string, code: string): string {
  return `44${namespace === '/' ? '' : `${namespace},`}${JSON.stringify({ message, data: { code } })}`;
}

export const payloadOf = (packets: readonly string[]): string => packets.join(SEPARATOR);

/** What a server says first. */
export interface EngineOpen {
  readonly sid: string;
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
}

const open = z.looseObject({
  sid: z.string().regex(/^[A-Za-z0-9_-]{1,128}$/),
  pingInterval: z.int().min(100).max(3_600_000).default(25_000),
  pingTimeout: z.int().min(100).max(3_600_000).default(20_000),
});

/** The open packet at the start of an answer, of version 4, or of version 3 with the length before it. */
export function readOpen(text: string): EngineOpen | undefined {
  const packet = /^(?:\d{1,5}:)?0(\{[^{}]*\})/.exec(text)?.[1];
  const parsed = open.safeParse(packet === undefined ? undefined : jsonOf(packet));
  if (!parsed.success) return undefined;
  const { sid, pingInterval, pingTimeout } = parsed.data;
  return { sid, pingIntervalMs: pingInterval, pingTimeoutMs: pingTimeout };
}

/** Our own, for a client of whom the back end has not heard yet. */
export const openPacket = (
  { sid, pingIntervalMs, pingTimeoutMs }: EngineOpen,
  upgrades: readonly string[],
  maxPayload: number,
): string =>
  `0${JSON.stringify({ sid, upgrades, pingInterval: pingIntervalMs, pingTimeout: pingTimeoutMs, maxPayload })}`;

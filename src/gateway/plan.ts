import type { Route } from '../http/index.ts';
import type { BackEndConfig, GatewayConfig, RouteConfig } from './config.ts';
import { createTwinCheck, type Pattern } from './target.ts';

/** A route with everything settled that its back end leaves open. */
export interface Plan {
  /** The back end. */
  readonly to: string;
  readonly path: string;
  readonly host: string | undefined;
  readonly credential: 'strip' | 'pass';
  readonly sockets: boolean;
  /** A socket may sign in by its first message. */
  readonly authMessage: boolean;
  readonly socketIo: boolean;
  readonly streams: boolean;
  readonly origins: readonly string[] | undefined;
  readonly responseTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxRequestBytes: number;
  /** The slowest that a request body may come. */
  readonly minUploadBytesPerSecond: number;
  readonly maxResponseBytes: number;
  /** @throws GATEWAY_TARGET where another route is meant in another spelling */
  readonly assertOwn: (target: string) => void;
}

/** @throws TypeError for a back end that is not there, which the configuration's own check prevents */
export function planOf(route: RouteConfig, { backEnds, routes }: GatewayConfig): Plan {
  const backEnd = backEnds[route.to];
  if (backEnd === undefined) throw new TypeError(`there is no back end called ${route.to}`);
  return {
    to: route.to,
    path: route.path,
    host: route.hostHeader,
    credential: route.credential,
    sockets: route.sockets,
    authMessage: route.authMessage,
    socketIo: route.socketIo,
    streams: route.streams,
    origins: route.origins,
    responseTimeoutMs: route.responseTimeoutMs ?? backEnd.responseTimeoutMs,
    idleTimeoutMs: route.streams ? backEnd.streamIdleTimeoutMs : backEnd.idleTimeoutMs,
    maxRequestBytes: maxRequestBytes(route, backEnd),
    minUploadBytesPerSecond: route.streams ? 0 : backEnd.minUploadBytesPerSecond, // what streams up may be silent too
    maxResponseBytes: route.streams ? Number.POSITIVE_INFINITY : backEnd.maxResponseBytes,
    assertOwn: twinCheckOf(route, routes),
  };
}

/** A check that a path means this one of the routes and no other. @throws GATEWAY_TARGET */
export const twinCheckOf = <R extends Placed>(route: R, routes: readonly R[]): Plan['assertOwn'] =>
  createTwinCheck(patternOf(route), routes.filter((other) => mayMeet(route, other)).map(patternOf));

type Placed = Pick<RouteConfig, 'path' | 'host'>;

const maxRequestBytes = (route: RouteConfig, backEnd: BackEndConfig): number =>
  Math.min(route.maxBodyBytes ?? backEnd.maxRequestBytes, backEnd.maxRequestBytes);

/** Two routes with hosts of their own are never asked in place of each other. */
const mayMeet = (one: Placed, other: Placed): boolean =>
  one.host === undefined || other.host === undefined || one.host === other.host;

const patternOf = ({ path, ...policy }: Placed): Pattern => ({ path, policy: JSON.stringify(policy) });

/** A row of the ledger, but for what answers it. */
export type Row = Omit<Route, 'handle'>;

/** The rows that one route of the configuration stands for: one for each method. */
export function rowsOf(route: RouteConfig, plan: Pick<Plan, 'maxRequestBytes'>): readonly Row[] {
  return route.methods.map((method) => ({
    method,
    path: route.path,
    ...(route.host === undefined ? {} : { host: route.host }),
    profile: route.profile,
    summary: `Handed on to ${route.to}.`,
    access: accessOf(route, method),
    ...(route.socketIo || (route.authMessage && method === 'GET') ? { admits: 'later' as const } : {}),
    limits: route.limits,
    inspect: inspectionOf(route),
    detection: { mode: route.detection, text: route.textFields, unseen: route.unseenFields },
    records: 'none', // by the gateway itself: before what changes something, and after all
    maxBodyBytes: plan.maxRequestBytes,
    replies: {},
    faults: [...FAULTS, ...(route.sockets && method === 'GET' ? SOCKET_FAULTS : []), ...lateFaults(route)],
  }));
}

/** What streams up has no end that could be waited for, and packets of a session are as open as those of a socket. */
function inspectionOf({ inspect, streams, socketIo, detection }: RouteConfig): NonNullable<Row['inspect']> {
  return inspect ?? (streams || socketIo || detection === 'off' ? 'head' : 'head+body');
}

const FAULTS = [
  ...['GATEWAY_TARGET', 'GATEWAY_FRAMING', 'GATEWAY_UNREACHABLE', 'GATEWAY_ANSWER', 'GATEWAY_TIMEOUT', 'GATEWAY_DOWN'],
  ...[
    'GATEWAY_BUSY',
    'GATEWAY_SHARE',
    'GATEWAY_CLOSING',
    'GATEWAY_UNRECORDED',
    'HTTP_BODY_TOO_LARGE',
    'HTTP_BODY_TOO_SLOW',
    'HTTP_BODY_CUT_SHORT',
  ],
];

const lateFaults = ({ authMessage, socketIo }: RouteConfig): readonly string[] => [
  ...(authMessage || socketIo ? ['GATEWAY_CREDENTIAL'] : []),
  ...(socketIo ? ['GATEWAY_SOCKET_IO', 'GATEWAY_SESSION', 'GATEWAY_SESSION_FOREIGN'] : []),
];
const SOCKET_FAULTS = ['GATEWAY_HANDSHAKE', 'GATEWAY_ORIGIN', 'GATEWAY_SOCKETS'];

function accessOf({ access, because }: RouteConfig, method: Row['method']): Row['access'] {
  if (access === 'signed-in') return { kind: 'signed-in' };
  if (access === 'public') return { kind: 'public', because: because ?? '' };
  const { permission, provedWithinMs } = access;
  const needed = typeof permission === 'string' ? permission : permissionFor(method, permission);
  return { kind: 'permission', permission: needed, ...(provedWithinMs === undefined ? {} : { provedWithinMs }) };
}

function permissionFor(
  method: Row['method'],
  {
    read,
    write,
    delete: remove,
  }: { readonly read: string; readonly write: string; readonly delete?: string | undefined },
): string {
  if (method === 'GET') return read;
  return method === 'DELETE' ? (remove ?? write) : write;
}

import { z } from 'zod';
import { isCidr, isOrigin } from '../http/index.ts';
import { hours, minutes, seconds } from '../kernel/clock.ts';
import { checkGateway } from './config-check.ts';
import { checkForwardAuth } from './forward-auth-check.ts';

const MEBIBYTE = 1_048_576;
const GIBIBYTE = 1_073_741_824;

const ms = (min: number, max: number, byDefault: number) => z.int().min(min).max(max).default(byDefault);
const bytes = (min: number, max: number, byDefault: number) => z.int().min(min).max(max).default(byDefault);

/** Back ends and permissions are named in words that need no quoting anywhere. */
const backEndName = z.string().regex(/^[a-z0-9-]{1,32}$/, 'must be 1 to 32 of a-z, 0-9 and -');
const permission = z
  .string()
  .regex(
    /^(read|write|delete|analyze|admin|[a-z][a-z0-9_.-]{0,31}:[a-z][a-z0-9_.-]{0,63})$/,
    'must look like read:meter_data',
  );
const headerName = z.string().regex(/^[a-z][a-z0-9-]{1,63}$/, 'must be a header name in lower case');
const file = z.string().min(1).max(4_096);
const perPrincipal = (sentence: string) => z.int().min(1).max(104_096).optional().describe(sentence);

/** An origin and nothing else: credentials in a URL end in logs, and a path would differ from what the policy saw. */
const origin = z
  .string()
  .refine(
    (text) => isOrigin(text.endsWith('/') ? text.slice(0, -1) : text),
    'must be http(s)://host[:port], without user, path or query',
  );

/** How a back end is asked whether it lives. */
const health = z.strictObject({
  path: z
    .string()
    .regex(/^\/[\x21-\x7e]{0,255}$/, 'must be a path')
    .default('/health')
    .describe('The path that is asked; any 2xx is good.'),
  everyMs: ms(50, minutes(10), seconds(5)).describe('Time between two probes of one URL.'),
  timeoutMs: ms(10, minutes(1), seconds(2)).describe('A probe without an answer for this long has failed.'),
  failures: z
    .int()
    .min(1)
    .max(100)
    .default(3)
    .describe('So many failed probes or connections in a row take a URL out.'),
  successes: z.int().min(1).max(100).default(2).describe('So many good probes in a row take it in again.'),
});

/** Files of keys and certificates, read when the gateway is made. */
const tls = z.strictObject({
  caFile: file.optional().describe('Certificates (PEM) that vouch for the back end, instead of those of the system.'),
  certFile: file.optional().describe('Our certificate (PEM), where the back end asks for one.'),
  keyFile: file.optional().describe('The private key (PEM) of our certificate.'),
  serverName: z
    .string()
    .min(1)
    .max(253)
    .optional()
    .describe('The name that the certificate must bear, where the URL has an address.'),
});

const backEnd = z.strictObject({
  url: origin.optional().describe('Where the back end listens.'),
  urls: z
    .array(origin)
    .min(1)
    .max(32)
    .optional()
    .describe('Several of the same kind, asked in turn as long as they live.'),
  connections: z.int().min(1).max(4_096).default(128).describe('Connections to each URL, for requests that end soon.'),
  queue: z
    .int()
    .min(0)
    .max(100_000)
    .default(1_024)
    .describe('Requests that may wait for a connection; more are answered 503.'),
  streams: z
    .int()
    .min(1)
    .max(100_000)
    .default(1_024)
    .describe('Event streams to each URL at the same time, beside the connections.'),
  maxPerPrincipal: perPrincipal(
    'Requests to each URL that one person, key or unknown address may have at the same time, those that wait among ' +
      'them; more are answered 429. A quarter of connections and queue unless told.',
  ),
  connectionsPerPrincipal: perPrincipal(
    'Connections to each URL that one of them may take at the same time, while what is over waits; half of them ' +
      'unless told.',
  ),
  streamsPerPrincipal: perPrincipal(
    'Event streams to each URL that one of them may have open; a quarter of them unless told.',
  ),
  connectTimeoutMs: ms(10, minutes(1), seconds(3)).describe(
    'A connection that is not made within this time has failed.',
  ),
  responseTimeoutMs: ms(50, hours(1), seconds(30)).describe('The head of an answer must be there within this time.'),
  idleTimeoutMs: ms(50, hours(1), seconds(30)).describe(
    'A body on which nothing moves for this long is cut, in either direction.',
  ),
  streamIdleTimeoutMs: ms(seconds(1), hours(24), hours(1)).describe(
    'The same for routes with `streams`, where silence is normal.',
  ),
  maxRequestBytes: bytes(0, 64 * GIBIBYTE, 10 * MEBIBYTE).describe('A request body may be this large.'),
  minUploadBytesPerSecond: z
    .int()
    .min(0)
    .max(GIBIBYTE)
    .default(240)
    .describe(
      'A request body must come at least this fast, on average over each 12 s, or `idleTimeoutMs` where that is ' +
        'shorter; 0 asks for nothing. Routes with `streams` are free of it.',
    ),
  maxResponseBytes: bytes(1, 1_024 * GIBIBYTE, 64 * GIBIBYTE).describe(
    'An answer that grows beyond this is cut; event streams are not.',
  ),
  maxHeadBytes: bytes(1_024, MEBIBYTE, 16_384).describe('The head of an answer may be this large.'),
  health: health.optional().describe('Asks each URL whether it lives; without it only failed connections count.'),
  tls: tls.optional().describe('For back ends behind https.'),
});

/** Reading methods, writing methods, and deletion where it is a right of its own. */
const permissionMap = z.strictObject({
  read: permission.describe('For GET.'),
  write: permission.describe('For POST, PUT and PATCH.'),
  delete: permission.optional().describe('For DELETE; as for writing unless told.'),
});

const access = z.union([
  z.literal(['signed-in', 'public']),
  z.strictObject({
    permission: z.union([permission, permissionMap]),
    provedWithinMs: z.int().min(seconds(1)).max(hours(24)).optional(),
  }),
]);

const routeLimit = z.strictObject({
  per: z.enum(['address', 'principal']),
  count: z.int().min(1).max(1_000_000),
  windowMs: z.int().min(seconds(1)).max(hours(24)),
});

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

const fieldPattern = z
  .string()
  .max(256)
  .regex(/^(?:path|query|header|cookie|body)(?:[.[].*)?\*?$/, 'must begin with path, query, header, cookie or body');

const route = z.strictObject({
  path: z
    .string()
    .max(512)
    .regex(
      /^\/(?:(?:[A-Za-z0-9._~@$!,=+-]+|:[A-Za-z][A-Za-z0-9_]*)(?:\/(?=.)|\/?$))*\*?$/,
      'must be like /exact, /x/:id or /api/*',
    )
    .describe('`/exact`, `/x/:id` or `/api/*`, as the router reads it; handed on as it was received.'),
  methods: z
    .array(z.enum(METHODS))
    .min(1)
    .default([...METHODS])
    .describe('HEAD goes with GET.'),
  to: backEndName.describe('The back end.'),
  host: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'must be a host name in lower case, without port')
    .optional()
    .describe('The only host name at which the route is served.'),
  profile: z
    .string()
    .regex(/^[a-z0-9-]{1,32}$/)
    .default('twinkeep')
    .describe('Whose tokens open the route, and how its refusals look; a profile that is served.'),
  hostHeader: z
    .string()
    .regex(/^[A-Za-z0-9.:[\]-]{1,255}$/, 'must be a host')
    .optional()
    .describe('The Host header that the back end gets; its own address unless told.'),
  access: access.default('signed-in').describe('Who may: `signed-in`, `public`, or those with a permission.'),
  because: z.string().min(8).max(512).optional().describe('Why a public route may be public.'),
  sockets: z.boolean().default(false).describe('WebSockets may be opened here.'),
  authMessage: z
    .boolean()
    .default(false)
    .describe('A socket without a credential may send its token as its first message, before the back end is asked.'),
  socketIo: z
    .boolean()
    .default(false)
    .describe(
      'Socket.IO is spoken here, by polling and WebSocket: its token may stand in the CONNECT packet, and no packet ' +
        'reaches the back end before it.',
    ),
  streams: z.boolean().default(false).describe('Answers are event streams, which may stay silent and have no end.'),
  origins: z
    .array(z.string().min(1).max(255))
    .max(64)
    .optional()
    .describe('Origins whose pages may open sockets; only our own unless told.'),
  inspect: z
    .enum(['head', 'head+body'])
    .optional()
    .describe(
      'How far detection looks: `head+body` unless told; `head` for routes with `streams` or `socketIo`, and where ' +
        'detection is off. Of a body 128 KiB are held in memory and looked at; a longer one is handed on unread where ' +
        'attacks are told of, and refused where they are blocked.',
    ),
  detection: z
    .enum(['off', 'shadow', 'block'])
    .default('shadow')
    .describe('What is done about attacks: nothing, they are told of and handed on, or they are refused.'),
  textFields: z
    .array(fieldPattern)
    .max(256)
    .default([])
    .describe(
      'Fields in which people talk: `body.comment`, `query.q`, `body.items.*`, without indexes, in lower case.',
    ),
  unseenFields: z
    .array(fieldPattern)
    .max(256)
    .default([])
    .describe('Fields at which detection does not look, for the back end interprets them nowhere.'),
  maxBodyBytes: z
    .int()
    .min(0)
    .max(64 * GIBIBYTE)
    .optional()
    .describe('A request body may be this large; as the back end says unless told.'),
  responseTimeoutMs: z.int().min(50).max(hours(1)).optional().describe('As the back end says unless told.'),
  limits: z.array(routeLimit).max(8).default([]).describe('Limits of this route alone.'),
  credential: z
    .enum(['strip', 'pass'])
    .default('strip')
    .describe(
      "Whether the back end sees the caller's own token, key and cookies of ours, and may set those of a profile.",
    ),
});

/** A row for what another proxy carries: all of a route but what concerns the carrying. */
const askedRoute = route
  .omit({
    ...{ to: true, hostHeader: true, authMessage: true, socketIo: true, streams: true },
    ...{ inspect: true, maxBodyBytes: true, responseTimeoutMs: true },
  })
  .extend({
    audience: backEndName
      .default('forward-auth')
      .describe('The `aud` of the assertion, by which the back end knows that it is for itself.'),
  });

const forwardAuth = z
  .strictObject({
    proxies: z
      .array(z.string().refine(isCidr, 'must be an address or CIDR'))
      .max(256)
      .default([])
      .describe(
        'Addresses of the proxies that may ask at `/v1/forward-auth`; each stands in `trustedProxies` too. None may hand ' +
          'that path on from outside.',
      ),
    routes: z
      .array(askedRoute)
      .max(1_000)
      .default([])
      .describe('What those proxies may ask about; all else is refused.'),
  })
  .superRefine((config, context) => {
    for (const { path, reason } of checkForwardAuth(config))
      context.addIssue({ code: 'custom', path: [...path], message: reason });
  });

/** What an operator may choose about back ends and the routes to them. */
export const gatewayConfig = z
  .strictObject({
    backEnds: z.record(backEndName, backEnd).default({}).describe('Where requests are handed on to, by name.'),
    routes: z.array(route).max(1_000).default([]).describe('What is handed on, to which back end, and who may.'),
    forwardAuth: forwardAuth.prefault({}),
    assertionHeader: headerName.default('twinkeep-assertion').describe('The header that tells the back end who calls.'),
    sockets: z
      .strictObject({
        maxOpen: z.int().min(1).max(1_000_000).default(10_000).describe('Sockets that may be open at the same time.'),
        maxPerPrincipal: z
          .int()
          .min(1)
          .max(100_000)
          .default(50)
          .describe('The same for one person, key or unknown address.'),
        idleTimeoutMs: ms(seconds(1), hours(24), minutes(2)).describe(
          'A socket on which nothing moves for this long is cut.',
        ),
        authTimeoutMs: ms(100, minutes(1), seconds(5)).describe(
          'A client that signs in by its first message, or by the CONNECT packet of Socket.IO, gets this long.',
        ),
        maxWaiting: z
          .int()
          .min(1)
          .max(100_000)
          .default(2_000)
          .describe('Clients that may be about to sign in by message at the same time.'),
        maxWaitingPerAddress: z.int().min(1).max(100_000).default(50).describe('The same for one address.'),
      })
      .prefault({}),
    closeGraceMs: ms(0, minutes(10), seconds(10)).describe(
      'Requests that run get this long to end when the gateway closes.',
    ),
  })
  .superRefine((config, context) => {
    for (const { path, reason } of checkGateway(config))
      context.addIssue({ code: 'custom', path: [...path], message: reason });
  });

export type GatewayConfig = z.output<typeof gatewayConfig>;
export type BackEndConfig = GatewayConfig['backEnds'][string];
export type RouteConfig = GatewayConfig['routes'][number];
export type AskedRouteConfig = GatewayConfig['forwardAuth']['routes'][number];

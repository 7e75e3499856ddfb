import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseDocument } from 'yaml';
import { z } from 'zod';

/** Proxies that are in no package of the system: their files are held against what their documentation says. */
const read = (path: string): unknown => {
  const document = parseDocument(
    readFileSync(fileURLToPath(new URL(`../../deploy/${path}`, import.meta.url)), 'utf8'),
    {
      strict: true,
      uniqueKeys: true,
    },
  );
  assert.deepEqual([document.errors, document.warnings], [[], []], path);
  return document.toJS();
};

const TOLD = ['twinkeep-assertion', 'twinkeep-subject', 'twinkeep-tenant', 'twinkeep-roles'];

/** @see https://doc.traefik.io/traefik/middlewares/http/forwardauth/ */
const traefik = z.strictObject({
  http: z.strictObject({
    routers: z.record(
      z.string(),
      z.strictObject({
        rule: z.string(),
        entryPoints: z.array(z.string()),
        tls: z.strictObject({}),
        middlewares: z.array(z.string()),
        service: z.string(),
      }),
    ),
    middlewares: z.strictObject({
      twinkeep: z.strictObject({
        forwardAuth: z.strictObject({
          address: z.url(),
          trustForwardHeader: z.literal(false),
          authResponseHeaders: z.array(z.string()),
        }),
      }),
      plain: z.strictObject({
        headers: z.strictObject({ customRequestHeaders: z.record(z.string(), z.literal('')) }),
      }),
      socket: z.strictObject({ headers: z.strictObject({ customRequestHeaders: z.record(z.string(), z.string()) }) }),
      'strip-credentials': z.strictObject({
        headers: z.strictObject({ customRequestHeaders: z.record(z.string(), z.literal('')) }),
      }),
    }),
    services: z.record(
      z.string(),
      z.strictObject({
        loadBalancer: z.strictObject({
          passHostHeader: z.literal(true),
          servers: z.array(z.strictObject({ url: z.url() })),
        }),
      }),
    ),
  }),
});

test('Traefik asks first, believes no forwarded header, and takes what we tell from the answer alone', () => {
  const { http } = traefik.parse(read('traefik/forward-auth.yaml'));
  const { forwardAuth } = http.middlewares.twinkeep;
  assert.equal(new URL(forwardAuth.address).pathname, '/v1/forward-auth');
  assert.deepEqual(
    forwardAuth.authResponseHeaders.map((name) => name.toLowerCase()),
    TOLD,
  );
  for (const { middlewares, service } of Object.values(http.routers)) {
    assert.ok(middlewares[0] === 'plain' || middlewares[0] === 'socket', 'upgrades are cut before it asks');
    assert.equal(middlewares[1], 'twinkeep');
    for (const name of middlewares) assert.ok(Object.hasOwn(http.middlewares, name), name);
    assert.ok(Object.hasOwn(http.services, service), service);
  }
  const { plain, socket } = http.middlewares;
  for (const header of ['Connection', 'Upgrade', 'HTTP2-Settings'])
    assert.equal(plain.headers.customRequestHeaders[header], '', header);
  for (const { headers } of [plain, socket])
    for (const header of [
      ...['CF-Connecting-IP', 'True-Client-IP', 'X-Client-IP', 'X-Cluster-Client-IP', 'Proxy'],
      ...['X-Original-Method', 'X-Original-URI', 'X-Forwarded-Method', 'X-Forwarded-Uri'],
    ])
      assert.equal(headers.customRequestHeaders[header], '', header);
  const { Upgrade, 'X-Original-Upgrade': told } = socket.headers.customRequestHeaders;
  assert.deepEqual([Upgrade, told], ['websocket', 'websocket'], 'what is handed on is what was asked about');
  assert.equal(http.routers['twin']?.middlewares[0], 'plain');
  const stripped = http.middlewares['strip-credentials'].headers.customRequestHeaders;
  assert.deepEqual(Object.keys(stripped).slice(0, 2), ['Authorization', 'X-API-Key']);
});

const patterns = z.strictObject({
  patterns: z.array(
    z.union([
      z.strictObject({ exact: z.string(), ignore_case: z.boolean().optional() }),
      z.strictObject({ prefix: z.string() }),
      z.strictObject({ safe_regex: z.strictObject({ regex: z.string() }) }),
    ]),
  ),
});
const typed = <Type extends string>(type: Type) => z.literal(`type.googleapis.com/envoy.extensions.filters.${type}`);

/** Who is at the other end of the connection. */
const CLIENT = '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%';
const overwriting = z.strictObject({
  append: z.strictObject({
    header: z.strictObject({ key: z.literal('x-forwarded-for'), value: z.literal(CLIENT) }),
    append_action: z.literal('OVERWRITE_IF_EXISTS_OR_ADD'),
  }),
});

const mutation = z.strictObject({
  name: z.literal('envoy.filters.http.header_mutation'),
  typed_config: z.strictObject({
    '@type': typed('http.header_mutation.v3.HeaderMutation'),
    mutations: z.strictObject({
      request_mutations: z.array(z.union([z.strictObject({ remove: z.string() }), overwriting])),
    }),
  }),
});

/** @see https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/filters/http/ext_authz/v3/ext_authz.proto */
const authorization = z.strictObject({
  name: z.literal('envoy.filters.http.ext_authz'),
  typed_config: z.strictObject({
    '@type': typed('http.ext_authz.v3.ExtAuthz'),
    transport_api_version: z.literal('V3'),
    failure_mode_allow: z.literal(false),
    status_on_error: z.strictObject({ code: z.literal('ServiceUnavailable') }),
    allowed_headers: patterns,
    disallowed_headers: patterns,
    http_service: z.strictObject({
      path_prefix: z.literal('/v1/forward-auth'),
      server_uri: z.strictObject({ uri: z.url(), cluster: z.string(), timeout: z.string().regex(/^\d+s$/) }),
      authorization_response: z.strictObject({
        allowed_upstream_headers: patterns,
        allowed_client_headers: patterns,
        allowed_client_headers_on_success: patterns,
      }),
    }),
  }),
});

const router = z.strictObject({
  name: z.literal('envoy.filters.http.router'),
  typed_config: z.strictObject({ '@type': typed('http.router.v3.Router') }),
});

/** @see https://www.envoyproxy.io/docs/envoy/latest/configuration/best_practices/edge */
const manager = z.strictObject({
  '@type': typed('network.http_connection_manager.v3.HttpConnectionManager'),
  stat_prefix: z.string(),
  request_headers_timeout: z.literal('10s'),
  use_remote_address: z.literal(true),
  xff_num_trusted_hops: z.literal(0),
  skip_xff_append: z.literal(false),
  internal_address_config: z.strictObject({
    cidr_ranges: z.tuple([z.strictObject({ address_prefix: z.literal('192.0.2.0'), prefix_len: z.literal(32) })]),
  }),
  normalize_path: z.literal(false),
  merge_slashes: z.literal(false),
  path_with_escaped_slashes_action: z.literal('REJECT_REQUEST'),
  upgrade_configs: z.tuple([z.strictObject({ upgrade_type: z.literal('websocket'), enabled: z.literal(false) })]),
  common_http_protocol_options: z.strictObject({ headers_with_underscores_action: z.literal('REJECT_REQUEST') }),
  http_filters: z.tuple([mutation, authorization, router]),
  route_config: z.strictObject({
    virtual_hosts: z.array(
      z.strictObject({
        name: z.string(),
        domains: z.array(z.string()),
        routes: z.array(
          z.strictObject({
            match: z.union([
              z.strictObject({ prefix: z.string() }),
              z.strictObject({
                path: z.string(),
                headers: z.tuple([
                  z.strictObject({ name: z.literal('sec-websocket-key'), present_match: z.literal(true) }),
                ]),
              }),
            ]),
            route: z.strictObject({
              cluster: z.string(),
              timeout: z.string(),
              upgrade_configs: z.tuple([z.strictObject({ upgrade_type: z.literal('websocket') })]).optional(),
            }),
            request_headers_to_remove: z.array(z.string()),
          }),
        ),
      }),
    ),
  }),
});

const envoy = z.object({
  static_resources: z.object({
    listeners: z.tuple([
      z.object({
        filter_chains: z.tuple([
          z.strictObject({
            filters: z.tuple([
              z.strictObject({
                name: z.literal('envoy.filters.network.http_connection_manager'),
                typed_config: manager,
              }),
            ]),
          }),
        ]),
      }),
    ]),
    clusters: z.array(z.object({ name: z.string(), load_assignment: z.object({ cluster_name: z.string() }) })),
  }),
});

const namesOf = (list: z.output<typeof patterns>): readonly string[] =>
  list.patterns.map((one) => {
    if ('exact' in one) return one.exact;
    return 'prefix' in one ? `${one.prefix}*` : one.safe_regex.regex;
  });

test('Envoy strips what is ours, asks before it routes, and takes no answer for a no', () => {
  const { listeners, clusters } = envoy.parse(read('envoy/forward-auth.yaml')).static_resources;
  const { http_filters, route_config } = listeners[0].filter_chains[0].filters[0].typed_config;
  const [strip, { typed_config: ask }] = http_filters;
  const mutations = strip.typed_config.mutations.request_mutations;
  const removed = mutations.flatMap((one) => ('remove' in one ? [one.remove] : []));
  assert.equal(mutations.length, removed.length + 1, 'the back end sees one address, of the connection');
  for (const name of [
    ...['twinkeep-assertion', 'twinkeep-subject', 'twinkeep-roles', 'x-forwarded-uri', 'x-original-uri'],
    ...['x-original-host', 'x-host', 'x-http-method', 'x-method-override', 'x-real-ip', 'x-client-ip', 'proxy'],
    ...['true-client-ip', 'cf-connecting-ip', 'x-cluster-client-ip', 'x-forwarded-port', 'x-forwarded-user'],
  ])
    assert.ok(removed.includes(name), name);
  const { authorization_response: told, server_uri: uri } = ask.http_service;
  assert.deepEqual(namesOf(told.allowed_upstream_headers), TOLD);
  assert.deepEqual(namesOf(ask.allowed_headers), ['.*'], 'Twinkeep sees all that the back end would');
  const kept = namesOf(ask.disallowed_headers);
  for (const name of ['authorization', 'cookie', 'origin', 'x-forwarded-for', 'x-forwarded-proto', 'sec-websocket-key'])
    assert.ok(!kept.includes(name), `${name} is not sent`);
  for (const { routes } of route_config.virtual_hosts)
    for (const { match, route } of routes)
      assert.ok('headers' in match || route.upgrade_configs === undefined, 'an upgrade is a whole handshake');
  assert.ok(namesOf(told.allowed_client_headers).includes('retry-after'));
  const names = clusters.map(({ name }) => name);
  const used = route_config.virtual_hosts.flatMap(({ routes }) => routes.map(({ route }) => route.cluster));
  for (const name of [uri.cluster, ...used]) assert.ok(names.includes(name), name);
});

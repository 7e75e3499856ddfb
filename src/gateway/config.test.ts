import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../kernel/clock.ts';
import { gatewayConfig } from './config.ts';
import { createGateway, type Gateway } from './gateway.ts';

const twin = { url: 'http://127.0.0.1:1' };
const backEnds = { twin };

function isTaken(config: unknown): boolean {
  return gatewayConfig.safeParse(config).success;
}

function gatewayOf(config: unknown): Gateway {
  return createGateway({
    config: gatewayConfig.parse(config),
    clock: systemClock,
    audit: { write: () => Promise.resolve(), noteRead: () => undefined },
    assertions: { of: () => '' },
    meter: { exchange: () => undefined },
    onEvent: () => undefined,
    onError: () => undefined,
  });
}

test('nothing is handed on unless it is told', () => {
  const config = gatewayConfig.parse({});
  assert.deepEqual([config.backEnds, config.routes], [{}, []]);
});

test('a route needs no more than a path and a back end, and then asks for a known caller', async () => {
  const gateway = gatewayOf({ backEnds, routes: [{ path: '/api/*', to: 'twin' }] });
  assert.deepEqual(
    gateway.routes.map(({ method }) => method),
    ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
  );
  assert.deepEqual(
    gateway.routes.map(({ access }) => access.kind),
    Array.from({ length: 5 }, () => 'signed-in'),
  );
  await gateway.close();
});

test('permissions may differ by method', async () => {
  const permission = { read: 'read:meter_data', write: 'write:meter_data' };
  const gateway = gatewayOf({
    backEnds,
    routes: [
      { path: '/a', to: 'twin', access: { permission } },
      {
        path: '/b',
        to: 'twin',
        access: { permission: { ...permission, delete: 'delete:meter_data' }, provedWithinMs: 60_000 },
      },
      { path: '/c', to: 'twin', methods: ['GET'], access: 'public', because: 'the front page of the twin' },
    ],
  });
  const asked = gateway.routes.map(
    ({ method, path, access }) => `${method} ${path} ${'permission' in access ? access.permission : access.kind}`,
  );
  assert.deepEqual(asked, [
    ...['GET /a read:meter_data', 'POST /a write:meter_data', 'PUT /a write:meter_data', 'PATCH /a write:meter_data'],
    ...['DELETE /a write:meter_data', 'GET /b read:meter_data', 'POST /b write:meter_data', 'PUT /b write:meter_data'],
    ...['PATCH /b write:meter_data', 'DELETE /b delete:meter_data', 'GET /c public'],
  ]);
  assert.deepEqual(gateway.routes[9]?.access, {
    kind: 'permission',
    permission: 'delete:meter_data',
    provedWithinMs: 60_000,
  });
  await gateway.close();
});

test('sockets are opened by GET alone', async () => {
  const gateway = gatewayOf({ backEnds, routes: [{ path: '/live', to: 'twin', sockets: true }] });
  assert.deepEqual(
    gateway.routes.map(({ sockets }) => sockets),
    [true, false, false, false, false],
  );
  await assert.rejects(() => Promise.resolve(gateway.routes[0]?.handle(Object(undefined))), TypeError);
  await gateway.close();
});

test('a URL is an origin: no user, no path, no other protocol', () => {
  for (const url of ['http://twin:8080', 'https://twin.example', 'http://[::1]:1/', 'http://127.0.0.1:1']) {
    assert.ok(isTaken({ backEnds: { twin: { url } } }), url);
  }
  for (const url of [
    'http://a:b@twin',
    'http://twin/api',
    'http://twin?x',
    'ftp://twin',
    'twin:80',
    'http://',
    'file:///x',
    'http://twin#x',
    ' http://twin',
    'HTTP://twin',
  ]) {
    assert.equal(isTaken({ backEnds: { twin: { url } } }), false, url);
  }
  assert.equal(isTaken({ backEnds: { twin: {} } }), false);
  assert.equal(isTaken({ backEnds: { twin: { ...twin, urls: [twin.url] } } }), false);
  assert.equal(isTaken({ backEnds: { twin: { urls: [twin.url, twin.url] } } }), false);
  assert.equal(isTaken({ backEnds: { twin: { ...twin, tls: { caFile: 'x' } } } }), false);
  assert.equal(isTaken({ backEnds: { twin: { url: 'https://twin', tls: { certFile: 'x' } } } }), false);
});

test('a configuration that contradicts itself is refused', () => {
  const route = { path: '/x', to: 'twin' };
  assert.ok(isTaken({ backEnds, routes: [route] }));
  for (const bad of [
    [{ ...route, to: 'nobody' }],
    [{ ...route, to: 'toString' }],
    [route, route],
    [
      { ...route, path: '/x/:id' },
      { ...route, path: '/x/:name' },
    ],
    [
      { ...route, methods: ['GET'] },
      { ...route, methods: ['POST', 'GET'] },
    ],
    [{ ...route, methods: [] }],
    [{ ...route, methods: ['GET', 'GET'] }],
    [{ ...route, access: 'public' }],
    [{ ...route, because: 'it is not public' }],
    [{ ...route, sockets: true, methods: ['POST'] }],
    [{ ...route, origins: ['https://x.example'] }],
    [{ ...route, sockets: true, origins: ['*'] }],
    [{ ...route, sockets: true, origins: ['https://x.example/'] }],
    [{ ...route, access: { permission: 'everything' } }],
    [{ ...route, token: 'secret' }],
  ]) {
    assert.equal(isTaken({ backEnds, routes: bad }), false, JSON.stringify(bad));
  }
  assert.ok(
    isTaken({
      backEnds,
      routes: [
        { ...route, methods: ['GET'] },
        { ...route, methods: ['POST'] },
      ],
    }),
  );
});

test('paths are what the router takes', () => {
  const isPath = (path: string) => isTaken({ backEnds, routes: [{ path, to: 'twin' }] });
  for (const path of ['/', '/*', '/x', '/x/', '/x/*', '/x/:id', '/x/:id/y.z', '/x/:id/*', '/socket.io/*'])
    assert.ok(isPath(path), path);
  for (const path of [
    '',
    'x',
    '//',
    '/x//y',
    '/*/x',
    '/x*y',
    '/:',
    '/x/../y',
    '/./x',
    '/a b',
    '/%41',
    '/x?y',
    '/x/:id(\\d+)',
    '/é',
    `/${'x/'.repeat(400)}`,
  ]) {
    assert.equal(isPath(path), false, path);
  }
});

// Attack: a route that asks for a token in a message is public all the same, or takes pages from anywhere.
test('what a message may sign in to needs a route that asks who calls', () => {
  const refused = (route: object): string => {
    const backEnds = { twin: { url: 'http://127.0.0.1:5000' } };
    const { error } = gatewayConfig.safeParse({ backEnds, routes: [{ path: '/live/*', to: 'twin', ...route }] });
    return error?.issues.map(({ message }) => message).join() ?? 'taken';
  };
  const open = { access: 'public', because: 'everybody may see it' };
  assert.equal(refused({ sockets: true, socketIo: true }), 'taken');
  assert.equal(refused({ sockets: true, authMessage: true }), 'taken');
  assert.match(refused({ socketIo: true }), /routes with sockets/);
  assert.match(refused({ authMessage: true }), /routes with sockets/);
  assert.match(refused({ sockets: true, socketIo: true, ...open }), /ask who calls/);
  assert.match(refused({ sockets: true, authMessage: true, ...open }), /ask who calls/);
  assert.match(refused({ sockets: true, authMessage: true, socketIo: true }), /CONNECT packet/);
  assert.match(refused({ sockets: true, socketIo: true, methods: ['GET'] }), /GET and POST/);
  assert.match(refused({ sockets: true, socketIo: true, origins: ['*'] }), /origins/);
});

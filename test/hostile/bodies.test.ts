import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Answer, createKit, KIT_PASSWORD, type Kit } from '../../src/testing/index.ts';
import { GOOD, TAKES_NOTHING, UNKNOWN_VERSION } from './good-bodies.ts';
import { isOperators, type OperatorPort, openOperatorPort } from './operator.ts';
import { assertProblem, openWire, type WireAnswer } from './wire.ts';

const DAY_MS = 86_400_000;
const PROOF_MS = 300_000;
const PACE_MS = 7_000;
/** Where nobody listens; what is to be sent waits. */
const SMTP = { host: '127.0.0.1', port: 1, tls: 'none', from: 'ops@example.com' } as const;

let kit: Kit;
let token: string;
let signedInAt: number;
let fieldKey: string;
let person: string;
let port: OperatorPort;
before(async () => {
  const sessions = { accessMs: DAY_MS, idleMs: DAY_MS, absoluteMs: DAY_MS };
  const accounts = { registration: 'open', publicUrl: 'https://twin.example.org' } as const;
  kit = await createKit({ config: { sessions, accounts, delivery: { smtp: SMTP } } });
  await signIn();
  fieldKey = await kit.key('seal:fields', 'open:fields');
  person = (await kit.person('somebody', 'viewer')).id;
  port = await openOperatorPort(kit);
});
after(async () => {
  await port.close();
  await kit.close();
});

type Route = Kit['twinkeep']['routes'][number];
const routes = () => kit.twinkeep.routes.filter(({ body }) => body !== undefined);
const nameOf = ({ method, path }: { method: string; path: string }) => `${method} ${path}`;

const pathOf = ({ path }: Route): string => path.replace(':id', person).replace(':version', UNKNOWN_VERSION);

/** The administrator's token, or a key where a permission is nobody's role. */
const credentialOf = ({ access }: Route): readonly [string, string] =>
  access.kind === 'permission' && access.permission.endsWith(':fields')
    ? ['x-api-key', fieldKey]
    : ['authorization', `Bearer ${token}`];

interface Sent {
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

async function signIn(): Promise<void> {
  token = await kit.signIn();
  signedInAt = kit.clock.now();
}

/** Lets so much time pass that no limit is met, neither the route's own nor ours, and proves again who asks. */
async function pace({ limits = [] }: Route): Promise<void> {
  const slowest = Math.max(PACE_MS, ...limits.map(({ windowMs, count }) => (windowMs / count) * 1.2));
  kit.clock.advance(Math.ceil(slowest));
  if (kit.clock.now() - signedInAt > PROOF_MS) await signIn();
}

async function send(route: Route, { body, headers }: Sent): Promise<WireAnswer> {
  await pace(route);
  const operator = isOperators(route);
  const response = await fetch((operator ? port.address : kit.address) + pathOf(route), {
    method: route.method,
    body,
    headers: {
      connection: 'close',
      'content-type': 'application/json',
      ...(operator ? {} : Object.fromEntries([credentialOf(route)])),
      ...headers,
    },
  });
  return { status: response.status, headers: new Map(response.headers), body: await response.text() };
}

/** Refused by every route that has a body, with that status and code. */
async function refusedByAll(
  sent: Sent,
  status: number,
  code: string,
  check?: (problem: Answer['json']) => void,
  those: readonly Route[] = routes(),
): Promise<void> {
  for (const route of those) {
    const answer = await send(route, sent);
    try {
      assertProblem(answer, status, code);
      check?.(JSON.parse(answer.body));
    } catch (error) {
      throw new Error(`${nameOf(route)} on ${String(sent.body).slice(0, 80)}: ${answer.body}`, { cause: error });
    }
  }
}

test('every route with a body is tried here', () => {
  assert.deepEqual(routes().map(nameOf).sort(), Object.keys(GOOD).sort());
});

test('what is not JSON is refused with the position where it stops being it', async () => {
  const bodies: [string, number][] = [
    ['hello', 0],
    ['{"a":', 5],
    ['{"a":1,}', 7],
    ['{"a":1}}', 7],
    ["{'a':1}", 1],
    ['[1,2', 4],
    ['{"a":NaN}', 5],
    ['{"a":01}', 5],
    ['{"a":"\n"}', 6],
    ['{"a":"\\x"}', 6],
    ['\ufeff{"a":1}', 0],
    ['{"a":1} // why', 8],
    ['<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>', 0],
    ['username=admin&password=x', 0],
  ];
  for (const [body, position] of bodies) {
    await refusedByAll({ body }, 400, 'HTTP_BODY_NOT_JSON', (problem) =>
      assert.equal(problem.position, position, body),
    );
  }
});

// Attack: the refusal quotes what was sent, and with it a password lands in somebody's log.
test('a refused body is never quoted', async () => {
  for (const body of ['{"password":"s3cret-value"', '{"password":"s3cret-value" x}', '"s3cret-value', 's3cret-value']) {
    for (const route of routes()) assert.ok(!(await send(route, { body })).body.includes('s3cret'));
  }
});

test('another content type, or none, is refused with those that are taken', async () => {
  const types = [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonx',
    '',
  ];
  for (const type of [
    ...types,
    'text/json',
    'application/xml',
    '*/*',
    'json',
    `application/json${'x'.repeat(4_000)}`,
  ]) {
    const sent = { body: Buffer.from('{}'), headers: { 'content-type': type } };
    await refusedByAll(sent, 415, 'HTTP_BODY_TYPE', ({ taken }) => assert.ok(taken.startsWith('application/json')));
  }
});

test('an encoded body is refused, and one that only says so too', async () => {
  for (const encoding of ['gzip', 'br', 'deflate', 'GZIP', 'gzip, identity', 'x']) {
    const headers = { 'content-encoding': encoding };
    await refusedByAll({ body: gzipSync('{}'), headers }, 415, 'HTTP_BODY_ENCODING');
  }
});

test('an empty body is refused', async () => {
  const needed = routes().filter(({ bodyOptional }) => bodyOptional !== true);
  assert.equal(needed.length, routes().length - 1);
  await refusedByAll({ body: '' }, 400, 'HTTP_BODY_MISSING', undefined, needed);
  await refusedByAll({ body: ' \n' }, 400, 'HTTP_BODY_NOT_JSON');
});

test('a body that is not UTF-8 is refused', async () => {
  const bodies = [
    [0x22, 0xff, 0x22],
    [0x22, 0xc0, 0xaf, 0x22],
    [0x22, 0xed, 0xa0, 0x80, 0x22],
    [0xff, 0xfe, 0x7b, 0, 0x7d, 0],
  ];
  for (const bytes of bodies) await refusedByAll({ body: Buffer.from(bytes) }, 400, 'HTTP_BODY_NOT_UTF8');
});

test('a body that nests too deeply is refused before it is built', async () => {
  for (const body of ['['.repeat(33) + ']'.repeat(33), '{"a":'.repeat(33), '['.repeat(500_000)]) {
    await refusedByAll({ body }, 400, 'HTTP_BODY_TOO_DEEP', (problem) => assert.equal(problem.max_depth, 32));
  }
});

test('another value in the place of an object is refused', async () => {
  const refused = (body: string, those?: readonly Route[]) =>
    refusedByAll({ body }, 422, 'HTTP_INPUT_REFUSED', ({ errors }) => assert.match(errors[0].at, /^body(\/|$)/), those);
  for (const body of ['[]', '[[]]', '[1]', 'null', 'true', '0', '-0', '"x"', '{"a":{}}', '[{}]', '[null]']) {
    await refused(body);
  }
  await refused(
    '{}',
    routes().filter((route) => !TAKES_NOTHING.has(nameOf(route))),
  );
});

// Attack: a field that nobody knows changes what every object has, or is stored where a check has not looked.
test('a field too many is refused by name, whatever its name is', async () => {
  const names = [
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'tenant_id',
    'is_admin',
    '',
    'é',
    '\ud800',
    'a\u0000b',
    'x'.repeat(9_000),
  ];
  for (const route of routes()) {
    for (const name of names) {
      const good = JSON.stringify(GOOD[nameOf(route)]);
      const body = `${good.slice(0, -1)},${JSON.stringify(name)}:{"admin":true}}`;
      const answer = await send(route, { body });
      assertProblem(answer, 422, 'HTTP_INPUT_REFUSED');
      const { errors } = JSON.parse(answer.body);
      assert.equal(errors.length, 1);
      assert.equal(errors[0].at, `body/${name.slice(0, 64).toWellFormed()}`, nameOf(route));
      assert.ok(answer.body.length < 600, 'a long name is cut');
    }
  }
  assert.equal(Object.hasOwn(Object.prototype, 'admin'), false);
});

// Attack: a value of another kind, or one past every bound, in the place of each field.
test('a wrong value in any field is refused at its place, and never an error of ours', async () => {
  const values = [
    ...['null', '[]', '[[]]', '{}', 'true', '-1', '1.5', '1e999', '-1e999', '1e308', '9007199254740993', '5e-324'],
    ...[
      '""',
      '"\\u0000"',
      '"a\\u0000b"',
      '"\\ud800"',
      '"\\udc00a"',
      `"${'x'.repeat(70_000)}"`,
      '["\\ud800"]',
      '[null]',
    ],
    ...['{"toString":1}', '{"__proto__":[]}', '"[object Object]"', '["a","a"]', `[${'"read",'.repeat(200)}"read"]`],
  ];
  for (const route of routes()) {
    await signIn(); // an emergency among the values before ended every token
    const good = GOOD[nameOf(route)] ?? {};
    for (const field of Object.keys(good)) {
      for (const value of values) {
        const others = Object.entries(good).filter(([name]) => name !== field);
        const body = `{${JSON.stringify(field)}:${value}${others.map(([name, own]) => `,${JSON.stringify(name)}:${JSON.stringify(own)}`).join('')}}`;
        const { status, body: text } = await send(route, { body });
        assert.ok(status < 500, `${nameOf(route)} ${field} ${value.slice(0, 40)}: ${text}`);
        assert.doesNotMatch(text, /"(LIMIT_EXCEEDED|ACCESS_PROOF_TOO_OLD)"/, `${nameOf(route)} was not looked at`);
        if (status !== 422) continue;
        const { code, errors } = JSON.parse(text);
        if (code === 'HTTP_INPUT_REFUSED') assert.ok(errors[0].at.startsWith(`body/${field}`), text);
      }
    }
  }
});

test('of two fields with one name the last counts, here as everywhere', async () => {
  const body = `{"username":"admin","username":"nobody","password":${JSON.stringify(KIT_PASSWORD)}}`;
  const login = routes().find((route) => nameOf(route) === 'POST /v1/login');
  assert.ok(login !== undefined);
  assert.equal((await send(login, { body })).status, 401);
});

// Attack: a body without end fills the memory.
test('a body that is too large is refused while it is still being sent, and the connection goes on where it can', async () => {
  for (const route of routes().filter((each) => !isOperators(each))) {
    const most = route.maxBodyBytes ?? 1_048_576;
    await pace(route);
    await pace(route);
    const credential = credentialOf(route).join(': ');
    const head = `${route.method} ${pathOf(route)} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${credential}\r\n`;
    const announced = await openWire(kit.address);
    announced.send(`${head}Content-Length: ${most + 1}\r\n\r\n`);
    assertProblem(await announced.answer(), 413, 'HTTP_BODY_TOO_LARGE');
    announced.send(Buffer.alloc(most + 1, 0x20));
    announced.send('GET /health HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal((await announced.answer()).status, 200, 'the rest was read and thrown away');
    announced.end();

    const chunked = await openWire(kit.address);
    chunked.send(`${head}Transfer-Encoding: chunked\r\n\r\n`);
    const chunk = Buffer.concat([Buffer.from('40000\r\n'), Buffer.alloc(0x40000, 0x20), Buffer.from('\r\n')]);
    for (let sent = 0; sent <= most; sent += 0x40000) chunked.send(chunk);
    assertProblem(await chunked.answer(), 413, 'HTTP_BODY_TOO_LARGE'); // and there is no end of it yet
    chunked.end();
    const last = await send(route, { body: ' '.repeat(most) });
    assertProblem(last, 400, 'HTTP_BODY_NOT_JSON');
  }
});

test('a sender that goes on for ever after its refusal is cut off', async () => {
  const wire = await openWire(kit.address);
  wire.send('POST /v1/login HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n');
  assertProblem(await wire.answer(), 415, 'HTTP_BODY_TYPE');
  const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(0x100000, 0x20), Buffer.from('\r\n')]);
  for (let sent = 0; sent < 12; sent++) wire.send(chunk);
  assert.equal(await wire.closed(), '');
});

test('query parameters that are given twice, unknown or malformed are refused with their place', async () => {
  const refused = async (path: string, status: number, code: string, at?: string) => {
    const { headers, text, status: got } = await kit.call('GET', path, { token });
    assertProblem({ status: got, headers: new Map(headers), body: text }, status, code);
    if (at !== undefined) assert.equal(JSON.parse(text).errors[0].at, at, path);
  };
  for (const path of [
    '/v1/readings?limit=1&limit=2',
    '/v1/users?after=a&after=a',
    '/v1/audit/entries?before=1&%62efore=2',
  ]) {
    await refused(path, 400, 'HTTP_MALFORMED');
  }
  const unknown = ['__proto__', 'constructor', 'x', 'Limit', 'limit[]', 'tenant_id', ''];
  for (const path of ['/v1/readings', '/v1/users', '/v1/audit/entries', '/v1/audit/proof']) {
    for (const name of unknown)
      await refused(`${path}?${encodeURIComponent(name)}=1`, 422, 'HTTP_INPUT_REFUSED', `query/${name}`);
  }
  const numbers = [
    '',
    '0',
    '-1',
    '1.5',
    '1e2',
    '0x10',
    ' 1',
    '1 ',
    '+1',
    '99999',
    '9'.repeat(30),
    'NaN',
    '\0',
    '１',
    '1\n',
  ];
  for (const limit of numbers) {
    for (const path of ['/v1/readings', '/v1/users', '/v1/audit/entries']) {
      await refused(`${path}?limit=${encodeURIComponent(limit)}`, 422, 'HTTP_INPUT_REFUSED', 'query/limit');
    }
  }
  for (const text of ['%00', 'a%00b', 'x'.repeat(200)]) {
    await refused(`/v1/users?after=${text}`, 422, 'HTTP_INPUT_REFUSED', 'query/after');
    await refused(`/v1/audit/entries?action=${text}`, 422, 'HTTP_INPUT_REFUSED', 'query/action');
  }
  for (const query of ['', '?seq=1&from=1', '?seq=', '?from=-1']) {
    await refused(`/v1/audit/proof${query}`, 422, 'HTTP_INPUT_REFUSED');
  }
});

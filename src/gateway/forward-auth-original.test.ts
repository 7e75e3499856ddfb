import assert from 'node:assert/strict';
import type { IncomingHttpHeaders } from 'node:http';
import { test } from 'node:test';
import fc from 'fast-check';
import { isFault } from '../kernel/errors.ts';
import { becomeOriginal, FORWARD_AUTH, readOriginal } from './forward-auth-original.ts';

const base = { 'x-forwarded-for': '198.51.100.7', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'twin.test' };
const told = { ...base, 'x-forwarded-method': 'PUT', 'x-forwarded-uri': '/api/x?q=%20' };
const asking = (headers: IncomingHttpHeaders, url = FORWARD_AUTH, method = 'GET') => ({ method, url, headers });

test('each family of headers, and a path behind the prefix, tell of the same request', () => {
  const original = { method: 'PUT', target: '/api/x?q=%20', host: 'twin.test', scheme: 'https', upgrade: undefined };
  const nginx = { ...base, 'x-original-method': 'PUT', 'x-original-uri': '/api/x?q=%20' };
  const { 'x-forwarded-host': host, ...bare } = base;
  assert.deepEqual(readOriginal(asking(told)), original);
  assert.deepEqual(readOriginal(asking(nginx, `${FORWARD_AUTH}?for=nginx`)), original);
  assert.deepEqual(readOriginal(asking({ ...bare, host }, `${FORWARD_AUTH}/api/x?q=%20`, 'PUT')), original);
  assert.deepEqual(readOriginal(asking({ ...told, ...nginx })), original, 'all of them, where they agree');
});

// Attack: an upgrade that a proxy would hand on is not told to us, or told as another one.
test('an upgrade is what the proxy tells of it, in one way', () => {
  const upgradeOf = (headers: IncomingHttpHeaders) => readOriginal(asking({ ...told, ...headers })).upgrade;
  assert.equal(upgradeOf({ 'x-original-upgrade': 'h2c' }), 'h2c');
  assert.equal(upgradeOf({ upgrade: 'websocket', 'x-original-upgrade': '' }), 'websocket');
  assert.throws(() => upgradeOf({ upgrade: 'h2c', 'x-original-upgrade': 'websocket' }), { code: 'GATEWAY_ORIGINAL' });
  const headers: IncomingHttpHeaders = { ...told, 'x-original-upgrade': 'h2c' };
  const request = asking(headers);
  becomeOriginal(request, readOriginal(request));
  assert.deepEqual([request.headers.upgrade, request.headers['x-original-upgrade']], ['h2c', undefined]);
});

// Attack: a proxy that closes the endpoint by comparing bytes is asked for the same one in another spelling.
test('a question at the address in any other spelling is none', () => {
  for (const url of ['/v1/%66orward-auth', '/v1/forward-aut%68/api/x', `${FORWARD_AUTH}#x`, `${FORWARD_AUTH};x`, '/x'])
    assert.throws(() => readOriginal(asking(told, url)), { code: 'GATEWAY_ORIGINAL' }, url);
});

// Attack: whoever has no address is taken for the proxy itself, and all of them share its limits and blocks.
test('the last hop has to be an address, with or without a port', () => {
  for (const hops of [
    '',
    'unknown',
    'unix:',
    'garbage',
    '198.51.100.7, zzz',
    '198.51.100.7,',
    '198.51.100.7:x',
    '1.2.3',
  ])
    assert.throws(() => readOriginal(asking({ ...told, 'x-forwarded-for': hops })), { code: 'GATEWAY_ORIGINAL' }, hops);
  for (const hops of ['zzz, 198.51.100.7', '198.51.100.7:443', '[2001:db8::1]:443', '[2001:db8::1]', '2001:db8::1'])
    assert.equal(readOriginal(asking({ ...told, 'x-forwarded-for': hops })).method, 'PUT', hops);
});

test('a scheme of sockets is that of the pages which open them', () => {
  assert.equal(readOriginal(asking({ ...told, 'x-forwarded-proto': 'wss' })).scheme, 'https');
  assert.equal(readOriginal(asking({ ...told, 'x-forwarded-proto': 'ws' })).scheme, 'http');
});

// Attack: any value at all stands in the headers that tell of the original.
test('whatever the headers say, it is a plain method, path and host, or it is refused', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.webPath(),
    fc.constantFrom('GET', '/x', 'twin.test', 'http', ''),
  );
  const names = [...Object.keys(told), 'x-original-uri', 'x-original-method', 'host'];
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names), text), fc.boolean(), (headers, whole) => {
      try {
        const { method, target, host } = readOriginal(asking(whole ? { ...told, ...headers } : headers));
        assert.match(method, /^[A-Z]+$/);
        assert.match(target, /^\/[\x21-\x7e]*$/);
        assert.match(host, /^[A-Za-z0-9.:[\]_~-]+$/);
      } catch (error) {
        assert.ok(isFault(error, 'GATEWAY_ORIGINAL'), String(error));
      }
    }),
  );
});

// Attack: an API key that is bound to the certificate of a proxy is used by whoever sends it through that proxy.
test('nothing of the question is left in the original, neither its headers nor what its connection showed', () => {
  const headers: IncomingHttpHeaders = { ...told, host: '127.0.0.1', accept: '*/*', 'twinkeep-tenant': '' };
  Object.defineProperty(headers, ':certificate-sha256', { value: 'abc', enumerable: false });
  const request = asking(headers);
  becomeOriginal(request, readOriginal(request));
  assert.deepEqual([request.method, request.url], ['PUT', '/api/x?q=%20']);
  assert.deepEqual(request.headers, {
    ...{ host: 'twin.test', accept: '*/*' },
    ...{ 'x-forwarded-for': '198.51.100.7', 'x-forwarded-proto': 'https' },
  });
  assert.ok(!Object.hasOwn(request.headers, ':certificate-sha256'));
});

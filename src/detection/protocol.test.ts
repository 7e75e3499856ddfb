import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ProtocolHead, protocolHits } from './protocol.ts';

const hitsOf = (head: Partial<ProtocolHead>): readonly string[] =>
  protocolHits({ method: 'GET', url: '/', headers: {}, ...head }).map(({ rule }) => rule);

const withHeader = (name: string, value: string, method = 'POST') => hitsOf({ method, headers: { [name]: value } });

test('what honest clients send has no hit', () => {
  for (const type of [
    'application/json',
    'application/json; charset=utf-8',
    'multipart/form-data; boundary=x',
    'text/plain;charset="UTF-8"',
  ])
    assert.deepEqual(withHeader('content-type', type), []);
  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'QUERY'])
    assert.deepEqual(hitsOf({ method }), []);
  assert.deepEqual(withHeader('accept', 'text/html;q=0.9, */*;q=0.5'), []);
  assert.deepEqual(withHeader('content-range', 'bytes 0-9/10', 'PUT'), []);
  assert.deepEqual(withHeader('x-file-name', 'report.pdf'), []);
});

// Attack: caches are emptied, tunnels opened and headers read back by methods that nobody else sends.
test('a method that steers the server is a hit, as is one that there is not', () => {
  for (const method of ['TRACE', 'TRACK', 'CONNECT', 'PURGE', 'FOO', '|GET'])
    assert.deepEqual(hitsOf({ method }), ['protocol-method']);
});

// Attack: the filter reads a body in one charset or by one boundary, the application in another.
test('a content type that is read in two ways is a hit', () => {
  assert.deepEqual(withHeader('content-type', 'text/plain; charset=utf-8; charset=utf-7'), ['protocol-two-charsets']);
  assert.deepEqual(withHeader('content-type', 'text/plain; charset=ibm037'), ['protocol-foreign-charset']);
  assert.deepEqual(withHeader('content-type', 'application/x-www-form-urlencoded; boundary="text/xml"'), [
    'protocol-idle-boundary',
  ]);
  assert.deepEqual(withHeader('accept', 'text/html;charset="CP1026"'), ['protocol-foreign-charset']);
});

test('charsets whose first half is ASCII are hits of no kind, whatever their age', () => {
  for (const charset of [
    'utf8mb4',
    'cp1252',
    'cp437',
    'ibm850',
    'windows-1251',
    'cp932',
    'shift_jis',
    'koi8-r',
    'IBM866',
  ])
    assert.deepEqual(withHeader('content-type', `text/plain; charset=${charset}`), [], charset);
});

// Attack: in EBCDIC and UTF-7 an attack is written in other letters than a filter looks for.
test('EBCDIC and UTF-7 are hits under each of their names', () => {
  for (const charset of [
    'ibm037',
    'CP037',
    'cp37',
    'ibm-1047',
    'cp500',
    'cp1140',
    'cp875',
    'csibm037',
    'ebcdic-cp-us',
    '037',
  ])
    assert.deepEqual(
      withHeader('content-type', `text/xml; charset="${charset}"`),
      ['protocol-foreign-charset'],
      charset,
    );
  for (const charset of ['utf-7', 'UTF7', 'unicode-1-1-utf-7', 'utf_7', 'u7', 'cp65000'])
    assert.deepEqual(withHeader('content-type', `text/xml; charset=${charset}`), ['protocol-foreign-charset'], charset);
});

// Attack: a request says that it comes from within, or has the same file sent two hundred times over.
test('the header of an inner request and two hundred ranges are hits', () => {
  assert.deepEqual(withHeader('x-middleware-subrequest', 'middleware:middleware'), ['protocol-inner-header']);
  assert.deepEqual(withHeader('range', `bytes=${'0-,'.repeat(200)}0-1`, 'GET'), ['protocol-many-ranges']);
  assert.deepEqual(withHeader('range', 'bytes=0-99,200-299', 'GET'), []);
});

// Attack: a CGI program takes the header `proxy` for the proxy of its own requests (CVE-2016-5385).
test('headers of dead protocols are hits', () => {
  for (const name of ['proxy', 'request-range', 'x-up-devcap-post-charset'])
    assert.deepEqual(withHeader(name, 'x'), ['protocol-dead-header']);
  assert.deepEqual(withHeader('content-range', 'bytes 0-9/10', 'GET'), ['protocol-dead-header']);
});

// Attack: a program is uploaded under a name whose end is hidden from a filter and not from the server.
test('the name of an uploaded program is a hit', () => {
  for (const name of ['a.php', 'a.php5...', 'a.phtml ', 'shell.jsp', 'C:\\temp\\sess_0123456789abcdef0', '.htaccess'])
    assert.deepEqual(withHeader('x-file-name', name), ['protocol-uploaded-program'], name);
});

// Attack: the victim follows a link that brings a session which the attacker knows.
test('a session in a link from another host is a hit, in our own it is not', () => {
  const url = '/login?a=1&PHPSESSID=abc';
  const from = (referer: string) => hitsOf({ url, headers: { host: 'twin.example', referer } });
  assert.deepEqual(from('https://evil.example/x'), ['protocol-planted-session']);
  assert.deepEqual(from('https://twin.example.evil.example/'), ['protocol-planted-session']);
  assert.deepEqual(from('https://twin.example/home'), []);
  assert.deepEqual(hitsOf({ url, headers: { host: 'twin.example' } }), []);
});

test('a head of a megabyte is looked at in no time', () => {
  const begin = performance.now();
  hitsOf({
    url: `/?${'a&'.repeat(500_000)}`,
    headers: { host: 'a', referer: 'https://b/', 'content-type': `text/plain;${' charset'.repeat(100_000)}` },
  });
  assert.ok(performance.now() - begin < 500);
});

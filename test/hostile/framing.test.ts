import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createKit, type Kit } from '../../src/testing/index.ts';
import { type Recorder, startRecorder, valuesOf } from '../faults/gateway-recorder.ts';
import { speak } from '../faults/gateway-speak.ts';

let kit: Kit;
let recorder: Recorder;
before(async () => {
  recorder = await startRecorder();
  const backEnds = { twin: { url: recorder.url } };
  const routes = [{ path: '/open/*', to: 'twin', access: 'public', because: 'the test asks without a token' } as const];
  kit = await createKit({ config: { limits: { enabled: false }, gateway: { backEnds, routes } } });
});
after(async () => {
  await kit.close();
  await recorder.close();
});

const HOST = 'Host: twin.example\r\n';
const POST = `POST /open/first HTTP/1.1\r\n${HOST}`;
const GET = `GET /open/first HTTP/1.1\r\n${HOST}`;
/** What a reader who ends the first request earlier takes for a second one. */
const SMUGGLED = `GET /open/smuggled HTTP/1.1\r\n${HOST}\r\n`;
const CHUNKED = 'Transfer-Encoding: chunked\r\n';

/** Each is refused and its connection closed, and the back end sees no whole request: not this one and no second. */
async function refused(requests: Readonly<Record<string, string>>, status = 400): Promise<void> {
  recorder.clear();
  const flaws: string[] = [];
  const one = async ([name, bytes]: [string, string], at: number): Promise<void> => {
    const { statuses, codes, closed } = await speak(kit.address, bytes.replace('/open/first', `/open/first${at}`));
    const good = statuses.length === 1 && statuses[0] === status && codes.length === 1 && closed;
    if (!good) flaws.push(`${name}: ${statuses.join()} ${codes.join()} ${closed ? '' : 'left open'}`);
    if (recorder.requests.some(({ target, whole }) => whole && target === `/open/first${at}`))
      flaws.push(`${name}: handed on`);
  };
  await Promise.all(Object.entries(requests).map(one));
  if (recorder.bytes().includes('smuggled')) flaws.push('a second request was handed on');
  assert.deepEqual(flaws, []);
}

// Attack: a proxy before us and we, or we and the back end, disagree about where a request ends (request smuggling).
test('a length that can be read in two ways is refused, and nothing of it is handed on', async () => {
  const lengths = {
    'same twice': 'Content-Length: 2\r\nContent-Length: 2\r\n',
    'two different': 'Content-Length: 2\r\nContent-Length: 3\r\n',
    'as a list': 'Content-Length: 2, 2\r\n',
    'two with a space': 'Content-Length: 2 2\r\n',
    'with a sign': 'Content-Length: +2\r\n',
    negative: 'Content-Length: -2\r\n',
    'negative zero': 'Content-Length: -0\r\n',
    hexadecimal: 'Content-Length: 0x2\r\n',
    decimal: 'Content-Length: 2.0\r\n',
    exponent: 'Content-Length: 2e0\r\n',
    empty: 'Content-Length:\r\n',
    'past 64 bits': 'Content-Length: 18446744073709551618\r\n',
    'no end of digits': 'Content-Length: 99999999999999999999\r\n',
    'no end of zeros': `Content-Length: ${'0'.repeat(30)}2\r\n`,
    'after a vertical tab': 'Content-Length: \x0b2\r\n',
    'before a colon with a space': 'Content-Length : 2\r\n',
    folded: 'Content-Length:\r\n 2\r\n',
    'beside a coding': `Content-Length: 4\r\n${CHUNKED}`,
    'behind a coding': `${CHUNKED}Content-Length: 4\r\n`,
    'beside an empty coding': 'Transfer-Encoding:\r\nContent-Length: 2\r\n',
  };
  const bodyOf = (name: string): string => (name.includes('coding') ? '0\r\n\r\n' : '{}');
  const requests = Object.entries(lengths).map(([name, head]) => [
    name,
    `${POST}${head}\r\n${bodyOf(name)}${SMUGGLED}`,
  ]);
  await refused(Object.fromEntries(requests));
});

// Attack: one reader knows the coding and the other does not, and takes the chunks for requests.
test('a coding other than chunked, however it is spelt, is refused, and nothing of it is handed on', async () => {
  const codings = {
    'not last': 'Transfer-Encoding: chunked, identity\r\n',
    'identity before it': 'Transfer-Encoding: identity, chunked\r\n',
    'gzip before it': 'Transfer-Encoding: gzip, chunked\r\n',
    twice: 'Transfer-Encoding: chunked, chunked\r\n',
    'an empty one before it': 'Transfer-Encoding: ,chunked\r\n',
    'an empty one behind it': 'Transfer-Encoding: chunked,\r\n',
    'a letter before it': 'Transfer-Encoding: xchunked\r\n',
    'a letter behind it': 'Transfer-Encoding: chunkedx\r\n',
    'with a parameter': 'Transfer-Encoding: chunked;q=1\r\n',
    quoted: 'Transfer-Encoding: "chunked"\r\n',
    identity: 'Transfer-Encoding: identity\r\n',
    empty: 'Transfer-Encoding:\r\n',
    'behind a vertical tab': 'Transfer-Encoding: \x0bchunked\r\n',
    'behind a form feed': 'Transfer-Encoding: \x0cchunked\r\n',
    'behind a space of Unicode': 'Transfer-Encoding: \xa0chunked\r\n',
    'a space before the colon': 'Transfer-Encoding : chunked\r\n',
    'a tab before the colon': 'Transfer-Encoding\t: chunked\r\n',
    'a space before the name': ` ${CHUNKED}`,
    'two headers': `${CHUNKED}${CHUNKED}`,
    'two headers, the last of them other': `${CHUNKED}Transfer-Encoding: identity\r\n`,
    'two headers, the first of them other': `Transfer-Encoding: identity\r\n${CHUNKED}`,
    'two headers, the first of them empty': `Transfer-Encoding:\r\n${CHUNKED}`,
    folded: 'Transfer-Encoding:\r\n chunked\r\n',
    'folded with a tab': 'Transfer-Encoding:\r\n\tchunked\r\n',
    'another folded behind it': 'Transfer-Encoding: chunked\r\n , identity\r\n',
  };
  const requests = Object.entries(codings).map(([name, head]) => [name, `${POST}${head}\r\n0\r\n\r\n${SMUGGLED}`]);
  await refused(Object.fromEntries(requests));
});

// Attack: HTTP/1.0 knows no chunks, so a proxy of that version takes them for a body without end, or for requests.
test('a coding in HTTP/1.0 is refused', async () => {
  const old = POST.replace('1.1', '1.0');
  await refused({
    once: `${old}${CHUNKED}\r\n0\r\n\r\n${SMUGGLED}`,
    kept: `${old}Connection: keep-alive\r\n${CHUNKED}\r\n0\r\n\r\n${SMUGGLED}`,
  });
});

// Attack: some servers read the body of a GET, others take it for the next request.
test('a body with GET or HEAD is refused, and the connection with it', async () => {
  await refused({
    length: `${GET}Content-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`,
    chunks: `${GET}${CHUNKED}\r\n0\r\n\r\n`,
  });
  recorder.clear();
  const head = await speak(kit.address, `HEAD /open/first HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\n{}`);
  assert.deepEqual([head.statuses, head.closed, recorder.bytes()], [[400], true, '']);
});

// Attack: a size, an extension or a line end that one reader understands in another way.
test('a chunk that is not written as it must be is refused, and never whole at the back end', async () => {
  const bodies = {
    'a size before a bare LF': '2\n{}\r\n0\r\n\r\n',
    'data before a bare LF': '2\r\n{}\n0\r\n\r\n',
    'an extension with a bare LF': '2;a\nb\r\n{}\r\n0\r\n\r\n',
    'an extension before a bare LF': '2;a=b\n{}\r\n0\r\n\r\n',
    'an extension with a bare CR': '2;a\rb\r\n{}\r\n0\r\n\r\n',
    'an extension with NUL': '2;a\0b\r\n{}\r\n0\r\n\r\n',
    'an extension that quotes line ends': '2;a="\r\n0\r\n\r\nx"\r\n{}\r\n0\r\n\r\n',
    'an extension of 17 kB': `2;${'a'.repeat(17_000)}\r\n{}\r\n0\r\n\r\n`,
    'an end of bare LFs': '2\r\n{}\r\n0\n\n',
    'an end with a bare LF': '2\r\n{}\r\n0\r\n\n',
    'an end of bare CRs': '2\r\n{}\r\n0\r\r',
    'a size past 64 bits': 'fffffffffffffffff\r\n{}\r\n0\r\n\r\n',
    'a size that wraps around': '10000000000000002\r\n{}\r\n0\r\n\r\n',
    'a negative size': '-2\r\n{}\r\n0\r\n\r\n',
    'a size with a sign': '+2\r\n{}\r\n0\r\n\r\n',
    'a size with 0x': '0x2\r\n{}\r\n0\r\n\r\n',
    'a size behind a space': ' 2\r\n{}\r\n0\r\n\r\n',
    'a size before a space': '2 \r\n{}\r\n0\r\n\r\n',
    'a size before a tab': '2\t\r\n{}\r\n0\r\n\r\n',
    'a size with a space in it': '0 2\r\n{}\r\n0\r\n\r\n',
    'a size with _': '2_\r\n{}\r\n0\r\n\r\n',
    'no size': '\r\n{}\r\n0\r\n\r\n',
    'an extension without a size': ';a\r\n{}\r\n0\r\n\r\n',
    'a size that is too small': '1\r\n{}\r\n0\r\n\r\n',
    'a trailer with a length': '2\r\n{}\r\n0\r\nContent-Length: 5\r\n\r\n',
    'a trailer with a coding': `2\r\n{}\r\n0\r\n${CHUNKED}\r\n`,
    'a trailer that is folded': '2\r\n{}\r\n0\r\nX: a\r\n b\r\n\r\n',
    'a trailer with NUL': '2\r\n{}\r\n0\r\nX: a\0\r\n\r\n',
  };
  const requests = Object.entries(bodies).map(([name, body]) => [name, `${POST}${CHUNKED}\r\n${body}${SMUGGLED}`]);
  await refused(Object.fromEntries(requests));
  await refused(
    { 'a trailer without end': `${POST}${CHUNKED}\r\n0\r\nX: ${'a'.repeat(20_000)}\r\n\r\n${SMUGGLED}` },
    431,
  );
});

// Attack: a line that ends, goes on or holds a sign where only some readers think so hides a header from one of them.
test('a head with bare line ends, NUL, controls or folded lines is refused, and nothing of it is handed on', async () => {
  const end = `Content-Length: 0\r\n\r\n${SMUGGLED}`;
  await refused({
    'LF everywhere': `POST /open/first HTTP/1.1\nHost: a\nContent-Length: 2\n\n{}${SMUGGLED}`,
    'LF behind the first line': `GET /open/first HTTP/1.1\n${HOST}\r\n${SMUGGLED}`,
    'LF behind a header': `${POST}X: y\n${end}`,
    'LF at the end': `GET /open/first HTTP/1.1\r\nHost: a\r\n\n${SMUGGLED}`,
    'CR in a value': `${POST}X: a\rb\r\n${end}`,
    'CR that hides a coding': `${POST}X: a\r${CHUNKED}${end}`,
    'CR before the line end': `${POST}X: a\r\r\n${end}`,
    'CR everywhere': 'GET /open/first HTTP/1.1\rHost: a\r\r',
    'NUL in a value': `${POST}X: a\0b\r\n${end}`,
    'NUL in a name': `${POST}X\0: a\r\n${end}`,
    'NUL in the target': `GET /open/\0first HTTP/1.1\r\n${HOST}\r\n${SMUGGLED}`,
    'another control in a value': `${POST}X: a\x01b\r\n${end}`,
    'DEL in a value': `${POST}X: a\x7fb\r\n${end}`,
    'a folded value': `${POST}X: a\r\n b\r\n${end}`,
    'a value folded with a tab': `${POST}X: a\r\n\tb\r\n${end}`,
    'a folded host': `GET /open/first HTTP/1.1\r\nHost: a\r\n b\r\n\r\n${SMUGGLED}`,
    'a first header that begins with a space': `POST /open/first HTTP/1.1\r\n X: a\r\n${HOST}${end}`,
    'a line without a colon': `${POST}Xa\r\n${end}`,
    'no name': `${POST}: b\r\n${end}`,
    'a space in a name': `${POST}X A: b\r\n${end}`,
    'a space behind a name': `${POST}X : b\r\n${end}`,
    'a bracket in a name': `${POST}X(A: b\r\n${end}`,
    'a name above ASCII': `${POST}X\xe9: b\r\n${end}`,
  });
});

// Attack: a proxy before us, our policy and the back end each believe another host.
test('a request with two hosts, none, or one that is none is refused, and the connection with it', async () => {
  const first = 'GET /open/first HTTP/1.1\r\n';
  const junk = ['a, b', 'a b', 'a\tb', 'a/open/y', 'u@a', 'a?b', 'a#b', 'a\\b', 'a"b', '<a>', '\xe9', 'a:b', 'a:80:90'];
  await refused({
    two: `${first}Host: a\r\nHost: b\r\n\r\n${SMUGGLED}`,
    'the same twice': `${first}Host: a\r\nHost: a\r\n\r\n${SMUGGLED}`,
    none: `${first}\r\n${SMUGGLED}`,
    empty: `${first}Host:\r\n\r\n${SMUGGLED}`,
    'two, for a socket': `${first}Host: a\r\nHost: b\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    'a space before the colon': `${first}Host : a\r\n\r\n${SMUGGLED}`,
    ...Object.fromEntries(junk.map((host) => [host, `${first}Host: ${host}\r\n\r\n${SMUGGLED}`])),
  });
});

// Attack: the first line names a host, a path or a version that another program reads elsewhere.
test('a first line that is not method, path and HTTP/1.1 or 1.0 is refused, and the connection with it', async () => {
  const lines = {
    'an absolute address': 'GET http://evil.example/open/first HTTP/1.1',
    'an absolute address of ours': 'GET http://twin.example/open/first HTTP/1.1',
    'an absolute address of a page of ours': 'GET http://evil.example/health HTTP/1.1',
    'an absolute address without a host': 'GET http:/open/first HTTP/1.1',
    'an authority': 'GET evil.example:80 HTTP/1.1',
    'a path behind user data': 'GET @evil.example/open/first HTTP/1.1',
    'a path without a slash': 'GET open/first HTTP/1.1',
    'a tab behind the method': 'GET\t/open/first HTTP/1.1',
    'a tab behind the path': 'GET /open/first\tHTTP/1.1',
    'a space behind it': 'GET /open/first HTTP/1.1 ',
    'a space before it': ' GET /open/first HTTP/1.1',
    'three paths': 'GET /open/first /open/b HTTP/1.1',
    'version 1.2': 'GET /open/first HTTP/1.2',
    'version 1.10': 'GET /open/first HTTP/1.10',
    'version 01.1': 'GET /open/first HTTP/01.1',
    'version 2.0': 'GET /open/first HTTP/2.0',
    'version 3.0': 'GET /open/first HTTP/3.0',
    'version 0.9': 'GET /open/first HTTP/0.9',
    'no version': 'GET /open/first',
    'http in lower case': 'GET /open/first http/1.1',
    'a method in lower case': 'get /open/first HTTP/1.1',
    'another protocol': 'GET /open/first ICE/1.0',
  };
  const requests = Object.entries(lines).map(([name, line]) => [name, `${line}\r\n${HOST}\r\n${SMUGGLED}`]);
  await refused(Object.fromEntries(requests));
  await refused({ 'over-long': `GET /open/${'a'.repeat(17_000)} HTTP/1.1\r\n${HOST}\r\n${SMUGGLED}` }, 431);
  const tunnel = await speak(kit.address, `CONNECT evil.example:80 HTTP/1.1\r\n${HOST}\r\n${SMUGGLED}`);
  assert.deepEqual([tunnel.closed, tunnel.statuses, recorder.bytes()], [true, [400], '']);
});

test('what only looks odd is handed on once, framed by us alone', async () => {
  const two = 'Content-Length: 2\r\n';
  const close = 'Connection: close\r\n';
  const fair = {
    'zeros before a length': `${POST}${close}Content-Length: 02\r\n\r\n{}`,
    'a tab behind a length': `${POST}${close}Content-Length: 2\t\r\n\r\n{}`,
    'CHUNKED in capitals': `${POST}${close}Transfer-Encoding: CHUNKED\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
    'zeros before a size': `${POST}${close}${CHUNKED}\r\n${'0'.repeat(40)}2\r\n{}\r\n0\r\n\r\n`,
    'chunk extensions': `${POST}${close}${CHUNKED}\r\n1;a=b\r\n{\r\n1;secret="c d"\r\n}\r\n0;e\r\n\r\n`,
    'trailers that nobody may send': `${POST}${close}${CHUNKED}\r\n2\r\n{}\r\n0\r\nHost: evil\r\nTwinkeep-Assertion: secret\r\n\r\n`,
    'a length named away': `${POST}Connection: close, content-length\r\n${two}\r\n{}`,
    'a coding named away': `${POST}Connection: close, transfer-encoding\r\n${CHUNKED}\r\n2\r\n{}\r\n0\r\n\r\n`,
    'a host named away': `${POST}Connection: close, host\r\n${two}\r\n{}`,
    'a coding with _ behind': `${POST}${close}Transfer_Encoding: chunked\r\n${two}\r\n{}`,
    'a line end before it': `\r\n${POST}${close}${two}\r\n{}`,
    'two spaces': `POST  /open/first  HTTP/1.1\r\n${HOST}${close}${two}\r\n{}`,
    'HTTP/1.0': `${POST.replace('1.1', '1.0')}${two}\r\n{}`,
  };
  for (const [name, bytes] of Object.entries(fair)) {
    recorder.clear();
    const { statuses, closed } = await speak(kit.address, bytes);
    assert.deepEqual([statuses, closed], [[200], true], name);
    const [request, ...others] = recorder.requests;
    assert.ok(request?.whole && others.length === 0, name);
    assert.equal(request.head.split('\r\n')[0], 'POST /open/first HTTP/1.1', name);
    const framing = [...valuesOf(request, 'content-length'), ...valuesOf(request, 'transfer-encoding')];
    assert.ok(framing.join() === '2' || framing.join() === 'chunked', `${name}: ${framing}`);
    const data = request.body.replace(/[0-9a-f]+\r\n([{}]*)\r\n/g, '$1').replace(/\r\n/g, '');
    assert.equal(data, '{}', name);
    assert.equal(valuesOf(request, 'host').length, 1, name);
    assert.doesNotMatch(recorder.bytes(), /secret|evil|trailer/i, name);
  }
});

// Attack: Node and its inspection keep the first of two, and the back end reads the last, or both in one.
test('a header that may stand once is refused where it stands twice, and nothing of it is handed on', async () => {
  const names = ['User-Agent', 'Referer', 'From', 'If-Modified-Since', 'If-Unmodified-Since', 'Age', 'ETag', 'Expires'];
  const more = ['Last-Modified', 'Location', 'Max-Forwards', 'Proxy-Authorization', 'Authorization', 'Retry-After'];
  const heads = [...names, ...more, 'Server', 'Content-Type'].map((name) => [
    name,
    `${GET}${name}: ok\r\nX: y\r\n${name.toLowerCase()}: 1' union select 1 -- \r\n\r\n`,
  ]);
  await refused(Object.fromEntries(heads));
  const lists =
    'Accept: a/b\r\nAccept: c/d\r\nCookie: a=1\r\nCookie: b=2\r\nVia: 1.1 a\r\nVia: 1.1 b\r\nX-Forwarded-For: ::1\r\nX-Forwarded-For: ::1\r\n';
  recorder.clear();
  const { statuses } = await speak(kit.address, `${GET}User-Agent: ok\r\n${lists}Connection: close\r\n\r\n`);
  assert.deepEqual(statuses, [200]);
});

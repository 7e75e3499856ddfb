import assert from 'node:assert/strict';
import { test } from 'node:test';
import { walkHead } from './head.ts';
import { headTold } from './walk-kit.contract.ts';

test('a path is visited whole as received, and each segment decoded', () => {
  const { values, fields } = headTold('/api/a%20b//c+d');
  assert.deepEqual(values, ['path = /api/a%20b//c+d', 'path[0] = api', 'path[1] = a b', 'path[3] = c+d']);
  assert.deepEqual([...new Set(fields)], ['path']);
});

test('a matrix parameter is visited with its segment and by itself', () => {
  const { values, names } = headTold('/m;x=1%27;y');
  assert.deepEqual(values.slice(1), ["path[0] = m;x=1';y", "path[0].x = 1'", 'path[0] = y']);
  assert.deepEqual(names, ['path[0].x: x']);
});

test('names and values of a query are visited as an application sees them, each repeated one too', () => {
  const { values, names, fields } = headTold('/?q=a+b%2b&Q=1&q=%27&a[b][0]=c&&=e&f');
  assert.deepEqual(values.slice(1), [
    'query.q = a b+',
    'query.Q = 1',
    "query.q[1] = '",
    'query.a[b][0] = c',
    'query = e',
    'query = f',
  ]);
  assert.deepEqual(names, ['query.q: q', 'query.Q: Q', 'query.q[1]: q', 'query.a[b][0]: a[b][0]']);
  assert.ok(fields.includes('query.a[b]'));
});

// Attack: a server that parts at `;` sees another parameter than one that does not.
test('a semicolon in a query is read both ways', () => {
  const { values } = headTold('/?a=1;b=2&c=3');
  assert.deepEqual(values.slice(1), ['query.a = 1;b=2', 'query.a[1] = 1', 'query.b = 2', 'query.c = 3']);
});

// Attack: overlong UTF-8 and single bytes decode to something else on servers that read Latin-1.
test('bytes that are no UTF-8 stay encoded, and are visited in Latin-1 too', () => {
  const { values } = headTold('/?a=%C0%AF%zz%u0041&b=caf%E9&c=%F0%9F%98%80%ED%A0%80');
  assert.deepEqual(values.slice(1), [
    'query.a = %C0%AF%zz%u0041',
    'query.a = À¯%zz%u0041',
    'query.b = caf%E9',
    'query.b = café',
    'query.c = 😀%ED%A0%80',
    'query.c = ð\x9f\x98\x80í\xa0\x80',
  ]);
});

test('each header is visited, in UTF-8 too where its bytes are that', () => {
  const { values } = headTold('/', { 'user-agent': 'x', 'x-list': 'a, b', 'set-cookie': ['c', 'd'], from: 'Ã©' });
  assert.deepEqual(values.slice(1), [
    'header.user-agent = x',
    'header.x-list = a, b',
    'header.set-cookie = c',
    'header.set-cookie = d',
    'header.from = Ã©',
    'header.from = é',
  ]);
});

test('cookies are visited by name and value, decoded once', () => {
  const { values, names } = headTold('/', { cookie: 'a=1%27; b="x"; a=2; lone; =e' });
  assert.deepEqual(values.slice(1), [
    "cookie.a = 1'",
    'cookie.b = "x"',
    'cookie.a[1] = 2',
    'cookie = lone',
    'cookie = e',
  ]);
  assert.deepEqual(names, ['cookie.a: a', 'cookie.b: b', 'cookie.a[1]: a']);
});

test('tokens and API keys are not visited', () => {
  const { texts } = headTold('/', { authorization: 'Bearer eyJh.eyJz.c2ln', 'x-api-key': 'tk_live_0123==' });
  assert.deepEqual(texts, ['/']);
});

// Attack: an attack is put where a secret belongs, because nobody looks there.
test('what stands in the place of a secret and cannot be one is visited', () => {
  const { values } = headTold('/', { authorization: "Bearer ' or 1=1--", 'x-api-key': '<script>' });
  assert.deepEqual(values.slice(1), ["header.authorization = Bearer ' or 1=1--", 'header.x-api-key = <script>']);
});

// Attack: a path, an address or an option has no other letters than a token has.
test('a path, an address and an option in the place of a secret are visited', () => {
  for (const authorization of [
    'Bearer ../../etc/passwd',
    'Bearer /etc/passwd',
    'Bearer http://evil',
    'x -oProxyCommand=id',
  ])
    assert.deepEqual(headTold('/', { authorization }).values.slice(1), [`header.authorization = ${authorization}`]);
  for (const key of ['http://169.254.169.254/', '-oProxyCommand=id', 'x -oProxyCommand=id', 'a b'])
    assert.deepEqual(headTold('/', { 'x-api-key': key }).values.slice(1), [`header.x-api-key = ${key}`]);
});

// Attack: the key of a token is looked up by its name, before anybody knows whether its signature is good.
test('header and claims of a token are visited, its letters are not', () => {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const token = `${part({ alg: 'HS256', kid: "x' union select" })}.${part({ sub: 'me' })}.c2ln`;
  for (const headers of [{ authorization: `Bearer ${token}` }, { 'x-api-key': token }]) {
    const { values } = headTold('/', headers);
    assert.deepEqual(values.map((value) => value.replace(/^[^ ]*\./, '')).slice(1), [
      'alg = HS256',
      "kid = x' union select",
      'sub = me',
    ]);
  }
});

test('Basic credentials are visited decoded, name and password each, whatever blank stands before them', () => {
  for (const blank of [' ', '\t', '  ']) {
    const authorization = `Basic${blank}${Buffer.from("admin'--:x:y z").toString('base64')}`;
    assert.deepEqual(headTold('/', { authorization }).values.slice(1), [
      "header.authorization = admin'--",
      'header.authorization.password = x:y z',
    ]);
  }
});

test('the password of Basic credentials is visited as noise where it could be made at random', () => {
  const told = (password: string) => {
    const seen: string[] = [];
    const authorization = `Basic ${Buffer.from(`o'hara:${password}`).toString('base64')}`;
    walkHead({ method: 'GET', url: '/', headers: { authorization } }, (text, cursor) => {
      if (text === password) seen.push(`${cursor.at()} ${cursor.isBinary}`);
    });
    return seen.join();
  };
  for (const password of ['$3+@FpU;Zn>ixB|IQ!i8l#bL2s+', "1'||2=2;--"])
    assert.equal(told(password), 'header.authorization.password true');
  for (const password of ["1' or 1=1", `1'${'-'.repeat(64)}`, '1\tor 2'])
    assert.equal(told(password), 'header.authorization.password false');
});

// Attack: Python leaves out the signs of the other alphabet, which Node reads.
test('Basic credentials in no plain Base64 are visited in each reading', () => {
  const sent = Buffer.from("admin'--").toString('base64');
  const { values } = headTold('/', { authorization: `Basic -${sent.slice(0, 5)}_${sent.slice(5)}` });
  assert.ok(values.includes("header.authorization = admin'--"), values.join());
});

// Attack: backticks and quotes are tokens to HTTP, and a CGI puts names of headers into its environment.
test('a header name that is more than letters is visited as a name', () => {
  assert.deepEqual(headTold('/', { 'x`id`': '1' }).names, ['header["x`id`"]: x`id`']);
});

// Attack: a name with a dot is made to look like the place that an exception of a route names.
test('a name that could be taken for a place is quoted in it', () => {
  assert.deepEqual(headTold('/?body.notes=1').fields.slice(-1), ['query["body.notes"]']);
});

test('a place is short, however long a name is', () => {
  for (const name of ['a'.repeat(9_000), '\u0000'.repeat(9_000)]) {
    const { values, fields } = headTold(`/?${name}=v`);
    assert.ok(values.some((value) => value.endsWith('= v') && value.length < 270));
    for (const field of fields) assert.ok(field.length <= 257);
  }
});

test('a query value that is JSON is visited as text and inside', () => {
  const { values } = headTold(`/?filter=${encodeURIComponent('{"a":{"$ne":"x"}}')}`);
  assert.deepEqual(values.slice(1), ['query.filter = {"a":{"$ne":"x"}}', 'query.filter.a.$ne = x']);
});

// Attack: thousands of parameters, so that the last is past what is looked at.
test('beyond ten thousand texts the rest is visited several in one, by their fields', () => {
  const { texts, values, oddities } = headTold(`/?${'a=1&'.repeat(20_000)}b=marker`);
  assert.deepEqual(oddities, ['too-many at query.a[9966]']);
  assert.ok(texts.length < 10_030);
  assert.equal(values.at(-1), 'query.b = marker');
});

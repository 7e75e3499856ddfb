import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { requestOfCurl } from './detect-curl.ts';
import { requestOfRaw } from './detect-request.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
const UNION = "1' union select password from users--";

let folder: string;
let calls = 0;
const backEnd = createServer((socket) => {
  calls++;
  socket.destroy();
});
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'twinkeep-detect-'));
  await new Promise<void>((resolve) => backEnd.listen(0, '127.0.0.1', resolve));
  const { port } = backEnd.address() as AddressInfo; // a TCP server's address has a port
  const health = { path: '/health', everyMs: 50 };
  const gateway = {
    backEnds: { twin: { url: `http://127.0.0.1:${port}`, health } },
    routes: [{ path: '/api/*', to: 'twin', detection: 'block' }],
  };
  await writeFile(join(folder, 'twinkeep.config.json'), JSON.stringify({ gateway }));
});
after(async () => {
  backEnd.close();
  await rm(folder, { recursive: true, force: true });
});

const detect = (args: readonly string[], stdin = '') => run(['detect', ...args], stdin);

async function run(args: readonly string[], stdin = '', cwd = folder) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd,
    env: { PATH: process.env['PATH'], TWINKEEP_DATA: join(folder, 'data') },
  });
  child.stdin.on('error', () => undefined).end(stdin);
  const [out, err] = [child.stdout, child.stderr].map((stream) => stream.setEncoding('utf8').toArray());
  const [code] = await once(child, 'close');
  return { code, out: ((await out) ?? []).join(''), err: ((await err) ?? []).join('') };
}

test('explain tells an attack from an honest text by its end, and why', async () => {
  const attack = await detect(['explain', '--text', UNION, '--route', 'GET /api/*']);
  assert.equal(attack.code, 1, attack.err);
  assert.match(attack.out, /^ATTACK: .*it would be refused \(GET \/api\/\*, mode block\)/);
  assert.match(attack.out, /query\.text: sqli/);
  assert.match(attack.out, /"because": ""/);
  const clean = await detect(['explain', '--text', 'the meter in the hall', '--json']);
  assert.deepEqual([clean.code, JSON.parse(clean.out).attack], [0, false], clean.err);
});

test('a request is taken raw, as a curl line or by its parts, and finds its route by itself', async () => {
  const body = JSON.stringify({ note: UNION });
  const raw = `POST /api/notes HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\r\n${body}`;
  const ways = await Promise.all([
    detect(['explain', '--json', '--raw', '-'], raw),
    detect([
      'explain',
      '--json',
      '--curl',
      `curl -sS 'https://a/api/notes' -H 'content-type: application/json' --data-raw $'${body.replaceAll("'", "\\'")}'`,
    ]),
    detect(['explain', '--json', '--url', '/api/notes', '--header', 'content-type: application/json', '--body', body]),
  ]);
  for (const { code, out, err } of ways) {
    assert.equal(code, 1, err);
    const { route, findings, would } = JSON.parse(out);
    assert.deepEqual([route, findings[0].at, would], ['POST /api/*', 'body.note', 'be refused']);
  }
});

// Attack: a request with somebody's token is pasted into a ticket with its explanation.
test('no secret of a request stands in its explanation', async () => {
  const secret = 'hunter2-Very-Secret';
  const { code, out, err } = await detect([
    ...['explain', '--json', '--url', `/api/x?password=${encodeURIComponent(`${secret}${UNION}`)}`],
    ...[
      '--header',
      `authorization: Bearer ${secret}' or 1=1--`,
      '--body',
      JSON.stringify({ q: `${UNION} password=${secret}` }),
    ],
  ]);
  assert.equal(code, 1, err);
  assert.ok(!`${out}${err}`.includes(secret), out);
});

test('replay counts who would be hit and freed, names bad lines, and ends as CI wants it', async () => {
  const lines = [
    { url: '/api/x?q=hello', label: 'benign' },
    { url: '/api/x?q=zyzzyva-7', label: 'benign' },
    { url: `/api/x?q=${encodeURIComponent(UNION)}`, label: 'sqli' },
  ];
  await writeFile(join(folder, 't.jsonl'), `${lines.map((line) => JSON.stringify(line)).join('\n')}\nbroken\n`);
  const own = {
    id: 'own-word',
    class: 'code',
    title: 'a word of ours',
    match: { phrases: ['zyzzyva'] },
    weight: 9,
    inText: 9,
  };
  await writeFile(join(folder, 'rules.json'), JSON.stringify({ add: [own] }));
  const replay = (...more: string[]) => detect(['replay', 't.jsonl', '--json', ...more]);
  const present = await replay('--max-false', '0', '--max-bad', '1');
  assert.equal(present.code, 0, present.err);
  for (const strict of [
    ['--max-false', '0'],
    ['--max-bad', '0'],
  ])
    assert.equal((await replay(...strict)).code, 1, 'a line that cannot be read');
  const changed = await replay('--rules', 'rules.json', '--max-false', '0', '--max-bad', '1');
  const { requests, hit, freed, false_hits: falseHits, bad, bad_samples: badSamples } = JSON.parse(changed.out);
  assert.deepEqual([changed.code, requests, hit, freed, falseHits, bad], [1, 3, 1, 0, 1, 1]);
  assert.deepEqual(badSamples, [{ place: 'line 4', reason: 'is not JSON' }]);
  const loose = await replay('--threshold', '50');
  assert.deepEqual([loose.code, JSON.parse(loose.out).freed], [0, 1]);
});

test('what is wrong with a rule set, an exception or an option is said, with another end than a verdict', async () => {
  await writeFile(join(folder, 'bad.json'), JSON.stringify({ off: ['no-such-rule'] }));
  await writeFile(join(folder, 'unreasoned.json'), JSON.stringify([{ field: 'query.q', rule: 'sqli-*', because: '' }]));
  const rules = await detect(['replay', 't.jsonl', '--rules', 'bad.json']);
  assert.ok(rules.code === 2 && rules.err.includes('no-such-rule'), rules.err);
  const exceptions = await detect(['replay', 't.jsonl', '--exceptions', 'unreasoned.json']);
  assert.ok(exceptions.code === 2 && exceptions.err.includes('say in `because` why'), exceptions.err);
  const array = await detect(['replay', 'unreasoned.json']);
  assert.ok(array.code === 1 && array.err.includes('begins a JSON array'), array.err);
  for (const odd of [
    ['--threshold', '99'],
    ['--model', 'maybe'],
    ['--route', 'GET /nosuch'],
    ['--rules', 'gone.json'],
  ])
    assert.equal((await detect(['explain', '--text', 'hello', ...odd])).code, 2, odd.join(' '));
  const fitting = [
    { route: 'POST /nonsense', because: 'for this test' },
    { field: 'query.Q', rule: 'sqli-*', because: 'it is taught here' },
  ];
  await writeFile(join(folder, 'fitting.json'), JSON.stringify(fitting));
  const { code, out, err } = await detect(['replay', 't.jsonl', '--exceptions', 'fitting.json']);
  assert.equal(code, 0, err);
  assert.match(err, /Exception 0 applies nowhere/);
  assert.match(out, /^Exception 0 fitted nothing\.$/m);
  assert.doesNotMatch(out, /Exception 1/);
  assert.equal((await detect(['explain'])).code, 2);
  assert.equal((await detect(['explain', '--text', 'a', '--url', '/b'])).code, 2);
});

test('rules are listed with their classes, without a server too', async () => {
  const { code, out, err } = await detect(['rules', '--class', 'xxe', '--json']);
  assert.equal(code, 0, err);
  const items = JSON.parse(out);
  assert.ok(
    items.length > 0 && items.every((one: { class: string; hits: null }) => one.class === 'xxe' && one.hits === null),
  );
});

test('rules of a class that there is not are refused with those that there are', async () => {
  const { code, err } = await detect(['rules', '--class', 'nosuch']);
  assert.equal(code, 2);
  assert.match(err, /no rule is of the class nosuch; there are code, .*sqli/);
});

test('a check of the configuration tells of exceptions that fit nothing, and names a setting by its whole place', async () => {
  const other = join(folder, 'other');
  await mkdir(other);
  const checked = async (inspection: object) => {
    await writeFile(join(other, 'twinkeep.config.json'), JSON.stringify({ detection: { inspection } }));
    return run(['config', 'check'], '', other);
  };
  const because = 'for this test';
  const stray = await checked({ exceptions: [{ route: 'POST /nonsense', because }] });
  assert.equal(stray.code, 0, stray.err);
  assert.match(stray.err, /Exception 0 applies nowhere: there is no route "POST \/nonsense"/);
  const flaws: readonly (readonly [object, RegExp])[] = [
    [{ foo: 1 }, /detection\.inspection\.foo: is not a setting/],
    [
      { exceptions: [{ rule: 'sqli-nosuch', because }] },
      /inspection\.exceptions\.0\.rule: is "sqli-nosuch", which is neither/,
    ],
    [{ exceptions: [{ field: 'q', because }] }, /inspection\.exceptions\.0\.field: must begin with path, query/],
    [{ exceptions: [{ field: 'query.q' }] }, /inspection\.exceptions\.0\.because: say in `because` why/],
  ];
  for (const [inspection, says] of flaws) {
    const { code, err } = await checked(inspection);
    assert.equal(code, 1);
    assert.match(err, says);
  }
});

test('nothing was sent and nothing was written', async () => {
  assert.equal(calls, 0);
  assert.ok(!(await readdir(folder)).includes('data'));
});

test('a curl line is read as a shell reads it', () => {
  const { method, url, headers, body } = requestOfCurl(
    `curl -X PUT "https://a/x?y=1" \\\n -H 'A: b"c' -u ada:pw -d 'a=1' --data-urlencode "q=x y" --compressed`,
  );
  assert.deepEqual([method, url, body], ['PUT', 'https://a/x?y=1', 'a=1&q=x%20y']);
  assert.deepEqual(headers, [
    ['A', 'b"c'],
    ['authorization', `Basic ${Buffer.from('ada:pw').toString('base64')}`],
    ['content-type', 'application/x-www-form-urlencoded'],
  ]);
  assert.deepEqual(requestOfCurl("curl -G -dq=1 'http://a/b'").url, 'http://a/b?q=1');
  assert.throws(() => requestOfCurl('curl --data @secret http://a'), { code: 'CLI_USAGE' });
  assert.throws(() => requestOfCurl('wget http://a'), { code: 'CLI_USAGE' });
  assert.throws(() => requestOfCurl('curl --unix-socket /x http://a'), { code: 'CLI_USAGE' });
});

test('a raw request is read byte for byte', () => {
  const bytes = Buffer.concat([Buffer.from('POST /x HTTP/1.1\nHost: a\n\n'), Buffer.from([0, 255, 10, 13])]);
  const { method, url, headers, body } = requestOfRaw(bytes);
  assert.deepEqual([method, url, headers.host, [...(body ?? [])]], ['POST', '/x', 'a', [0, 255, 10, 13]]);
  assert.throws(() => requestOfRaw(Buffer.from('nonsense')), { code: 'CLI_USAGE' });
});

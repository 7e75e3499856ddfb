import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type EmbeddedDetection, type EmbeddedDetectionOptions, openEmbeddedDetection } from './index.ts';

let folder: string;
let open: EmbeddedDetection[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'twinkeep-detection-'));
  open = [];
});
afterEach(() => {
  for (const one of open) one.close();
  rmSync(folder, { recursive: true });
});

function opened(options?: EmbeddedDetectionOptions): EmbeddedDetection {
  const detection = openEmbeddedDetection(options);
  open.push(detection);
  return detection;
}

const ATTACK = "1' union select password from users--";
const JSON_TYPE = { 'content-type': 'application/json' };
const NOTES = { method: 'POST', url: '/notes', headers: JSON_TYPE };
const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

// Attack: a program that has no gateway in front of it is sent an injection.
test('a program asks about a head and a body, and is told what to answer, where and why', async () => {
  const detection = opened();
  const query = await detection.inspect({ method: 'GET', url: `/x?q=${encodeURIComponent(ATTACK)}`, headers: {} });
  assert.deepEqual([query.refusal, query.attack, query.would], [403, true, 'be refused']);
  assert.deepEqual([query.findings[0]?.at, query.findings[0]?.class], ['query.q', 'sqli']);
  assert.ok((query.findings[0]?.rules[0]?.title.length ?? 0) > 3);
  const [first] = query.exceptions;
  assert.deepEqual([first?.route, first?.field], ['GET /x', 'query.q']);
  const body = await detection.inspect(NOTES, bytes({ meters: [{ name: ATTACK }] }));
  assert.deepEqual([body.refusal, body.findings[0]?.at], [403, 'body.meters[0].name']);
  assert.equal((await detection.inspect({ headers: { cookie: 'a=<script>alert(1)</script>' } })).refusal, 403);
  const clean = await detection.inspect(NOTES, bytes({ note: 'Credit Union selection' }));
  assert.deepEqual([clean.refusal, clean.attack, clean.findings], [undefined, false, []]);
  assert.ok(detection.rules().some(({ hits }) => hits > 0));
});

test('what was not seen is refused where attacks are, and a rest that is unseen counts as odd', async () => {
  const detection = opened();
  const packed = { ...NOTES, headers: { ...JSON_TYPE, 'content-encoding': 'lzma' } };
  assert.equal((await detection.inspect(packed, bytes({}))).refusal, 415);
  assert.equal((await opened({ mode: 'shadow' }).inspect(packed, bytes({}))).refusal, undefined);
  const cut = await detection.inspect(NOTES, Buffer.from('{"a":1'), false);
  assert.deepEqual(
    [cut.refusal, cut.findings.some(({ rules }) => rules.some(({ rule }) => rule === 'evasion-unread'))],
    [403, true],
  );
});

test('modes and fields hold for the route that says them, and for the others what was said at the start', async () => {
  const detection = opened({ mode: 'shadow' });
  const seen = await detection.inspect(NOTES, bytes({ note: ATTACK }));
  assert.deepEqual([seen.refusal, seen.attack, seen.would], [undefined, true, 'be told of and let through']);
  const route = 'POST /notes';
  const strict = detection.on({ route, mode: 'block', unseenFields: ['body.signature'] });
  assert.equal((await strict.inspect(NOTES, bytes({ signature: ATTACK }))).refusal, undefined);
  assert.equal((await strict.inspect(NOTES, bytes({ password: ATTACK }))).refusal, 403, 'nothing else is left unseen');
  const talk = { note: 'please select a meter from the list; drop by, or call' };
  const folk = detection.on({ route, mode: 'block', textFields: ['body.note'] });
  assert.equal((await folk.inspect(NOTES, bytes(talk))).refusal, undefined);
  assert.equal((await folk.inspect(NOTES, bytes({ note: `Hello there, ${ATTACK}` }))).refusal, 403);
  assert.equal((await detection.on({ route, mode: 'off' }).inspect(NOTES, bytes({ note: ATTACK }))).attack, false);
});

test('the exception that a refusal names lets the same pass, there and nowhere else', async () => {
  const url = '/reports/7?q=1%27%20or%201%3D1--';
  const [named] = (await opened().inspect({ method: 'GET', url, headers: {} })).exceptions;
  const exceptions = [{ ...named, rule: 'sqli-*', because: 'engineers write SQL here' }];
  const detection = opened({ exceptions });
  const passed = await detection.inspect({ method: 'GET', url, headers: {} });
  assert.deepEqual([passed.refusal, passed.excepted], [undefined, ['engineers write SQL here']]);
  assert.equal((await detection.inspect({ method: 'GET', url: url.replace('7', '8'), headers: {} })).refusal, 403);
});

test('a file of rules is taken up, and one that is broken changes nothing', async () => {
  const rulesFile = join(folder, 'rules.json');
  const rule = { id: 'own-port', class: 'ssrf', title: 'our debug port', match: { regex: ':9229\\b' }, weight: 5 };
  writeFileSync(rulesFile, JSON.stringify({ add: [rule] }));
  const asked = { method: 'GET', url: '/x?to=twin:9229', headers: {} };
  const detection = opened();
  assert.equal((await detection.inspect(asked)).refusal, undefined);
  detection.reload({ rulesFile });
  assert.equal((await detection.inspect(asked)).refusal, 403);
  writeFileSync(rulesFile, '{"add": 7}');
  assert.throws(() => detection.reload({ rulesFile }), { code: 'DETECTION_RULES' });
  assert.throws(() => opened({ rulesFile: join(folder, 'none.json') }), { code: 'DETECTION_RULES' });
  assert.equal((await detection.inspect(asked)).refusal, 403);
  const odd: object[] = [{ threshold: 1 }, { mode: 'maybe' }, { treshold: 5 }, { exceptions: [{ field: 'body.a' }] }];
  for (const options of odd) assert.throws(() => opened(options), TypeError, JSON.stringify(options));
  for (const route of ['/notes', 'POST notes', 'POST /a b']) assert.throws(() => detection.on({ route }), TypeError);
});

const sample = fileURLToPath(new URL('embedded-sample.contract.ts', import.meta.url));
const code = readFileSync(sample, 'utf8').replace("'./index.ts'", "'twinkeep/detection'");

test('the example in docs/detection.md is the one that the compiler checks', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/detection.md'), 'utf8');
  assert.ok(page.includes(`\`\`\`ts\n${code}\`\`\``));
});

test('the example in docs/detection.md runs in a program outside, and refuses an attack', async (t) => {
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(join(import.meta.dirname, '../..'), join(folder, 'node_modules/twinkeep'));
  const free = "listen(0, '127.0.0.1', () => console.log(Object(server.address()).port))";
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(join(folder, 'server.ts'), code.replace("listen(3000, '127.0.0.1')", free));
  const server = spawn(process.execPath, ['server.ts'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => server.kill('SIGKILL'));
  const said = async (): Promise<string> => String((await once(server.stdout, 'data'))[0]).trim();
  const address = `http://127.0.0.1:${await said()}`;
  const post = (path: string, body: unknown) =>
    fetch(address + path, { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body) });
  assert.equal(await (await post('/notes', { note: 'select a meter from the list' })).text(), 'served');
  const told = said();
  assert.equal((await post('/readings', { meter: ATTACK })).status, 403);
  assert.equal(await told, 'body.meter sqli');
  // Attack: whoever leaves in the middle of a body, or never ends it, takes the program down.
  const left = request(address, { method: 'POST', headers: { 'content-length': '100' } }).on('error', () => undefined);
  const gone = new Promise((resolve) => left.on('close', resolve));
  left.write('half', () => left.destroy());
  await gone;
  await assert.rejects(post('/readings', { meter: 'x'.repeat(200_000) }));
  assert.equal((await post('/readings', { meter: 'M1' })).status, 200);
});

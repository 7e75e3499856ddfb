import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { requestId, tenantId } from '../kernel/brand.ts';
import { isFault } from '../kernel/errors.ts';
import { anonymous } from '../kernel/principal.ts';
import { createSqliteStorage } from '../storage/index.ts';
import { createTestClock, KIT_PASSWORD } from '../testing/index.ts';
import { type Config, type ConfigInput, configSchema } from './config.ts';
import { createTwinkeep, type Twinkeep } from './twinkeep.ts';

type Mode = 'off' | 'shadow' | 'block';
type DetectionInput = NonNullable<ConfigInput['detection']>;
type InspectionInput = NonNullable<DetectionInput['inspection']>;
type Settings = { inspection: InspectionInput; mode: Mode; more?: DetectionInput };

const folder = mkdtempSync(join(tmpdir(), 'twinkeep-rules-'));
const file = join(folder, 'rules.json');
let backEnd: Server;
let twinkeep: Twinkeep;
let address: string;
let settings: Settings = { inspection: {}, mode: 'shadow' };

function parsed(): Config {
  const { port } = backEnd.address() as AddressInfo; // a TCP server's address has a port
  const { inspection, mode, more } = settings;
  const route = { path: '/api/*', to: 'twin', access: 'public', because: 'for this test', detection: mode } as const;
  const gateway = { backEnds: { twin: { url: `http://127.0.0.1:${port}` } }, routes: [route] };
  const detection = { enabled: false, inspection, ...more };
  return configSchema.parse({ port: 0, logLevel: 'silent', adminPassword: KIT_PASSWORD, gateway, detection });
}

before(async () => {
  backEnd = createServer((_asked, response) => void response.end('ok'));
  await new Promise<void>((resolve) => backEnd.listen(0, '127.0.0.1', resolve));
  const clock = createTestClock();
  const storage = createSqliteStorage({ file: ':memory:', clock });
  twinkeep = await createTwinkeep(parsed(), { clock, storage, ownFolder: false, readConfig: async () => parsed() });
  await new Promise<void>((resolve) => twinkeep.server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(twinkeep.server.address() as AddressInfo).port}`; // a TCP server's address has a port
});
after(async () => {
  await twinkeep.close();
  backEnd.close().closeAllConnections();
  rmSync(folder, { recursive: true });
});

async function status(text: string): Promise<number> {
  const answer = await fetch(`${address}/api/x?q=${encodeURIComponent(text)}`, { headers: { connection: 'close' } });
  await answer.text();
  return answer.status;
}

const OWN_WORD = 'zyzzyva-unlock';
const OWN_RULE = { id: 'own-word', class: 'code', title: 'a word of ours', match: { phrases: [OWN_WORD] }, weight: 9 };
const UNION = "1' union select password from users--";
const rule = (id: string): number | undefined => twinkeep.house.detection.rules().find((one) => one.id === id)?.hits;

test('another mode is in force after a reload', async () => {
  assert.equal(await status(UNION), 200);
  settings = { inspection: {}, mode: 'block' };
  assert.deepEqual((await twinkeep.reload()).restart_needed, []);
  assert.equal(await status(UNION), 403);
});

test('rules of a file, and what changes in it, are in force after a reload, without a restart', async () => {
  assert.equal(await status(OWN_WORD), 200);
  writeFileSync(file, JSON.stringify({ add: [OWN_RULE] }));
  settings = { inspection: { rulesFile: file }, mode: 'block' };
  assert.deepEqual((await twinkeep.reload()).restart_needed, []);
  assert.equal(await status(OWN_WORD), 403);
  assert.equal(rule('own-word'), 1);
  writeFileSync(file, JSON.stringify({ add: [{ ...OWN_RULE, weight: 1 }] }));
  assert.deepEqual((await twinkeep.reload()).restart_needed, []);
  assert.equal(await status(OWN_WORD), 200, 'the same file, and another text in it');
});

test('exceptions are in force after a reload', async () => {
  writeFileSync(file, JSON.stringify({ add: [OWN_RULE] }));
  await twinkeep.reload();
  assert.equal(await status(OWN_WORD), 403);
  const exceptions = [{ field: 'query.q', rule: 'own-word', because: 'it is a bird’s name' }];
  settings = { inspection: { rulesFile: file, exceptions }, mode: 'block' };
  assert.deepEqual((await twinkeep.reload()).restart_needed, []);
  assert.equal(await status(OWN_WORD), 200);
  assert.equal(await status(UNION), 403);
});

test('a reload says which exceptions apply nowhere, and refuses one for a rule that there is not', async () => {
  const because = 'it is a bird’s name';
  settings = { inspection: { exceptions: [{ route: 'POST /nonsense', because }] }, mode: 'block' };
  assert.match((await twinkeep.reload()).exceptions_stray.join(), /Exception 0 applies nowhere/);
  settings = { inspection: { exceptions: [{ rule: 'sqli-nosuch', because }] }, mode: 'block' };
  await assert.rejects(twinkeep.reload(), (error) => isFault(error, 'APP_CONFIG_REFUSED'));
});

// Attack: a half-written file of rules is loaded, and nothing is refused any more.
test('a file of rules that is broken, gone or cannot be compiled refuses the reload, and the old rules stay', async () => {
  settings = { inspection: { rulesFile: file }, mode: 'block' };
  await twinkeep.reload();
  const broken = [
    '{ "add": [',
    JSON.stringify({ off: ['no-such-rule'] }),
    JSON.stringify({ add: [{ ...OWN_RULE, id: 'bad-regex', match: { regex: '(?=x)' } }] }),
    undefined,
  ];
  for (const text of broken) {
    if (text === undefined) rmSync(file);
    else writeFileSync(file, text);
    await assert.rejects(twinkeep.reload(), (error) => {
      const { code, facts } = Object(error);
      assert.equal(code, 'APP_CONFIG_REFUSED');
      assert.ok(Array.isArray(facts.errors) && facts.errors.length > 0);
      return true;
    });
    assert.deepEqual([await status(OWN_WORD), await status(UNION), await status('hello')], [403, 403, 200], text);
  }
  writeFileSync(file, JSON.stringify({ add: [OWN_RULE] }));
});

test('what else of detection changed waits for a start, and says so by name', async () => {
  const more = { failures: 7, suspicion: { halfLifeMs: 60_000 }, anomalies: { sensitivity: 'high' } } as const;
  settings = { inspection: { rulesFile: file, threshold: 8 }, mode: 'block', more };
  const waiting = ['detection.anomalies.sensitivity', 'detection.suspicion.halfLifeMs'];
  assert.deepEqual((await twinkeep.reload()).restart_needed, waiting);
  assert.equal(rule('own-word') === undefined, false);
});

test('who is never blocked, and what suspicion weighs, is in force after a reload', async () => {
  settings = { inspection: {}, mode: 'off' };
  await twinkeep.reload();
  const { blocks, suspicion } = twinkeep.house;
  const id = requestId('r1');
  const operator = { principal: { kind: 'operator', tenantId: tenantId('main') }, requestId: id } as const;
  const why = { violation: 'ip_blocked', reason: 'operator', evidence: {}, length: { kind: 'permanent' } } as const;
  await blocks.block(operator, { kind: 'address', value: '127.0.0.1', ...why });
  assert.equal(await status('hello'), 403);
  const more = { enabled: true, never: ['127.0.0.1'], neverBlocked: ['pump'], suspicion: { attackPoints: 100 } };
  settings = { inspection: {}, mode: 'off', more };
  assert.deepEqual((await twinkeep.reload()).restart_needed, []);
  assert.equal(await status('hello'), 200);
  await assert.rejects(blocks.block(operator, { kind: 'api-key', value: 'pump', ...why }), (error) =>
    isFault(error, 'DETECTION_NEVER_BLOCKED'),
  );
  const at = { address: '198.51.100.7', addressBlock: '198.51.100.7', requestId: id, headers: {}, method: 'POST' };
  const what = { class: 'sqli', rule: 'r', score: 9, at: 'query.q', evidence: '', fingerprint: 'one' };
  await suspicion.attacked({ context: at, caller: anonymous, profile: 'twinkeep' }, what);
  assert.equal(blocks.blocked('198.51.100.7')?.reason, 'suspicion', 'one attack is enough now');
});

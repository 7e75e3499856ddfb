import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { platform } from '../kernel/tx.ts';
import { createSqliteStorage, statement } from '../storage/index.ts';
import { createTestClock } from '../testing/index.ts';
import { type Config, configSchema } from './config.ts';
import { appFault } from './errors.ts';
import { createRecordedReload } from './recorded-reload.ts';
import { createTwinkeep } from './twinkeep.ts';

const configOf = (more: object = {}) =>
  configSchema.parse({ logLevel: 'silent', adminPassword: 'correct horse battery staple', ...more });

const bodies = statement({
  reach: 'platform',
  sql: 'select body from audit_entry order by id',
  returns: { body: 'text' },
});
const entry = z.looseObject({
  action: z.string(),
  outcome: z.string(),
  principal: z.string(),
  facts: z.unknown().optional(),
});

async function opened(t: TestContext, readConfig: () => Promise<Config>) {
  const clock = createTestClock();
  const storage = createSqliteStorage({ file: ':memory:', clock });
  const twinkeep = await createTwinkeep(configOf(), { clock, storage, ownFolder: false, readConfig });
  t.after(() => twinkeep.close());
  const recorded = async () => {
    const rows = await storage.read(platform, (tx) => tx.all(bodies, {}));
    const entries = rows.map(({ body }) => entry.parse(JSON.parse(body)));
    return entries.filter(({ action }) => action === 'config.reloaded');
  };
  const has = (path: string) => twinkeep.routes.some((route) => route.path === path);
  return { twinkeep, recorded, has };
}

/** Of a reload that changes nothing. */
const NOTHING = {
  changed: [],
  modes: [],
  exceptions_added: [],
  exceptions_removed: [],
  exceptions_stray: [],
  rules_sha256: null,
};
const BACK_END = { backEnd: 'http://127.0.0.1:1' };

test('a reload is recorded before and after, as the owner’s where nobody else asked', async (t) => {
  const { twinkeep, recorded, has } = await opened(t, async () => configOf({ ...BACK_END, port: 1 }));
  assert.equal(has('/*'), false);
  assert.deepEqual((await twinkeep.reload()).restart_needed, ['port']);
  assert.equal(has('/*'), true);
  const entries = await recorded();
  assert.deepEqual(entries.map(({ outcome, principal, facts }) => [outcome, principal, facts]).sort(), [
    ['done', 'operator', { restart_needed: ['port'], ...NOTHING, changed: ['backEnd', 'port'] }],
    ['intended', 'operator', undefined],
  ]);
});

// Attack: a hole is opened for a night and closed again, and the log has two reloads that say nothing.
test('the entry of a reload says which settings, exceptions and modes changed, and what the file of rules is', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'twinkeep-rules-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const rulesFile = join(folder, 'rules.json');
  const text = JSON.stringify({ off: ['sqli-comment-end'] });
  writeFileSync(rulesFile, text);
  const secret = 'a-secret-of-thirty-two-bytes-or-more';
  const open = { to: 'twin', access: 'public', because: 'for this test', path: '/x/*', methods: ['GET'] } as const;
  const of = (detection: 'shadow' | 'block') => ({
    backEnds: { twin: { url: 'http://127.0.0.1:1' } },
    routes: [{ ...open, detection }],
  });
  const exceptions = [{ rule: 'sqli-*', because: 'nothing but a hole' }];
  const configs = [
    { gateway: of('shadow') },
    { gateway: of('block'), profile: { ems: { secret } }, detection: { inspection: { exceptions, rulesFile } } },
    { gateway: of('block'), profile: { ems: { secret } }, detection: { inspection: { rulesFile } } },
  ];
  const { twinkeep, recorded } = await opened(t, async () => configOf(configs.shift()));
  const results = [await twinkeep.reload(), await twinkeep.reload()];
  const hole = 'any route, any field, sqli-*: nothing but a hole';
  const sha256 = createHash('sha256').update(text).digest('hex');
  writeFileSync(rulesFile, JSON.stringify({}));
  const last = await twinkeep.reload();
  const done = (await recorded()).filter(({ outcome }) => outcome === 'done').map(({ facts }) => facts);
  for (const result of [...results, last]) assert.ok(done.some((facts) => isDeepStrictEqual(facts, result)));
  assert.deepEqual(results[0]?.modes, ['GET /x/*: new, shadow']);
  const { changed = [], ...rest } = results[1] ?? {};
  assert.deepEqual(changed, [
    'detection.inspection.exceptions',
    'detection.inspection.rulesFile',
    'detection.inspection.rulesFile (what is in it)',
    'gateway.routes',
    'profile.ems.secret',
  ]);
  assert.deepEqual(rest, {
    restart_needed: [],
    exceptions_removed: [],
    exceptions_stray: [],
    modes: ['GET /x/*: from shadow to block'],
    exceptions_added: [hole],
    rules_sha256: sha256,
  });
  assert.deepEqual([last.exceptions_removed, last.exceptions_added], [[hole], []]);
  assert.ok(last.changed.includes('detection.inspection.rulesFile (what is in it)'));
  assert.equal(JSON.stringify(done).includes(secret), false);
});

test('the log has a line for a reload, and another where one is refused', async () => {
  const said: unknown[] = [];
  const log = { info: (...line: unknown[]) => said.push(line), warn: (...line: unknown[]) => said.push(line) };
  const results = [
    async () => ({ restart_needed: [], ...NOTHING, changed: ['corsOrigins'] }),
    async () => {
      throw appFault('CONFIG_INVALID', { errors: [{ at: 'backEnd', reason: 'must be a URL' }] });
    },
  ];
  const exchange = async () => (results.shift() ?? assert.fail())();
  const audit = { write: async () => undefined };
  const reload = createRecordedReload({
    audit,
    exchange,
    log: Object(log),
    onError: (error) => assert.fail(String(error)),
  });
  await reload();
  await assert.rejects(reload(), { code: 'APP_CONFIG_REFUSED' });
  assert.deepEqual(said, [
    ['the new configuration is in force', { by: 'operator', changes: 'Changed: corsOrigins.' }],
    ['the new configuration is refused; the old one stays', { flaws: '[{"at":"backEnd","reason":"must be a URL"}]' }],
  ]);
});

test('a configuration that is refused is recorded as failed, by its code alone, and the old one stays', async (t) => {
  const configs = [BACK_END, undefined];
  const { twinkeep, recorded, has } = await opened(t, async () => {
    const next = configs.shift();
    if (next === undefined) throw appFault('CONFIG_INVALID', { errors: [{ at: 'backEnd', reason: 'hunter2' }] });
    return configOf(next);
  });
  await twinkeep.reload();
  await assert.rejects(twinkeep.reload(), { code: 'APP_CONFIG_REFUSED' });
  assert.equal(has('/*'), true);
  const outcomes = (await recorded()).map(({ outcome }) => outcome).sort();
  assert.deepEqual(outcomes, ['done', 'failed', 'intended', 'intended']);
  const failed = (await recorded()).find(({ outcome }) => outcome === 'failed');
  assert.deepEqual(failed?.facts, { code: 'CONFIG_INVALID' });
});

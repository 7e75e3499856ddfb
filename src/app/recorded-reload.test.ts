import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { z } from 'zod';
import { platform } from '../kernel/tx.ts';
import { createSqliteStorage, statement } from '../storage/index.ts';
import { createTestClock } from '../testing/index.ts';
import { type Config, configSchema } from './config.ts';
import { appFault } from './errors.ts';
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

const BACK_END = { backEnd: 'http://127.0.0.1:1' };

test('a reload is recorded before and after, as the owner’s where nobody else asked', async (t) => {
  const { twinkeep, recorded, has } = await opened(t, async () => configOf({ ...BACK_END, port: 1 }));
  assert.equal(has('/*'), false);
  assert.deepEqual(await twinkeep.reload(), ['port']);
  assert.equal(has('/*'), true);
  const entries = await recorded();
  assert.deepEqual(entries.map(({ outcome, principal, facts }) => [outcome, principal, facts]).sort(), [
    ['done', 'operator', { restart_needed: ['port'] }],
    ['intended', 'operator', undefined],
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

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { epochMs, personId, sessionId, tenantId } from '../kernel/brand.ts';
import { platform, type Statement, type Tx } from '../kernel/tx.ts';
import { createSqliteStorage, openPostgresStorage, type Storage } from '../storage/index.ts';
import { createTestClock, queryPostgres, serverSuite, startPostgres } from '../testing/index.ts';
import { sessionMigrations } from './migrations/index.ts';
import { sessionStore } from './store.ts';
import { deviceStore } from './store-devices.ts';
import { endStore } from './store-ends.ts';

const ROWS = 100_000;
const NOW = createTestClock().now();
const now = epochMs(NOW);

/** A hundred thousand live sessions of ten thousand people in a hundred tenants, each with a refresh token, and a device. */
const fill = (series: string, hex: (n: string) => string): readonly string[] => [
  `insert into session (id, realm_id, person_id, tenant_id, authenticated_at, last_used_at, expires_at, device_digest,
     device_proved, profile, amr) select 's' || n, 'main', 'p' || (n % 10000), 't' || (n % 100), ${NOW} - n,
     ${NOW} - n % 1000, ${NOW} + 1000000 + n, ${hex('n')}, ${series.includes('generate') ? 'true' : '1'}, 'twinkeep', 'pwd'
     from ${series}`,
  `insert into refresh_token (digest, session_id, expires_at, repeats) select ${hex('n')}, 's' || n, ${NOW} + 1000000 + n, 0
     from ${series}`,
  `insert into known_device (id, person_id, digest, created_at, last_seen_at)
     select 'd' || n, 'p' || (n % 10000), ${hex('n')}, ${NOW}, ${NOW} - n from ${series}`,
];

/** What sign-ins, refreshes, lists and prunes ask; a tenant's numbers and a sweep of everybody go through what is live. */
async function askAll(tx: Tx): Promise<void> {
  const [person, session] = [personId('p77'), sessionId('s77')];
  const digest = Buffer.from('00000077', 'hex');
  await sessionStore.get(tx, session);
  await sessionStore.live(tx, person, now, 3_600_000);
  await sessionStore.refresh(tx, digest);
  await sessionStore.take(tx, digest, 'x', now);
  await sessionStore.touch(tx, session, now);
  await sessionStore.use(tx, session, now, 3_600_000);
  await sessionStore.prove(tx, session, { amr: 'pwd', provedAt: now, secondFactorAt: undefined });
  await sessionStore.end(tx, session, now, 'x');
  await sessionStore.endAllOf(tx, person, now, 'x');
  await sessionStore.prune(tx, NOW + 1_005_000, 1_000);
  await deviceStore.find(tx, person, digest);
  await deviceStore.of(tx, person);
  await deviceStore.unremember(tx, person);
  await deviceStore.dropOldest(tx, person, 49);
  await deviceStore.prune(tx, NOW - 95_000, 1_000);
  const cutoff = { kind: 'tenant', subject: 't7', before: NOW, reason: 'x', swept: false };
  const stretch = { from: NOW - 1_000, before: NOW - 900 };
  for (const one of [cutoff, { ...cutoff, kind: 'everyone', subject: '*' }]) {
    await endStore.next(tx, one, NOW - 2_000, 100);
    await endStore.sweep(tx, one, stretch, now);
  }
  await endStore.live(tx, tenantId('t7'), { now, idle_ms: 3_600_000, since: NOW });
  await endStore.tally(tx, tenantId('t7'), 0);
}

/** Hears what is asked, and answers nothing. */
function eavesdrop(heard: string[]): Tx {
  const hear = ({ sql }: Pick<Statement, 'sql'>): void => void heard.push(sql);
  return {
    scope: platform,
    all: async (statement) => {
      hear(statement);
      return [];
    },
    one: async (statement) => {
      hear(statement);
      return undefined;
    },
    run: async (statement) => {
      hear(statement);
      return 0;
    },
    insert: async () => [],
    afterCommit: () => undefined,
  };
}

test('on SQLite nothing that a request asks walks through all sessions', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'twinkeep-plans-'));
  const file = join(folder, 'db');
  try {
    const storage = createSqliteStorage({ file, clock: createTestClock() });
    await storage.migrate(sessionMigrations);
    await storage.close();
    const db = new DatabaseSync(file);
    const series = `(with recursive c(n) as (select 1 union all select n + 1 from c where n < ${ROWS}) select n from c)`;
    for (const sql of fill(series, (n) => `cast(printf('%08d', ${n}) as blob)`)) db.exec(sql);
    const heard: string[] = [];
    await askAll(eavesdrop(heard));
    assert.ok(heard.length >= 22);
    for (const sql of heard) {
      const plan = db
        .prepare(`explain query plan ${sql}`)
        .all()
        .map(({ detail }) => String(detail));
      const walks = plan.filter((line) => /^SCAN (session|refresh_token|known_device|session_tally)$/.test(line));
      assert.deepEqual(walks, [], `${sql}\n${plan.join('\n')}`);
    }
    db.close();
  } finally {
    await rm(folder, { recursive: true });
  }
});

await serverSuite('a hundred thousand sessions on PostgreSQL', startPostgres, (server) => {
  const scansOf = async (url: string) =>
    await queryPostgres(
      url,
      "select relname, seq_scan from pg_stat_user_tables where relname in ('session', 'refresh_token', 'known_device') order by 1",
    );

  test('nothing that a request asks walks through all of them', async () => {
    const url = await server.createDatabase();
    const open = (): Promise<Storage> =>
      openPostgresStorage({ url, clock: createTestClock(), onError: () => undefined });
    const first = await open();
    await first.migrate(sessionMigrations);
    await first.close();
    for (const sql of fill(`generate_series(1, ${ROWS}) n`, (n) => `decode(lpad(${n}::text, 8, '0'), 'hex')`))
      await queryPostgres(url, sql);
    await queryPostgres(url, 'analyze');
    const before = await scansOf(url);
    const storage = await open();
    for (let time = 0; time < 8; time++) await storage.write(platform, askAll); // it plans without values from the sixth on
    await storage.close(); // its connections tell what they did when they end
    assert.deepEqual(await scansOf(url), before);
  });
});

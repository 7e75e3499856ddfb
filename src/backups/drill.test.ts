import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { days, hours } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import type { Place } from '../storage/index.ts';
import { queryPostgres, serverSuite, startPostgres } from '../testing/index.ts';
import { createBackups } from './backups.ts';
import { addNotes, openBackupKit, operator } from './backups-kit.contract.ts';
import { scratchOf } from './config.ts';

const isRunning = (error: unknown): boolean => isFault(error, 'BACKUP_RUNNING');

test('a disk that is full keeps a backup from being tried, and leaves it as good as it was', async (t) => {
  const small = await mkdtemp(join(tmpdir(), 'twinkeep-small-'));
  const run = (command: string, ...args: string[]) => once(spawn(command, args, { stdio: 'ignore' }), 'exit');
  const [code] = await run('mount', '-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', small);
  if (code !== 0) return t.skip('no file system may be mounted here');
  t.after(async () => {
    await run('umount', '-l', small);
    await rm(small, { recursive: true, force: true });
  });
  const kit = await openBackupKit({ config: { scratch: small } });
  t.after(() => kit.close());
  await addNotes(kit, 'north', 0, 3);
  await kit.backups.create(operator);
  assert.equal((await kit.backups.drill(operator)).result, 'good');
  const goodAt = kit.clock.now();
  kit.clock.advance(days(2));
  const ballast = join(small, 'ballast');
  writeFileSync(ballast, Buffer.alloc(2_097_152 - 65_536));

  await kit.backups.drillDue();
  assert.match(kit.warned.at(-1) ?? '', /could not be restored for trial: there is no room/);
  const [row] = await kit.backups.list();
  assert.deepEqual([row?.drillResult, row?.drilledAt], ['good', goodAt]);
  assert.equal((await kit.backups.drill(operator)).result, 'untried');

  rmSync(ballast);
  kit.clock.advance(hours(1) / 2);
  await kit.backups.drillDue(); // not again at once: it fills the disk for a while each time
  assert.equal((await kit.backups.list())[0]?.drilledAt, goodAt);
  kit.clock.advance(hours(1));
  await kit.backups.drillDue();
  assert.equal((await kit.backups.list())[0]?.drilledAt, kit.clock.now());
});

// Attack: the clock is set forward, which ends a lease while its holder is at work, and whoever begins clears the disk.
test('a lease that ends under a drill or a backup lets no second begin in its process', async (t) => {
  const kit = await openBackupKit();
  t.after(() => kit.close());
  await addNotes(kit, 'north', 0, 3);
  await kit.backups.create(operator);
  for (const work of ['drill', 'create'] as const) {
    const first = kit.backups[work](operator);
    while (!existsSync(scratchOf(kit.deps.config, kit.backupFolder))) await pause(1); // it has begun to write
    kit.clock.advance(hours(1));
    await assert.rejects(kit.backups.drill(operator), isRunning);
    await assert.rejects(kit.backups.create(operator), isRunning);
    await first;
  }
  assert.equal((await kit.backups.drill(operator)).result, 'good');
  assert.deepEqual(kit.errors, []);
});

// Attack: a process stands still while it tries a backup, and another one clears away what it has restored.
test('a drill that another process took over is refused and says nothing of the backup, or is good', async (t) => {
  const kit = await openBackupKit();
  t.after(() => kit.close());
  await addNotes(kit, 'north', 0, 3);
  await kit.backups.create(operator);
  const others = ['one', 'two'].map((holder) => createBackups({ ...kit.deps, holder }));
  let refused = 0;
  for (let round = 0; round < 12; round++) {
    const runs = others.map(async (one, at) => {
      await pause(at * round * 4);
      if (at > 0) kit.clock.advance(hours(1));
      return one.drill(operator);
    });
    for (const done of await Promise.allSettled(runs)) {
      if (done.status === 'fulfilled') assert.equal(done.value.result, 'good');
      else assert.ok(isRunning(done.reason), String(done.reason));
      if (done.status === 'rejected') refused++;
    }
    const [row] = await kit.backups.list();
    assert.notEqual(row?.drillResult, 'bad', `round ${round}`);
  }
  assert.ok(refused > 0, 'none took over from another');
  assert.equal((await kit.backups.drill(operator)).result, 'good', 'and no lease was left behind');
  assert.equal(existsSync(scratchOf(kit.deps.config, kit.backupFolder)), false);
});

test('a keystore that is gone makes a bad drill', async (t) => {
  const kit = await openBackupKit();
  t.after(() => kit.close());
  await kit.backups.create(operator);
  rmSync(join(kit.backupFolder, 'keystore.age'));
  assert.equal((await kit.backups.drill(operator)).result, 'bad');
});

await serverSuite('drills on PostgreSQL', startPostgres, (postgres) => {
  const drillsOf = async (url: string): Promise<readonly string[]> => {
    const rows = await queryPostgres(url, "select datname from pg_database where datname like 'twinkeep_drill_%'");
    return rows.map((row) => String(row['datname']));
  };

  // Attack: a drill is killed, and its database stays on the server with everybody in it.
  test('databases of killed drills go with the next drill and the next start, those of others stay', async (t) => {
    const url = await postgres.createDatabase();
    const kit = await openBackupKit({ place: { dialect: 'postgres', url } });
    t.after(() => kit.close());
    await addNotes(kit, 'north', 0, 3);
    await kit.backups.create(operator);
    const { createHash } = await import('node:crypto');
    const own = createHash('sha256').update(JSON.stringify([new URL(url).pathname, kit.audit.key.keyName]));
    const dead = `twinkeep_drill_${own.digest('hex').slice(0, 12)}_0badc0de0bad`;
    const foreign = 'twinkeep_drill_0123456789ab_0badc0de0bad';
    await queryPostgres(url, `create database ${foreign}`);
    t.after(() => queryPostgres(url, `drop database ${foreign}`));

    await queryPostgres(url, `create database ${dead}`);
    await kit.backups.tidy();
    assert.deepEqual(await drillsOf(url), [foreign]);
    await queryPostgres(url, `create database ${dead}`);
    assert.equal((await kit.backups.drill(operator)).result, 'good');
    assert.deepEqual(await drillsOf(url), [foreign]);
  });

  test('a user who may not make databases cannot try a backup, which is not the fault of the backup', async (t) => {
    const admin = await postgres.createDatabase();
    await queryPostgres(admin, "create role plain login createrole password 'x'");
    const url = new URL(admin);
    await queryPostgres(admin, 'grant twinkeep_app, twinkeep_lookup to plain'); // which the test before has made
    await queryPostgres(admin, `alter database "${url.pathname.slice(1)}" owner to plain`);
    await queryPostgres(admin, 'alter schema public owner to plain');
    url.username = 'plain';
    url.password = 'x';
    const place: Place = { dialect: 'postgres', url: url.href };
    const kit = await openBackupKit({ place });
    t.after(() => kit.close());
    await addNotes(kit, 'north', 0, 3);
    await kit.backups.create(operator);
    const { result, reason } = await kit.backups.drill(operator);
    assert.equal(result, 'untried');
    assert.match(reason ?? '', /createdb/);
    assert.equal((await kit.backups.list())[0]?.drillResult, undefined);
  });
});

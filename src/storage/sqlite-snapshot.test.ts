import assert from 'node:assert/strict';
import { mkdir, open, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../kernel/clock.ts';
import {
  assertPaired,
  collect,
  countsOf,
  fill,
  folderFor,
  MARK,
  migrations,
  partsFrom,
  pay,
  WITHOUT,
  writeOn,
} from './snapshot-kit.contract.ts';
import { createSqliteStorage } from './sqlite.ts';
import { clearScratch, snapshotSqlite } from './sqlite-snapshot.ts';
import { restoreSqlite } from './sqlite-snapshot-restore.ts';
import type { Storage } from './storage.ts';
import { expectFault } from './storage-kit.contract.ts';

interface Shop {
  readonly folder: string;
  readonly file: string;
  readonly scratch: string;
  readonly storage: Storage;
}

async function openShop(t: TestContext): Promise<Shop> {
  const folder = await folderFor(t);
  const file = join(folder, 'shop.db');
  const storage = createSqliteStorage({ file, clock: systemClock });
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= storage.close());
  t.after(close);
  await storage.migrate(migrations);
  await fill(storage);
  return { folder, file, scratch: join(folder, 'scratch'), storage: { ...storage, close } };
}

const reopen = (t: TestContext, file: string): Storage => {
  const storage = createSqliteStorage({ file, clock: systemClock });
  t.after(() => storage.close());
  return storage;
};

test('a snapshot of SQLite is of one moment, though writes go on, and is restored as it was', async (t) => {
  const { folder, file, scratch, storage } = await openShop(t);
  const end = writeOn(storage, 100);
  const restored = join(folder, 'restored.db');
  for (let round = 0; round < 5; round++) {
    const snapshot = await snapshotSqlite({ file, without: WITHOUT, scratch });
    const { parts, digests } = await collect(snapshot);
    const target = `${restored}-${round}`;
    const made = await restoreSqlite({ file: target, parts: partsFrom(parts) });
    await snapshot.close();

    assert.deepEqual(snapshot.migrations, made.migrations);
    assert.deepEqual(snapshot.tables, made.tables);
    assert.deepEqual(digests, made.digests);
    const again = reopen(t, target);
    const pairs = await assertPaired(again);
    assert.deepEqual(countsOf(snapshot), { credit: pairs, debit: pairs });
    assert.equal((await stat(target)).mode & 0o777, 0o600);
  }
  assert.ok((await end()) > 5, 'nothing was written meanwhile');
  assert.deepEqual(await readdir(scratch), []);
  assert.equal((await stat(scratch)).mode & 0o777, 0o700);
});

// Attack: a wrapped key that was destroyed since is taken out of an old backup of the values.
test('nothing of a table that is left out is in the copy, and the table itself stays', async (t) => {
  const { folder, file, scratch, storage } = await openShop(t);
  const source = await readFile(`${file}-wal`);
  assert.ok(source.includes(MARK), 'the mark is in the database');
  const snapshot = await snapshotSqlite({ file, without: [...WITHOUT, 'never_there'], scratch });
  const { parts } = await collect(snapshot);
  await snapshot.close();
  for (const bytes of parts.values()) assert.equal(bytes.includes(MARK), false);
  assert.ok((await collectAll(storage, file, scratch)).includes(MARK), 'a copy that leaves nothing out has it');

  const target = join(folder, 'restored.db');
  await restoreSqlite({ file: target, parts: partsFrom(parts) });
  const db = new DatabaseSync(target);
  assert.equal(db.prepare('select count(*) as n from vault_secret').get()?.['n'], 0);
  db.close();
});

async function collectAll(storage: Storage, file: string, scratch: string): Promise<Buffer> {
  await storage.probe();
  const snapshot = await snapshotSqlite({ file, without: [], scratch });
  const { parts } = await collect(snapshot);
  await snapshot.close();
  return Buffer.concat([...parts.values()]);
}

test('a database that nobody has open can be copied too', async (t) => {
  const { file, scratch, storage } = await openShop(t);
  await storage.close();
  const snapshot = await snapshotSqlite({ file, without: WITHOUT, scratch });
  await collect(snapshot);
  assert.equal(countsOf(snapshot)['debit'], 30);
  await snapshot.close();
});

test('a snapshot that is let go early leaves nothing in the scratch folder, and one of a killed process is cleared', async (t) => {
  const { file, scratch, storage } = await openShop(t);
  const snapshot = await snapshotSqlite({ file, without: WITHOUT, scratch });
  await snapshot.close();
  assert.deepEqual(await readdir(scratch), []);

  await mkdir(join(scratch, 'snapshot-old'));
  await writeFile(join(scratch, 'snapshot-old', 'copy.db'), 'left over');
  await writeFile(join(scratch, 'other'), 'not ours');
  await clearScratch(scratch);
  await clearScratch(join(scratch, 'missing'));
  assert.deepEqual(await readdir(scratch), ['other']);
  await pay(storage, 1_000);
});

test('a database that is not there, or is none, is refused with its own code', async (t) => {
  const folder = await folderFor(t);
  const scratch = join(folder, 'scratch');
  await expectFault('STORAGE_UNAVAILABLE', snapshotSqlite({ file: join(folder, 'no.db'), without: [], scratch }));
  await writeFile(join(folder, 'text.db'), 'x'.repeat(10_000));
  await expectFault('STORAGE_DAMAGED', snapshotSqlite({ file: join(folder, 'text.db'), without: [], scratch }));
  assert.deepEqual(await readdir(scratch), []);
});

test('a damaged database makes no backup: whoever reads the snapshot to its end is told', async (t) => {
  const { file, scratch, storage } = await openShop(t);
  for (let id = 100; id < 2_000; id++) await pay(storage, id);
  await storage.close();
  const { size } = await stat(file);
  const handle = await open(file, 'r+');
  await handle.write(Buffer.alloc(64, 0xff), 0, 64, Math.floor(size / 4_096 / 2) * 4_096); // a page in the middle
  await handle.close();
  const snapshot = snapshotSqlite({ file, without: [], scratch });
  await expectFault(
    'STORAGE_DAMAGED',
    snapshot.then(async (made) => collect(made).finally(made.close)),
  );
});

test('a restore is refused where a file or the log of one is, and leaves both alone', async (t) => {
  const { folder, file, scratch } = await openShop(t);
  const { parts } = await collectOnce(file, scratch);
  await expectFault('STORAGE_OCCUPIED', restoreSqlite({ file, parts: partsFrom(parts) }));
  const target = join(folder, 'new.db');
  await writeFile(`${target}-wal`, 'another log');
  await expectFault('STORAGE_OCCUPIED', restoreSqlite({ file: target, parts: partsFrom(parts) }));
  assert.equal(await readFile(`${target}-wal`, 'utf8'), 'another log');
  assert.equal((await readdir(folder)).includes('new.db'), false);
});

async function collectOnce(file: string, scratch: string) {
  const snapshot = await snapshotSqlite({ file, without: WITHOUT, scratch });
  return collect(snapshot).finally(snapshot.close);
}

// Attack: an archive whose end does not hold, a part of another kind, a file with code in it.
test('whatever is wrong with the parts, nothing stands at the target afterwards', async (t) => {
  const { folder, file, scratch } = await openShop(t);
  const { parts } = await collectOnce(file, scratch);
  const good = parts.get('database') ?? Buffer.alloc(0);
  const target = join(folder, 'new.db');
  const restore = (given: ReadonlyMap<string, Buffer>, fail?: () => Error) =>
    restoreSqlite({ file: target, parts: partsFrom(given, fail) });

  await assert.rejects(
    restore(parts, () => new Error('the end is missing')),
    /the end is missing/,
  );
  await expectFault('STORAGE_FOREIGN', restore(new Map([['table/debit', good]])));
  await expectFault('STORAGE_FOREIGN', restore(new Map()));
  await expectFault('STORAGE_DAMAGED', restore(new Map([['database', good.subarray(0, good.length / 2)]])));
  await expectFault('STORAGE_DAMAGED', restore(new Map([['database', Buffer.from('text'.repeat(5_000))]])));
  await expectFault('STORAGE_DAMAGED', restore(new Map([['database', await withTrigger(folder, good)]])));
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.startsWith('new')),
    [],
  );

  await writeFile(`${target}.restoring`, 'of a restore that was killed');
  await restore(parts);
  assert.equal((await stat(target)).size, good.length);
});

async function withTrigger(folder: string, good: Buffer): Promise<Buffer> {
  const file = join(folder, 'trigger.db');
  await writeFile(file, good);
  const db = new DatabaseSync(file);
  db.exec('create trigger steal after insert on debit begin update credit set id = 0 where id = new.id; end');
  db.close();
  return readFile(file);
}

test('a snapshot does not stop the event loop of the server', async (t) => {
  const { file, scratch, storage } = await openShop(t);
  const db = new DatabaseSync(file);
  db.exec(
    "with recursive n(i) as (select 1000 union all select i + 1 from n where i < 100000) insert into debit select i, 'x' || i || hex(zeroblob(100)) from n",
  );
  db.close();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const snapshot = await snapshotSqlite({ file, without: WITHOUT, scratch });
  for await (const { content } of snapshot.parts()) for await (const _ of content);
  await snapshot.close();
  delay.disable();
  t.diagnostic(
    `${Math.round((await stat(file)).size / 1e6)} MB, longest stop ${Math.round(delay.max / 1e6)} ms, 99 % under ${Math.round(delay.percentile(99) / 1e6)} ms`,
  );
  assert.ok(delay.percentile(99) < 50e6);
  await pay(storage, 999);
});

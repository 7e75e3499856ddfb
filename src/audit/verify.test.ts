import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { generateEd25519, hashLeaf, signCheckpoint } from '../crypto/index.ts';
import { systemClock } from '../kernel/clock.ts';
import { anonymous } from '../kernel/principal.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { createSqliteStorage } from '../storage/index.ts';
import { createKit, type Kit } from '../testing/index.ts';
import type { LogKey } from './signing-key.ts';
import { type AuditReport, verifyLog } from './verify.ts';

const MASTER_KEY = Buffer.from('0123456789abcdef'.repeat(2)).toString('base64');

let folder: string;
let key: LogKey;
let size: number;
let kept: string; // a checkpoint as an auditor keeps it, of the first half
let covering: number; // the size of the first checkpoint that covers entry 300

const startAt = (file: string): Promise<Kit> =>
  createKit({ storage: createSqliteStorage({ file, clock: systemClock }), config: { masterKey: MASTER_KEY } });

async function grow({ twinkeep: { house } }: Kit, count: number): Promise<number> {
  const entry = { action: 'test.done', outcome: 'done', principal: anonymous } as const;
  await Promise.all(Array.from({ length: count }, (_, n) => house.audit.write({ ...entry, facts: { n } })));
  return house.audit.integrate();
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'twinkeep-audit-'));
  const kit = await startAt(join(folder, 'whole'));
  key = kit.twinkeep.house.audit.key;
  await grow(kit, 250);
  kept = (await kit.call('GET', '/v1/audit/checkpoint', { token: await kit.signIn() })).json.checkpoint;
  covering = await grow(kit, 250);
  size = await grow(kit, 200);
  await kit.close();
});
after(() => rm(folder, { recursive: true }));

let copies = 0;

/** The log after something was done to a copy of its file, past all of our own code. */
async function verified(change: (db: DatabaseSync) => void, since?: string): Promise<AuditReport> {
  const file = await copyWith(change);
  const storage = createSqliteStorage({ file, clock: systemClock });
  try {
    return await verifyLog(storage, { key, since });
  } finally {
    await storage.close();
  }
}

async function copyWith(change: (db: DatabaseSync) => void): Promise<string> {
  const file = join(folder, `copy-${++copies}`);
  await copyFile(join(folder, 'whole'), file);
  const db = new DatabaseSync(file);
  change(db);
  db.close();
  return file;
}

const sql =
  (...statements: readonly string[]) =>
  (db: DatabaseSync): void => {
    for (const statement of statements) db.exec(statement);
  };

async function assertFlaw(where: RegExp, change: (db: DatabaseSync) => void, since?: string): Promise<void> {
  const { whole, flaws } = await verified(change, since);
  assert.equal(whole, false);
  assert.match(flaws[0]?.where ?? '', where, JSON.stringify(flaws.slice(0, 3)));
}

test('a log that nobody touched is whole, also against a checkpoint that was kept', async () => {
  const report = await verified(() => undefined, kept);
  assert.deepEqual([report.whole, report.flaws, report.unnumbered], [true, [], 0]);
  assert.ok(report.entries >= size && report.checkpoints >= 3);
  assert.equal(report.origin, key.keyName);
  assert.ok(report.head?.startsWith(`${key.keyName}\n${report.entries}\n`));
});

// Attack: whoever can write the file of the database changes what it says of him.
test('one changed byte of the file is found, and where', async () => {
  const file = await copyWith(() => undefined);
  const bytes = await readFile(file);
  const at = bytes.indexOf('"facts":{"n":77}');
  assert.ok(at > 0);
  bytes.write('8', at + 13);
  await writeFile(file, bytes);
  const storage = createSqliteStorage({ file, clock: systemClock });
  const { whole, flaws } = await verifyLog(storage, { key });
  await storage.close();
  assert.equal(whole, false);
  assert.match(flaws[0]?.where ?? '', /^entry \d+ \(/);
});

test('a changed text is found at its entry', async () => {
  for (const body of ["replace(body, 'test.done', 'test.none')", "body || ' '", "'null'", "'not json'", "''", "'{}'"]) {
    await assertFlaw(/^entry 300 \(/, sql(`update audit_entry set body = ${body} where seq = 300`));
  }
});

// Attack: the text is left as it was, and a query is lied to by the columns beside it.
test('a changed column is found at its entry', async () => {
  const changes = ["action = 'x'", "tenant = 'rival'", 'at = at + 1', "id = '00000000-0000-7000-8000-000000000000'"];
  for (const change of changes)
    await assertFlaw(/^entry 300 \(/, sql(`update audit_entry set ${change} where seq = 300`));
});

test('a leaf that is changed, cut or gone is found at its entry', async () => {
  for (const leaf of ["x'00'", 'zeroblob(32)', 'null', "x''"]) {
    await assertFlaw(/^entry 300 \(/, sql(`update audit_entry set leaf = ${leaf} where seq = 300`));
  }
});

test('an entry that is gone is found at the next', async () => {
  await assertFlaw(/^entry 301 \(/, sql('delete from audit_entry where seq = 300'));
  await assertFlaw(/^entry 1 \(/, sql('delete from audit_entry where seq = 0'));
  await assertFlaw(/^entry 301 \(/, sql('update audit_entry set seq = null, leaf = null where seq = 300'));
  await assertFlaw(/^entry 301 \(/, sql('update audit_entry set seq = -1 where seq = 300'));
});

test('entries that changed places are found by the checkpoint that covers them', async () => {
  const swap = [
    'update audit_entry set seq = -1 where seq = 300',
    'update audit_entry set seq = 300 where seq = 301',
    'update audit_entry set seq = 301 where seq = -1',
  ];
  const { whole, flaws } = await verified(sql(...swap));
  assert.equal(whole, false);
  assert.ok(flaws.some(({ where }) => where === `checkpoint of size ${covering}`));
});

// Attack: text and leaf are changed together, so that they fit each other.
test('an entry that was replaced with its leaf is found by the checkpoint that covers it', async () => {
  const { whole, flaws } = await verified((db) => {
    const body = String(db.prepare('select body from audit_entry where seq = 300').get()?.['body']);
    const other = body.replace(/"n":\d+/, '"n":9999');
    assert.notEqual(other, body);
    db.prepare('update audit_entry set body = ?, leaf = ? where seq = 300').run(other, hashLeaf(Buffer.from(other)));
  });
  assert.deepEqual([whole, flaws[0]?.where], [false, `checkpoint of size ${covering}`]);
});

test('entries behind the last checkpoint, and checkpoints without their entries, are found', async () => {
  await assertFlaw(/^checkpoint of size /, sql('delete from audit_entry where seq >= 600'));
  await assertFlaw(new RegExp(`^entry ${covering}$`), sql(`delete from audit_checkpoint where size > ${covering}`));
});

// Attack: the end of the log is cut off cleanly, with every checkpoint that tells of it.
test('a log that was cut off cleanly is found by a kept checkpoint alone', async () => {
  const cut = sql(
    'delete from audit_entry where seq >= 5',
    'delete from audit_checkpoint where size > 5',
    'delete from audit_node',
  );
  const keptSize = Number(kept.split('\n')[1]);
  assert.ok(keptSize > 5);
  assert.ok((await verified(cut)).flaws.every(({ where }) => !where.startsWith('kept')));
  const { flaws } = await verified(cut, kept);
  assert.ok(flaws.some(({ where, reason }) => where === 'kept checkpoint' && /gone/.test(reason)));
});

// Attack: whoever has the file lets the server itself number and sign a history of his own making.
test('a history that was rewritten and signed anew by the server is found by a kept checkpoint', async () => {
  const file = await copyWith(
    sql(
      'update audit_entry set body = replace(body, \'"n":77}\', \'"n":78}\')',
      'update audit_entry set seq = null, leaf = null',
      'delete from audit_checkpoint',
      'delete from audit_node',
    ),
  );
  const kit = await startAt(file);
  await kit.twinkeep.house.audit.integrate();
  await kit.close();
  const storage = createSqliteStorage({ file, clock: systemClock });
  assert.equal((await verifyLog(storage, { key })).whole, true);
  const { whole, flaws } = await verifyLog(storage, { key, since: kept });
  await storage.close();
  assert.deepEqual([whole, flaws[0]?.where], [false, 'kept checkpoint']);
});

// Attack: the checkpoint is changed, so that the log goes on from entries that were never signed.
test('a forged checkpoint is found, and the server adds nothing behind it', async () => {
  const mine = generateEd25519(createSystemRandom());
  const root = Buffer.alloc(32, 7);
  const forged = signCheckpoint({ origin: key.keyName, size: covering, root, extra: [] }, mine.privateKey, key.keyName);
  const where = new RegExp(`^checkpoint of size ${covering}$`);
  const setNote = (note: string) => (db: DatabaseSync) =>
    void db.prepare('update audit_checkpoint set note = ? where size = ?').run(note, covering);
  for (const note of [forged, kept, '', 'x', forged.split('\n\n')[0] ?? '']) await assertFlaw(where, setNote(note));
  await assertFlaw(
    where,
    sql(`update audit_checkpoint set frontier = zeroblob(length(frontier)) where size = ${covering}`),
  );
  await assertFlaw(where, sql(`update audit_checkpoint set frontier = x'00' where size = ${covering}`));

  for (const change of ['frontier = zeroblob(length(frontier))', "note = 'x'"]) {
    const last = 'size = (select max(size) from audit_checkpoint)';
    const storage = createSqliteStorage({
      file: await copyWith(sql(`update audit_checkpoint set ${change} where ${last}`)),
      clock: systemClock,
    });
    const kit = await createKit({ storage, config: { masterKey: MASTER_KEY } });
    const entry = { action: 'test.done', outcome: 'done', principal: anonymous } as const;
    await kit.twinkeep.house.audit.write(entry);
    await assert.rejects(kit.twinkeep.house.audit.integrate(), { code: 'AUDIT_LOG_ALTERED' });
    await kit.close();
  }
});

test('a kept checkpoint that is not of this log is told apart from one that is', async () => {
  const mine = generateEd25519(createSystemRandom());
  const foreign = signCheckpoint(
    { origin: key.keyName, size: 5, root: Buffer.alloc(32), extra: [] },
    mine.privateKey,
    key.keyName,
  );
  for (const since of [foreign, 'x', '']) await assertFlaw(/^kept checkpoint$/, () => undefined, since);
});

test('a node of the tree that is changed, gone or made up is found by its place', async () => {
  await assertFlaw(/^node 8\/0$/, sql('update audit_node set hash = zeroblob(32) where level = 8 and idx = 0'));
  await assertFlaw(/^node 8\/1$/, sql('delete from audit_node where level = 8 and idx = 1'));
  await assertFlaw(/^node 8\/9$/, sql('insert into audit_node (level, idx, hash) values (8, 9, zeroblob(32))'));
  await assertFlaw(/^node 3\/0$/, sql('insert into audit_node (level, idx, hash) values (3, 0, zeroblob(32))'));
});

test('an entry that was put in is found', async () => {
  const row = `select 'x', at, action, tenant, body, (select max(seq) + 1 from audit_entry), leaf from audit_entry where seq = 300`;
  await assertFlaw(/^entry \d+/, sql(`insert into audit_entry (id, at, action, tenant, body, seq, leaf) ${row}`));
});

test('a file that is torn is no whole log, and verifying it does not throw', async () => {
  const file = await copyWith(() => undefined);
  const bytes = await readFile(file);
  bytes.fill(0xff, bytes.length - 40_960, bytes.length - 20_480);
  await writeFile(file, bytes);
  const storage = createSqliteStorage({ file, clock: systemClock });
  const { whole, flaws } = await verifyLog(storage, { key });
  await storage.close();
  assert.deepEqual([whole, flaws[0]?.where], [false, 'database']);
});

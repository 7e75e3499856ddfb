import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { configSchema, createTwinkeep } from '../../src/app/index.ts';
import { isFault } from '../../src/kernel/errors.ts';
import { KIT_PASSWORD } from '../../src/testing/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'twinkeep-head-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const open = (name: string) =>
  createTwinkeep(configSchema.parse({ data: join(folder, name), logLevel: 'silent', adminPassword: KIT_PASSWORD }));

const editing = (name: string, sql: string): void => {
  const db = new DatabaseSync(join(folder, name, 'twinkeep.db'));
  db.exec(sql);
  db.close();
};

// Attack: whoever may write the database takes the log back before an entry, and waits for us to sign what is left.
test('a history that was taken back is never signed again', async () => {
  await (await open('back')).close();
  editing(
    'back',
    `delete from audit_checkpoint; delete from audit_node; update audit_entry set seq = null, leaf = null;
    delete from audit_entry where action = 'person.created'`,
  );
  const twinkeep = await open('back');
  await assert.rejects(twinkeep.house.audit.integrate(), (error) => isFault(error, 'AUDIT_LOG_ALTERED'));
  await twinkeep.close();
});

// Attack: the log's key is taken out of the database, so that a new log with a new key begins in its place.
test('a log with another key does not start beside the head of the old one', async () => {
  await (await open('key')).close();
  editing(
    'key',
    'delete from audit_key; delete from audit_checkpoint; delete from audit_entry; delete from audit_node',
  );
  await assert.rejects(open('key'), (error) => isFault(error, 'AUDIT_LOG_ALTERED'));
});

test('a head that is older than the log, as after a crash between the two, is no fault', async () => {
  const first = await open('crash');
  await first.house.audit.integrate();
  const file = join(folder, 'crash', 'audit.head');
  const older = readFileSync(file, 'utf8');
  await first.house.audit.write({ action: 'test.done', outcome: 'done', principal: { kind: 'anonymous' } });
  await first.close();
  writeFileSync(file, older);
  const again = await open('crash');
  assert.ok((await again.house.audit.integrate()) > 0);
  await again.close();
});

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { TwinkeepError } from '../kernel/errors.ts';
import { explain } from './explain.ts';
import { createTerminal } from './terminal.ts';

async function toldOf(t: TestContext, error: unknown): Promise<string> {
  const told: string[] = [];
  const write = t.mock.method(process.stderr, 'write', (text: unknown) => told.push(String(text)) > 0);
  await explain(error, createTerminal(false));
  write.mock.restore();
  return told.join('');
}

test('why a backup could not be read, made or restored is told with the kind of failure', async (t) => {
  const fault = (code: string, facts: object) => new TwinkeepError(code, 'invalid', 'What it is.', { ...facts });
  const reason = 'its bytes are not those that were written';
  for (const code of ['BACKUP_UNREADABLE', 'BACKUP_FOREIGN', 'BACKUP_FAILED', 'BACKUP_RESTORE_FAILED']) {
    const told = await toldOf(t, fault(code, { reason }));
    assert.equal(told, `twinkeep: What it is. The reason: ${reason}.\n`);
  }
  assert.match(await toldOf(t, fault('STORAGE_OCCUPIED', { reason: 'another restore is running' })), /another restore/);
  assert.match(await toldOf(t, fault('STORAGE_OCCUPIED', { file: '/data/twinkeep.db-wal' })), /twinkeep\.db-wal/);
  assert.match(await toldOf(t, fault('STORAGE_OCCUPIED', { table: 'person' })), /rows in person/);
  assert.equal(await toldOf(t, fault('BACKUP_RUNNING', {})), 'twinkeep: What it is.\n');
});

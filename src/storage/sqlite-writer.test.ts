import assert from 'node:assert/strict';
import { test } from 'node:test';
import { platform } from '../kernel/tx.ts';
import { openConnection } from './sqlite-connection.ts';
import { createWriter } from './sqlite-writer.ts';
import { expectFault } from './storage-kit.contract.ts';
import { createTurn, turnMemory } from './turn-threads.ts';

function make(sync: () => Promise<void>, turn = createTurn(turnMemory(), 1)) {
  const doubts: string[] = [];
  const connection = openConnection(':memory:', false);
  const onError = (error: unknown): void => assert.fail(String(error));
  const writer = createWriter({ connection, sync, turn, onError, onDoubt: () => doubts.push('doubt') });
  /** A write that says when it is over. */
  const write = (): Promise<void> =>
    writer
      .write(platform, async (tx) => tx.afterCommit(() => doubts.push('told')))
      .finally(() => void doubts.push('answered'));
  return { write, doubts, connection };
}

// Attack: a revocation is stored, its sync fails, and every thread but its own goes on believing the token.
test('a commit whose sync fails is told as doubtful, before its caller is answered', async () => {
  const { write, doubts, connection } = make(() => Promise.reject(new Error('EIO')));
  await expectFault('STORAGE_UNAVAILABLE', write());
  assert.deepEqual(doubts, ['doubt', 'answered']);
  connection.close();
});

test('a commit that stands on what another thread failed to sync is doubtful too', async () => {
  const turn = createTurn(turnMemory(), 1);
  const { write, doubts, connection } = make(async () => turn.condemn(), turn);
  await expectFault('STORAGE_UNAVAILABLE', write());
  assert.deepEqual(doubts, ['doubt', 'answered']);
  connection.close();
});

test('a commit that is on the disk leaves no doubt', async () => {
  const { write, doubts, connection } = make(async () => undefined);
  await write();
  assert.deepEqual(doubts, ['told', 'answered']);
  connection.close();
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sessionId } from '../kernel/brand.ts';
import { createMemoryHotState } from '../storage/index.ts';
import { createTestClock } from '../testing/index.ts';
import { createAskedProofs } from './asked-proofs.ts';

const session = sessionId('session-1');
const keptMs = 3_600_000;

test('a proof that one process asks for is asked for by all, from that moment on', async () => {
  const clock = createTestClock();
  const hot = createMemoryHotState({ clock });
  const [one, other] = [createAskedProofs({ hot, clock, keptMs }), createAskedProofs({ hot, clock, keptMs })];
  assert.equal(await other.since(session), undefined);
  await one.ask(session);
  const asked = clock.now();
  clock.advance(1_000);
  assert.equal(await other.since(session), asked);
  assert.equal(await other.since(sessionId('session-2')), undefined);
});

// Attack: whoever carried a session off stops the hot state, so that nobody remembers that a proof was asked for.
test('while it cannot be known whether a proof was asked for, no step that asks for one goes on', async () => {
  const clock = createTestClock();
  const away = (): Promise<never> => Promise.reject(new Error('away'));
  const { since } = createAskedProofs({ hot: { put: away, get: away }, clock, keptMs });
  await assert.rejects(since(session), /away/);
});

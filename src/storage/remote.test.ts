import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { TwinkeepError } from '../kernel/errors.ts';
import { createTestClock } from '../testing/index.ts';
import { createMemoryHotState } from './hot-memory.ts';
import { type Answers, createLink } from './remote-link.ts';
import { remoteValues, valueAnswers } from './remote-values.ts';
import { expectFault } from './storage-kit.contract.ts';

function linked(answers: Answers, patienceMs = 5_000) {
  const { port1, port2 } = new MessageChannel();
  const asking = createLink({ port: port1, answers: {}, patienceMs });
  const answering = createLink({ port: port2, answers, patienceMs });
  const close = (): void => {
    asking.cut();
    answering.cut();
  };
  return { asking, answering, close };
}

test('an answer comes back to who asked, whatever the order', async () => {
  const gates: (() => void)[] = [];
  const echo = async (n: unknown) => {
    await new Promise<void>((resolve) => gates.push(resolve));
    return n;
  };
  const { asking, close } = linked({ echo });
  const answers = Promise.all([1, 2, 3].map((n) => asking.ask('echo', n)));
  while (gates.length < 3) await new Promise((resolve) => setImmediate(resolve));
  for (const open of gates.reverse()) open();
  assert.deepEqual(await answers, [1, 2, 3]);
  close();
});

test('a fault keeps its code, kind, title and facts, and any other error its message', async () => {
  const fault = new TwinkeepError('TEST_REFUSED', 'conflict', 'No.', { seat: 3, held: ['a'] });
  const { asking, close } = linked({
    refuse: () => Promise.reject(fault),
    fail: () => {
      throw new RangeError('out of range');
    },
  });
  await assert.rejects(asking.ask('refuse'), (error) => {
    assert.ok(error instanceof TwinkeepError);
    assert.deepEqual(
      [error.code, error.kind, error.message, error.facts],
      ['TEST_REFUSED', 'conflict', 'No.', { seat: 3, held: ['a'] }],
    );
    return true;
  });
  await assert.rejects(asking.ask('fail'), /out of range/);
  await assert.rejects(asking.ask('unheard of'), /unheard of/);
  await assert.rejects(asking.ask('constructor'), /constructor/);
  close();
});

test('who gets no answer is told so in time, and a late answer harms nobody', async () => {
  let late: () => void = () => undefined;
  const { asking, close } = linked({ hang: () => new Promise<void>((resolve) => (late = resolve)) }, 30);
  await expectFault('STORAGE_UNAVAILABLE', asking.ask('hang'));
  late();
  await new Promise((resolve) => setTimeout(resolve, 20));
  close();
});

test('whoever waits when the line is cut is told so, and whoever asks after that', async () => {
  const { asking, close } = linked({ hang: () => new Promise(() => undefined) });
  const waiting = asking.ask('hang');
  close();
  await expectFault('STORAGE_UNAVAILABLE', waiting);
  await expectFault('STORAGE_UNAVAILABLE', asking.ask('hang'));
});

// Attack: a code that works once is used in two threads at the same moment.
test('a mark that many threads claim at once goes to one of them', async () => {
  const values = createMemoryHotState({ clock: createTestClock() });
  const lines = Array.from({ length: 8 }, () => linked(valueAnswers(values)));
  const claims = await Promise.all(
    lines.flatMap(({ asking }) => [1, 2, 3].map(() => remoteValues(asking).claim('code 123456', 60_000))),
  );
  assert.equal(claims.filter(Boolean).length, 1);
  for (const { close } of lines) close();
});

test('values of the other thread are put, read and forgotten', async () => {
  const clock = createTestClock();
  const { asking, close } = linked(valueAnswers(createMemoryHotState({ clock })));
  const values = remoteValues(asking);
  assert.equal(await values.get('key'), undefined);
  await values.put('key', 'value 👩‍🚀', 1_000);
  assert.equal(await values.get('key'), 'value 👩‍🚀');
  assert.equal(await values.claim('key', 1_000), false);
  await values.forget('key');
  assert.equal(await values.get('key'), undefined);
  await values.put('key', 'value', 1_000);
  clock.advance(1_001);
  assert.equal(await values.get('key'), undefined);
  await assert.rejects(values.put('key', 'value', 0), /time to live/);
  close();
});

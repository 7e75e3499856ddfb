import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createSqliteStorage, type Storage, storageFault } from '../../src/storage/index.ts';
import { createKit, createTestClock } from '../../src/testing/index.ts';

const LINES = 2_300;
/** Longer than the server reads on in a body that it has refused. */
const LATER_MS = 6_500;

const lines = Array.from({ length: LINES }, (_, index) => {
  const timestamp = new Date(Date.UTC(2020, 0, 1) + index * 1_000).toISOString();
  return `${JSON.stringify({ meter_id: 'M', timestamp, energy_consumption: index })}\n`;
});

/** A database whose writes fail after a moment, while it is told to. */
function createFailing(storage: Storage) {
  const state = { failing: false };
  const write: Storage['write'] = async (scope, work) => {
    if (!state.failing) return storage.write(scope, work);
    await pause(200);
    throw storageFault('STORAGE_UNAVAILABLE');
  };
  return { state, storage: { ...storage, write } };
}

// The rest of the first stream must not stay in its connection: the next request on it would be cut off.
test('a stream that the database refused in its middle leaves its connection to others', async (t) => {
  const clock = createTestClock();
  const { state, storage } = createFailing(createSqliteStorage({ file: ':memory:', clock }));
  const kit = await createKit({ storage, clock });
  t.after(kit.close);
  const key = await kit.key('write:meter_data');
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());

  async function stream(
    pieces: readonly string[],
    everyMs: number,
  ): Promise<{ status: number | undefined; port: number }> {
    const headers = { 'x-api-key': key, 'content-type': 'application/x-ndjson' };
    const sent = request(`${kit.address}/v1/readings`, { method: 'POST', agent, headers });
    const answered = once(sent, 'response');
    answered.catch(() => undefined); // it is awaited below
    for (const piece of pieces) {
      sent.write(piece);
      if (everyMs > 0) await pause(everyMs);
    }
    sent.end();
    const [response] = await answered;
    await once(response.resume(), 'end');
    return { status: response.statusCode, port: response.socket?.localPort ?? sent.socket?.localPort ?? 0 };
  }

  state.failing = true;
  const refused = await stream(lines, 0);
  assert.equal(refused.status, 503);
  state.failing = false;
  const taken = await stream(lines.slice(0, 50), LATER_MS / 50);
  assert.deepEqual(taken, { status: 200, port: refused.port });
});

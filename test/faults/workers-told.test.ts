import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { serverSuite, startRedis } from '../../src/testing/index.ts';
import { openWire, type Wire } from '../hostile/wire.ts';
import { type Ask, attempt, call, makeKey, signIn } from './call.ts';
import { listening } from './listening.ts';
import { type Place, sqlitePlace } from './places.ts';
import { startVictim, type Victim } from './start-victim.ts';

const CONNECTIONS = 60; // the system spreads them over the threads
const PATIENCE_MS = 5_000;
const HANG = new URL('./workers-hang.ts', import.meta.url).href;
const DIE = new URL('./workers-die-untold.ts', import.meta.url).href;

/** Two worker threads on SQLite. */
async function start(
  t: TestContext,
  env: Readonly<Record<string, string>>,
): Promise<Victim & { readonly place: Place }> {
  const place = await sqlitePlace();
  t.after(place.remove);
  const setting = { ...place.setting, env: { ...place.setting.env, TWINKEEP_WORKERS: '2', ...env } };
  writeFileSync(join(setting.data, 'twinkeep.config.json'), JSON.stringify({ detection: { enabled: false } }));
  const victim = await startVictim(setting);
  t.after(() => victim.kill('SIGKILL'));
  return { ...victim, place };
}

async function openWires(t: TestContext, { address }: Victim): Promise<readonly Wire[]> {
  const wires = await Promise.all(Array.from({ length: CONNECTIONS }, () => openWire(address)));
  t.after(() => {
    for (const wire of wires) wire.end();
  });
  return wires;
}

/** Asks over every connection at once. @returns the different statuses */
async function statuses(wires: readonly Wire[], path: string, header: string): Promise<readonly number[]> {
  for (const wire of wires) wire.send(`GET ${path} HTTP/1.1\r\nhost: x\r\n${header}\r\n\r\n`);
  const answers = await Promise.all(wires.map((wire) => wire.answer()));
  return [...new Set(answers.map(({ status }) => status))].sort();
}

interface Credential {
  readonly path: string;
  readonly header: string;
  /** The call that ends it. */
  readonly end: readonly [method: string, path: string, ask: Ask];
}

/** A session and a key, and how each is used and ended. */
async function credentials({ address }: Victim): Promise<readonly Credential[]> {
  const admin = await signIn(address);
  const token = await signIn(address);
  const body = { name: 'faults', scopes: ['read:meter_data'] };
  const { json } = await call(address, 'POST', '/v1/api-keys', { token: admin, body });
  return [
    { path: '/v1/me', header: `authorization: Bearer ${token}`, end: ['POST', '/v1/logout', { token }] },
    {
      path: '/v1/readings',
      header: `x-api-key: ${json.key}`,
      end: ['DELETE', `/v1/api-keys/${json.id}`, { token: admin }],
    },
  ];
}

// Attack: a session or key is ended by a thread that is made to crash before it tells the other.
test('what a thread has revoked as it died is refused by the others from the moment in which its end is known', async (t) => {
  const victim = await start(t, { NODE_OPTIONS: `--import=${DIE}`, TWINKEEP_LOG_LEVEL: 'warn' });
  let deaths = 0;
  for (const { path, header, end } of await credentials(victim)) {
    for (const until = performance.now() + PATIENCE_MS; listening(victim) < 2; await pause(10)) {
      assert.ok(performance.now() < until, 'a thread is missing');
    }
    const before = await openWires(t, victim);
    assert.deepEqual(await statuses(before, path, header), [200]);
    for (const wire of before) wire.end();
    const fault = join(victim.place.setting.data, 'die-untold');
    writeFileSync(fault, '');
    const outcome = await attempt(victim.address, ...end);
    assert.equal(outcome.kind, 'unknown');
    assert.equal(existsSync(fault), false, 'the thread died of it');
    deaths++;
    const noticed = performance.now() + PATIENCE_MS;
    while (victim.log().split('"after_ms"').length <= deaths) {
      assert.ok(performance.now() < noticed, 'its end was not noticed');
      await pause(10);
    }
    const readAgain = performance.now() + PATIENCE_MS; // until then it may refuse all, and with another status
    for (let seen: readonly number[] = []; seen.join() !== '401'; await pause(50)) {
      const wires = await openWires(t, victim);
      seen = await statuses(wires, path, header);
      for (const wire of wires) wire.end();
      assert.ok(!seen.includes(200), String(seen));
      assert.ok(performance.now() < readAgain, String(seen));
    }
  }
  await victim.kill('SIGTERM');
});

// Attack: a request makes its thread hang in the middle of a write, which stops every other write for good.
test('a thread that hangs in its turn is ended within ten seconds, and the others write', async (t) => {
  const victim = await start(t, { NODE_OPTIONS: `--import=${HANG}`, TWINKEEP_LOG_LEVEL: 'warn' });
  const key = await makeKey(victim.address, await signIn(victim.address));
  const fault = join(victim.place.setting.data, 'hang-in-turn');
  writeFileSync(fault, '');
  const began = performance.now();
  const body = { meter_id: 'M1', timestamp: '2026-01-01T00:00:00Z', energy_consumption: 1 };
  const outcome = await attempt(victim.address, 'POST', '/v1/readings', { key, body });
  assert.equal(outcome.kind, 'unknown');
  assert.equal(existsSync(fault), false, 'the thread hung in it');
  const next = await call(victim.address, 'POST', '/v1/readings', { key, body: { ...body, meter_id: 'M2' } });
  assert.equal(next.status, 201, next.text);
  const took = performance.now() - began;
  assert.ok(took < 12_000, String(took));
  assert.match(victim.log(), /hangs in its turn/);
  await victim.kill('SIGTERM');
});

await serverSuite('two worker threads on SQLite with Redis', startRedis, (server) => {
  // Attack: whoever can take Redis down keeps the session and the key that their owner has ended.
  test('revocations reach every thread at once while Redis is away', async (t) => {
    const victim = await start(t, { TWINKEEP_REDIS_URL: server.url });
    const wires = await openWires(t, victim);
    const ended = await credentials(victim);
    for (const { path, header } of ended) assert.deepEqual(await statuses(wires, path, header), [200]);
    await server.kill('SIGKILL');
    for (const { path, header, end } of ended) {
      assert.equal((await call(victim.address, ...end)).status, 204);
      assert.deepEqual(await statuses(wires, path, header), [401]);
    }
    await server.restart();
    await victim.kill('SIGTERM');
  });
});

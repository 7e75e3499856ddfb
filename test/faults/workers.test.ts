import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { readVerifier, verifyLog } from '../../src/audit/index.ts';
import { serverSuite, startPostgres } from '../../src/testing/index.ts';
import { attempt, call, makeKey, signIn } from './call.ts';
import { chosenSeed } from './dice.ts';
import { killRounds } from './kill-rounds.ts';
import { listening } from './listening.ts';
import { type Place, postgresPlace, sqlitePlace } from './places.ts';
import { startVictim, type Victim } from './start-victim.ts';

const seed = chosenSeed();
const CRASH = new URL('./workers-crash.ts', import.meta.url).href;

const withWorkers = (place: Place, more: Readonly<Record<string, string>> = {}): Place => ({
  ...place,
  setting: { ...place.setting, env: { ...place.setting.env, TWINKEEP_WORKERS: '2', ...more } },
});

describe('two worker threads', () => {
  test('kill -9 under sixteen writers loses nothing that was acknowledged, and keeps no half of anything', async (t) => {
    const place = withWorkers(await sqlitePlace());
    t.after(place.remove);
    await killRounds(t, place, seed, { kills: 3 });
  });

  // Attack: requests that crash a thread, one after the other, while others write.
  test('a thread that crashes loses nothing acknowledged, and is there again', async (t) => {
    const place = withWorkers(await sqlitePlace(), { NODE_OPTIONS: `--import=${CRASH}`, TWINKEEP_LOG_LEVEL: 'warn' });
    t.after(place.remove);
    const victim = await startVictim(place.setting);
    t.after(() => victim.kill('SIGKILL'));
    const token = await signIn(victim.address);
    const key = await makeKey(victim.address, token);
    const { json } = await call(victim.address, 'GET', '/v1/audit/checkpoint', { token });

    let running = true;
    const stored = new Set<string>();
    const writers = Array.from({ length: 16 }, (_, at) => write(victim, key, `W${at}`, stored, () => running));
    for (let crash = 0; crash < 4; crash++) {
      const before = stored.size;
      await reach(() => stored.size > before + 100);
      process.kill(victim.pid, 'SIGUSR2');
      await reach(() => victim.log().split('"after_ms"').length > crash + 1);
      await pause(crash === 1 ? 2_000 : 0); // also two at once
    }
    running = false;
    await Promise.all(writers);
    assert.ok(victim.alive());
    assert.equal(victim.log().split('a fault was put in here').length > 4, true, victim.log());
    await reach(() => listening(victim) === 2);

    await victim.kill('SIGTERM');
    const rows = await place.query('select meter_id from reading');
    const there = new Set(rows.map((row) => String(row['meter_id'])));
    assert.deepEqual(
      [...stored].filter((meter) => !there.has(meter)),
      [],
    );
    const storage = await place.open();
    const { flaws } = await verifyLog(storage, { key: readVerifier(json.verifier), since: json.checkpoint });
    await storage.close();
    assert.deepEqual(flaws, []);
    t.diagnostic(`${stored.size} readings acknowledged and kept over 4 crashes`);
  });
});

await serverSuite('two worker threads on PostgreSQL', startPostgres, (server) => {
  test('kill -9 loses nothing that was acknowledged', async (t) => {
    const place = withWorkers(await postgresPlace(server));
    t.after(place.remove);
    await killRounds(t, place, seed, { kills: 1 });
  });
});

async function write(
  { address }: Victim,
  key: string,
  name: string,
  stored: Set<string>,
  running: () => boolean,
): Promise<void> {
  for (let n = 0; running(); n++) {
    const meter = `${name}-${n}`;
    const body = { meter_id: meter, timestamp: '2026-01-01T00:00:00Z', energy_consumption: 1 };
    const outcome = await attempt(address, 'POST', '/v1/readings', { key, body });
    if (outcome.kind === 'done' && outcome.answer.status === 201) stored.add(meter);
    else await pause(5);
  }
}

async function reach(condition: () => boolean): Promise<void> {
  const end = performance.now() + 20_000;
  while (!condition()) {
    assert.ok(performance.now() < end, `not reached: ${condition}`);
    await pause(10);
  }
}

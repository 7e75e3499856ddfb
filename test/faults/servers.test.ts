import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { KIT_PASSWORD, serverSuite, startPostgres, startRedis } from '../../src/testing/index.ts';
import { assertBlocked, assertOthersServed, attackFrom, detecting, untilStored } from './attack-while-away.ts';
import { readBooks, reconcile } from './books.ts';
import { type Ask, assertUnavailable, call, makeKey, signIn } from './call.ts';
import { type Place, postgresPlace, sqlitePlace } from './places.ts';
import { startVictim, type Victim } from './start-victim.ts';

const RECOVERY_MS = 5_000;
const PASSWORD = 'kept-out-of-every-log';
const BLOCKED = ['203.0.113.9', '203.0.113.10', '203.0.113.11'];

interface Started {
  readonly victim: Victim;
  readonly place: Place;
  readonly token: string;
  readonly key: string;
}

async function started(t: TestContext, place: Place, env: Readonly<Record<string, string>> = {}): Promise<Started> {
  t.after(place.remove);
  const victim = await startVictim({ ...place.setting, env: { ...place.setting.env, ...env } });
  t.after(() => victim.kill('SIGKILL'));
  const token = await signIn(victim.address);
  return { victim, place, token, key: await makeKey(victim.address, token) };
}

const reading = (meter: string) => ({ meter_id: meter, timestamp: '2026-01-01T00:00:00Z', energy_consumption: 1 });

/** One request of each kind: with a key and with a token, for reading and for writing, and of somebody unknown. */
function requests({ token, key }: Started, meter: string): readonly (readonly [string, string, Ask])[] {
  return [
    ['GET', '/v1/readings', { key }],
    ['POST', '/v1/readings', { key, body: reading(meter) }],
    ['POST', '/v1/readings', { key, lines: [JSON.stringify(reading(meter))] }],
    ['GET', '/v1/users', { token }],
    ['POST', '/v1/users', { token, body: { username: meter, password: 'correct horse', roles: [] } }],
    ['POST', '/v1/login', { body: { username: 'admin', password: 'correct horse battery staple' } }],
    ['POST', '/v1/login', { body: { username: 'nobody', password: 'correct horse battery staple' } }],
  ];
}

/** Every request is answered by a proper 503 within a few seconds, and the process goes on living. */
async function assertAway(these: Started, failing: readonly string[], within: number): Promise<void> {
  const { victim } = these;
  const start = performance.now();
  const answers = await Promise.all(
    [0, 1, 2].flatMap((turn) =>
      requests(these, `away-${turn}`).map(([method, path, ask]) => call(victim.address, method, path, ask)),
    ),
  );
  for (const answer of answers) assertUnavailable(answer);
  const took = performance.now() - start;
  assert.ok(took < within, `the last of ${answers.length} refusals took ${Math.round(took)} ms`);
  assert.ok(victim.alive(), victim.log());

  const ready = await call(victim.address, 'GET', '/ready');
  const names = Object.entries(ready.json.checks).filter(([, verdict]) => verdict === 'failing');
  assert.deepEqual([ready.status, names.map(([name]) => name)], [503, failing]);
  assert.equal((await call(victim.address, 'GET', '/health')).status, 200);
  assert.equal((await call(victim.address, 'GET', '/metrics')).status, 200);
}

/** @returns how long it took until the server was ready and a write succeeded */
async function recovery({ victim, key }: Started, meter: string): Promise<number> {
  const start = performance.now();
  const since = () => Math.round(performance.now() - start);
  while ((await call(victim.address, 'GET', '/ready')).status !== 200) {
    assert.ok(since() < RECOVERY_MS, `not ready ${since()} ms after its return: ${victim.log()}`);
    await pause(10);
  }
  for (;;) {
    const answer = await call(victim.address, 'POST', '/v1/readings', { key, body: reading(meter) });
    if (answer.status === 201) break;
    assertUnavailable(answer);
    assert.ok(since() < RECOVERY_MS, `no write ${since()} ms after its return: ${victim.log()}`);
    await pause(10);
  }
  assert.ok(victim.alive());
  return since();
}

await serverSuite('PostgreSQL stops', startPostgres, (server) => {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    test(`by ${signal} under an idle pool: the process lives, says 503, leaks nothing and recovers`, async (t) => {
      const place = await postgresPlace(server, PASSWORD);
      const these = await started(t, place);
      const ask = () => call(these.victim.address, 'GET', '/v1/users', { token: these.token });
      for (const { status } of await Promise.all(Array.from({ length: 20 }, ask))) assert.equal(status, 200);
      await pause(200); // the connections of the pool lie idle
      await server.kill(signal);
      await pause(200);
      await assertAway(these, ['database'], 6_000);
      await server.restart();
      t.diagnostic(`${signal}: writes again ${await recovery(these, `after-${signal}`)} ms after its return`);
      assert.deepEqual(reconcile(await readBooks(place)), []);
      assert.doesNotMatch(these.victim.log(), new RegExp(PASSWORD));
    });
  }

  // Attack: the database is brought down first, so that no block can be stored.
  test('while attacks come: they are refused, their senders blocked, and that is stored when it is back', async (t) => {
    const place = await postgresPlace(server);
    const env = detecting(place);
    const { victim } = await started(t, place, env);
    await attackFrom(victim, BLOCKED.slice(0, 1));
    await server.kill('SIGKILL');
    await attackFrom(victim, BLOCKED.slice(1));
    await assertBlocked(victim, BLOCKED);
    await server.restart();
    t.diagnostic(`stored ${await untilStored(place, BLOCKED)} ms after its return`);
    await victim.kill('SIGKILL');
    const next = await startVictim({ ...place.setting, env: { ...place.setting.env, ...env } });
    t.after(() => next.kill('SIGKILL'));
    await assertBlocked(next, BLOCKED);
    await assertOthersServed(next);
  });
});

await serverSuite('Redis', startRedis, (server) => {
  const redis = { TWINKEEP_REDIS_URL: server.url };

  // Attack: whoever can take Redis down can guess passwords without limit.
  test('stops: limits go on in this process with the same counts, all else too, and it recovers', async (t) => {
    const these = await started(t, await sqlitePlace(), { ...redis, TWINKEEP_LIMITS: 'on' });
    await signIn(these.victim.address); // from here on the address is known, and has a count of its own
    await server.kill('SIGKILL');
    await assertServes(these.victim, these.token, these.key);
    await assertLimits(these);
    await server.restart();
    t.diagnostic(`writes again ${await recovery(these, 'after')} ms after its return`);
  });

  test('hangs: limits go on in this process, nothing waits for it, and it recovers', async (t) => {
    const these = await started(t, await sqlitePlace(), { ...redis, TWINKEEP_LIMITS: 'on' });
    await signIn(these.victim.address); // from here on the address is known, and has a count of its own
    await server.kill('SIGSTOP');
    t.after(() => server.kill('SIGCONT'));
    const start = performance.now();
    await assertServes(these.victim, these.token, these.key);
    const took = performance.now() - start;
    assert.ok(took < 2_000, `six requests took ${Math.round(took)} ms`);
    await pause(1_500); // the bus hears of it by its heartbeat
    await assertLimits(these);
    await server.kill('SIGCONT');
    t.diagnostic(`writes again ${await recovery(these, 'after')} ms after its return`);
  });

  test('stops with limits off: everything but /ready goes on, and a session is ended at once', async (t) => {
    const these = await started(t, await sqlitePlace(), redis);
    const { victim, token, key } = these;
    await server.kill('SIGKILL');
    await assertServes(victim, token, key);
    assert.equal((await call(victim.address, 'GET', '/ready')).status, 503);
    await server.restart();
    t.diagnostic(`ready again ${await recovery(these, 'after')} ms after its return`);
  });
});

const SIGN_INS = 30; // a minute and account, unless the configuration says otherwise

/** After two sign-ins of the account from an address that is known: those that were counted in Redis are counted here. */
async function assertLimits({ victim: { address, alive, log } }: Started): Promise<void> {
  const body = { username: 'admin', password: KIT_PASSWORD };
  const statuses: number[] = [];
  for (let each = 0; each < SIGN_INS; each++)
    statuses.push((await call(address, 'POST', '/v1/login', { body })).status);
  assert.deepEqual(statuses, [...Array<number>(SIGN_INS - 2).fill(200), 429, 429]);
  const ready = await call(address, 'GET', '/ready');
  const failing = Object.entries(ready.json.checks).filter(([, verdict]) => verdict === 'failing');
  assert.deepEqual([ready.status, failing.map(([name]) => name)], [503, ['hot_state']]);
  assert.ok(alive(), log());
}

async function assertServes({ address }: Victim, token: string, key: string): Promise<void> {
  assert.equal((await call(address, 'POST', '/v1/readings', { key, body: reading('alone') })).status, 201);
  assert.equal((await call(address, 'GET', '/v1/readings', { token })).json.items.length, 1);
  const other = await signIn(address);
  assert.equal((await call(address, 'POST', '/v1/logout', { token: other })).status, 204);
  assert.equal((await call(address, 'GET', '/v1/me', { token: other })).status, 401);
  assert.equal((await call(address, 'GET', '/health')).status, 200);
}

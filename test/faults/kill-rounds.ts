import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { readVerifier, verifyLog } from '../../src/audit/index.ts';
import { readBooks, reconcile } from './books.ts';
import { attempt, call, makeKey, signIn } from './call.ts';
import { checkPromises, repeatRefreshes } from './check-promises.ts';
import { createDice, type Dice } from './dice.ts';
import type { Place } from './places.ts';
import { createPromises, type Promises } from './promises.ts';
import { startVictim, type Victim } from './start-victim.ts';
import { writePeople, writeSessions } from './write-people.ts';
import { type Site, writeReadings } from './write-readings.ts';

/** What is done to the victim in the middle of its work. */
export interface Blow {
  readonly kills: number;
  /** The database server, to be killed in the place of Twinkeep; it is back when this resolves. */
  readonly database?: ((dice: Dice) => Promise<void>) | undefined;
}

const READY_MS = 25_000; // on a machine that is busy with other tests
const CHECKPOINT_EVERY_MS = 100;
/** So much is acknowledged before a kill, that it proves something on a slow machine, too. */
const WARM_WRITES = 30;
const WARM_MS = 20_000;

/** Kills, restarts and checks again and again, on the same data. @throws AssertionError naming what was not kept */
export async function killRounds(t: TestContext, place: Place, seed: number, blow: Blow): Promise<void> {
  t.diagnostic(`FAULT_SEED=${seed}`);
  const dice = createDice(seed);
  const promises = createPromises();
  const readyMs: number[] = [];
  let victim = await startVictim(place.setting);
  t.after(() => victim.kill('SIGKILL'));
  const verifier = await verifierOf(victim);

  for (let kill = 1; kill <= blow.kills; kill++) {
    const before = { acknowledged: promises.acknowledged, unanswered: promises.unanswered };
    const writers = startWriters(await siteOf(victim, promises), `k${kill}`, dice);
    const { log } = victim;
    writers.ended.catch(() => t.diagnostic(`the victim said: ${log().slice(-4_000)}`));
    await untilWritten(promises, before.acknowledged + WARM_WRITES, victim);
    await pause(dice.between(0, 1_500));
    if (blow.database === undefined) {
      writers.halt();
      await victim.kill('SIGKILL');
      const deadSince = Date.now();
      await writers.ended;
      victim = await startVictim(place.setting);
      readyMs.push(victim.readyMs);
      await place.settle(deadSince);
    } else {
      await blow.database(dice);
      assert.ok(victim.alive(), `the process ended with its database: ${victim.log()}`);
      readyMs.push(await untilReady(victim));
      await pause(dice.between(100, 500));
      writers.halt();
      await writers.ended;
    }
    const readings = await check(place, await siteOf(victim, promises), kill);
    const acknowledged = promises.acknowledged - before.acknowledged;
    const unanswered = promises.unanswered - before.unanswered;
    t.diagnostic(
      `kill ${kill}: ${acknowledged} writes acknowledged, ${unanswered} not answered, ready after ${readyMs.at(-1)} ms; ` +
        `${readings} readings, ${promises.people.size} people, ${promises.sessions.size} sessions checked`,
    );
  }
  assert.ok(Math.max(...readyMs) <= READY_MS, `ready again after ${readyMs.join(', ')} ms`);
  assert.equal(await verifierOf(victim), verifier);
  await victim.kill('SIGTERM');
  const entries = await assertWhole(place, verifier, promises.checkpoints);
  t.diagnostic(
    `${promises.acknowledged} writes acknowledged and kept over ${blow.kills} kills, slowest start ` +
      `${Math.max(...readyMs)} ms, ${entries} audit entries whole, ${promises.checkpoints.length} checkpoints hold`,
  );
}

async function siteOf({ address }: Victim, promises: Promises): Promise<Omit<Site, 'running'>> {
  const token = await signIn(address);
  return { address, token, key: await makeKey(address, token), promises };
}

/** Sixteen writers at once, and an auditor who collects checkpoints. */
function startWriters(place: Omit<Site, 'running'>, name: string, dice: Dice) {
  let running = true;
  const site: Site = { ...place, running: () => running };
  const own = (): Dice => createDice(dice.between(0, 0xffff_ffff));
  const kinds = [
    'single',
    'single',
    'single',
    'single',
    'single',
    'single',
    'array',
    'array',
    'array',
    'array',
    'lines',
    'lines',
  ] as const;
  const all = [
    ...kinds.map((kind, index) => writeReadings(kind, `${name}-w${index}`, own(), site)),
    ...[12, 13].map((index) => writePeople(`${name}-w${index}`, own(), site)),
    ...[14, 15].map(() => writeSessions(own(), site)),
    keepCheckpoints(site),
  ];
  const ended = Promise.allSettled(all).then((results) => {
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  });
  ended.catch(() => undefined); // it is awaited after the kill
  return {
    ended,
    halt: () => {
      running = false;
    },
  };
}

/** The last checkpoint that was handed out before the kill: the log must begin with it for ever. */
async function keepCheckpoints({ address, token, promises, running }: Site): Promise<void> {
  let last: string | undefined;
  while (running()) {
    const outcome = await attempt(address, 'GET', '/v1/audit/checkpoint', { token });
    if (outcome.kind === 'done') last = outcome.answer.json.checkpoint;
    await pause(CHECKPOINT_EVERY_MS);
  }
  if (last !== undefined) promises.checkpoints.push(last);
}

async function untilWritten(promises: Promises, acknowledged: number, { log }: Victim): Promise<void> {
  const start = performance.now();
  while (promises.acknowledged < acknowledged) {
    assert.ok(performance.now() - start < WARM_MS, `too few writes were acknowledged: ${log()}`);
    await pause(5);
  }
}

async function verifierOf({ address }: Victim): Promise<string> {
  const answer = await call(address, 'GET', '/v1/audit/checkpoint', { token: await signIn(address) });
  assert.equal(answer.status, 200, answer.text);
  return answer.json.verifier;
}

async function untilReady({ address, alive, log }: Victim): Promise<number> {
  const start = performance.now();
  for (;;) {
    assert.ok(alive(), `the process ended with its database: ${log()}`);
    if ((await call(address, 'GET', '/ready')).status === 200) return Math.round(performance.now() - start);
    assert.ok(performance.now() - start < 4 * READY_MS, `not ready again: ${log()}`);
    await pause(10);
  }
}

async function check(place: Place, site: Omit<Site, 'running'>, kill: number): Promise<number> {
  await repeatRefreshes(site);
  const books = await readBooks(place);
  const flaws = [...reconcile(books), ...(await checkPromises(site, books))];
  assert.deepEqual(flaws.slice(0, 20), [], `${flaws.length} flaws after kill ${kill}`);
  return [...books.readings.values()].reduce((sum, count) => sum + count, 0);
}

async function assertWhole(place: Place, verifier: string, checkpoints: readonly string[]): Promise<number> {
  const storage = await place.open();
  try {
    const key = readVerifier(verifier);
    let entries = 0;
    for (const since of [undefined, ...checkpoints]) {
      const report = await verifyLog(storage, { key, since });
      assert.deepEqual(report.flaws, []);
      entries = report.entries;
    }
    return entries;
  } finally {
    await storage.close();
  }
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { readVerifier, verifyLog } from '../../src/audit/index.ts';
import { call, signIn } from './call.ts';
import { chosenSeed, createDice } from './dice.ts';
import { startRecorder } from './gateway-recorder.ts';
import { gatewayTo, handingsOf, writeConfig } from './gateway-victim.ts';
import { sqlitePlace } from './places.ts';
import { startVictim } from './start-victim.ts';

const KILLS = 10;
const WRITERS = 16;

// Attack: the machine dies in the moment when something was done through us, and no record says that it was.
test('after ten kills no request is at the back end without an intent, and no outcome without one', {
  timeout: 180_000,
}, async (t) => {
  const seed = chosenSeed();
  t.diagnostic(`FAULT_SEED=${seed}`);
  const dice = createDice(seed);
  const recorder = await startRecorder();
  t.after(() => recorder.close());
  const place = await sqlitePlace();
  t.after(place.remove);
  const setting = {
    ...place.setting,
    env: { TWINKEEP_CONFIG: writeConfig(place, { gateway: gatewayTo(recorder.url) }) },
  };
  let victim = await startVictim(setting);
  t.after(() => victim.kill('SIGKILL'));
  const acknowledged = new Set<string>();

  for (let kill = 0; kill < KILLS; kill++) {
    const token = await signIn(victim.address);
    const { address } = victim;
    let running = true;
    const write = async (writer: number): Promise<void> => {
      for (let each = 0; running; each++) {
        const path = `/twin/${kill}-${writer}-${each}`;
        const answer = await call(address, 'POST', path, { token, body: {} }).catch(() => undefined);
        if (answer?.status === 200) acknowledged.add(path);
      }
    };
    const writers = Promise.all(Array.from({ length: WRITERS }, (_, at) => write(at)));
    const before = recorder.requests.length;
    while (recorder.requests.length < before + 50) await pause(5);
    await pause(dice.between(0, 300));
    await victim.kill('SIGKILL');
    running = false;
    await writers;
    victim = await startVictim(setting);
  }

  const token = await signIn(victim.address);
  const { json } = await call(victim.address, 'GET', '/v1/audit/checkpoint', { token });
  await victim.kill('SIGTERM');
  const handings = await handingsOf(place);
  const intended = new Set(handings.filter(({ outcome }) => outcome === 'intended').map(({ path }) => path));
  const ends = handings.filter(({ outcome }) => outcome !== 'intended').map(({ path }) => path);
  const arrived = recorder.requests.filter(({ method }) => method === 'POST').map(({ target }) => target);
  const flaws = [
    ...arrived.filter((path) => !intended.has(path)).map((path) => `${path} is at the back end without an intent`),
    ...ends.filter((path) => !intended.has(path)).map((path) => `${path} has an outcome without an intent`),
    ...[...acknowledged].filter((path) => !intended.has(path)).map((path) => `${path} was answered without an intent`),
    ...(new Set(ends).size < ends.length ? ['one has two outcomes'] : []),
    ...(new Set(arrived).size < arrived.length ? ['one was handed on twice'] : []),
  ];
  assert.deepEqual(flaws.slice(0, 10), [], `${flaws.length} flaws`);
  t.diagnostic(`${KILLS} kills: ${arrived.length} handed on, ${intended.size} intents, ${ends.length} outcomes`);
  const storage = await place.open();
  try {
    assert.deepEqual(
      (await verifyLog(storage, { key: readVerifier(json.verifier), since: json.checkpoint })).flaws,
      [],
    );
  } finally {
    await storage.close();
  }
});

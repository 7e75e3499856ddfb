import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { type MakeStorage, other, plant, type RewrapKit, withKit } from './rewrap-kit.contract.ts';

const MANY = 6_000; // three stretches at least
const finished = async ({ rewrap }: RewrapKit, tenant = plant): Promise<boolean> =>
  (await rewrap.status()).some((one) => one.tenant === tenant && one.finishedAt !== undefined);

async function until(what: () => Promise<boolean>): Promise<void> {
  for (let look = 0; look < 500; look++) {
    if (await what()) return;
    await pause(20);
  }
  assert.fail('it has not come');
}

/** A storage on which each stretch takes a moment. */
const slow = (storage: Storage): Storage => ({
  ...storage,
  write: async (scope, work) => {
    if (scope.kind === 'tenant') await pause(60);
    return storage.write(scope, work);
  },
});

/** What follows a key that may be known to others, and how long whoever asks has to wait for it. */
export function rewrapUrgentContract(make: MakeStorage): void {
  // Attack: a key has leaked, and the walk away from it steps back for other work because another process was told so.
  test('what follows an emergency goes first and to its end, in whichever process it runs', () =>
    withKit(make, async (kit) => {
      await kit.fill(plant, MANY);
      await kit.fill(other, MANY);
      await kit.rotate(plant);
      const { rotation, activationMs, announce } = kit.vault.dataKeys;
      await kit.write(platform, async (tx) =>
        announce(tx, await rotation.follow(tx, other, 'emergency', activationMs)),
      );
      if (activationMs > 0) {
        kit.clock.advance(activationMs - 100);
        await kit.another().run({ budgetMs: 0 }); // a turn before the new key seals must not use the hurry up
        kit.clock.advance(100);
        assert.equal(await finished(kit, other), false);
      }
      const engine = kit.another();
      await engine.run({ budgetMs: 0 });
      await until(() => finished(kit, other));
      await engine.stop();
      assert.equal(await finished(kit, plant), false, 'an ordinary rotation keeps to its time');
    }));

  test('an ordinary rotation after an emergency does not end the hurry', () =>
    withKit(make, async (kit) => {
      await kit.fill(plant, MANY);
      await kit.rotate(plant, 'emergency');
      await kit.rotate(plant);
      const engine = kit.another();
      await engine.run({ budgetMs: 0 });
      await until(() => finished(kit));
      await engine.stop();
    }));

  test('whoever asks for a moment is answered after it, beside a run that has no end', () =>
    withKit(make, async (kit) => {
      await kit.fill(plant, MANY);
      await kit.rotate();
      const engine = kit.another({ storage: slow(kit.storage) });
      const urgent = engine.run({ urgent: true });
      await engine.run({ budgetMs: 1 });
      assert.equal(await finished(kit), false);
      await urgent;
      assert.equal(await finished(kit), true);
    }));

  test('a run that is stopped ends after its step, answers all who wait, and begins no more', () =>
    withKit(make, async (kit) => {
      await kit.fill(plant, MANY);
      await kit.rotate(plant, 'emergency');
      const engine = kit.another({ storage: slow(kit.storage) });
      const waiting = Promise.all([engine.run({ urgent: true }), engine.run()]);
      await pause(30);
      await engine.stop();
      await waiting;
      const [progress] = await kit.rewrap.status();
      assert.ok(progress !== undefined && progress.finishedAt === undefined);
      await engine.run({ urgent: true });
      assert.deepEqual((await kit.rewrap.status())[0], progress);
      await kit.another().run({ urgent: true });
      assert.equal(await finished(kit), true, 'another one goes on where it stopped');
    }));
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { personId, tenantId } from '../kernel/brand.ts';
import { isFault } from '../kernel/errors.ts';
import { anonymous } from '../kernel/principal.ts';
import { platform } from '../kernel/tx.ts';
import { createMemoryBus } from '../storage/index.ts';
import { type AnomalyKit, ada, day, hour, keyOf, minute, openKit, useOf } from './anomalies-kit.contract.ts';
import type { StorageUnderTest } from './blocks-kit.contract.ts';

const meter = keyOf('meter-1');

/** Quarter-hour posts of a key for so many days, each answered with 700 bytes. */
function learnQuarterHours({ anomalies, clock }: AnomalyKit, days = 8): void {
  for (let at = 0; at < days * day; at += 15 * minute) {
    anomalies.note(useOf(meter));
    clock.advance(15 * minute);
  }
}

async function learned(kit: AnomalyKit): Promise<void> {
  kit.anomalies.note(useOf(meter));
  await kit.anomalies.sweep(); // from now on it is known that nothing was stored
  learnQuarterHours(kit);
  await kit.anomalies.sweep();
}

export function anomaliesContract(name: string, make: () => Promise<StorageUnderTest>): void {
  const on = (what: string, work: (kit: AnomalyKit) => Promise<void>): void => {
    test(`${name}: ${what}`, async () => {
      const { storage, close } = await make();
      try {
        const kit = await openKit(storage);
        await work(kit);
        assert.deepEqual(kit.errors, []);
      } finally {
        await close();
      }
    });
  };

  // Attack: a stolen meter key drains what it can read.
  on('far more bytes than ever is told once, with what was usual, and its end too', async (kit) => {
    const { anomalies, clock, entries, events, told } = kit;
    await learned(kit);
    for (let n = 0; n < 40; n++) anomalies.note(useOf(meter, { bytes: 100_000 }));
    await anomalies.sweep();
    const [event] = events;
    assert.ok(event && events.length === 1);
    assert.equal(event.data.kind, 'volume');
    assert.equal(event.data.principal, 'api-key:meter-1');
    assert.equal(event.tenantId, 'main', 'no other tenant hears of it');
    assert.match(
      event.data.explanation,
      /bytes in the answers of an hour, where about 2,8\d\d is usual since 2026-11-21/,
    );
    assert.ok(told.length > 1 && told.every(({ score }) => score > 0 && score <= 1), 'again at each doubling');
    assert.deepEqual(
      entries.map(({ action }) => action),
      ['detection.anomaly_began'],
    );

    clock.advance(16 * minute);
    await anomalies.sweep();
    assert.deepEqual(
      entries.map(({ action }) => action),
      ['detection.anomaly_began', 'detection.anomaly_ended'],
    );
    assert.deepEqual(
      entries.map(({ tenantId: tenant }) => tenant),
      ['main', 'main'],
    );
    const { items } = await anomalies.list({ ended: true });
    assert.equal(items[0]?.evidence['observed'], 4_000_000);
    assert.equal(items[0]?.endedAt, clock.now());
    assert.deepEqual((await anomalies.list()).items, []);
  });

  on('what was learned survives a restart', async (kit) => {
    await learned(kit);
    const restarted = await kit.again();
    const view = await restarted.baseline('api-key:meter-1');
    assert.equal(view?.learning, false);
    for (let n = 0; n < 40; n++) restarted.note(useOf(meter, { bytes: 100_000 }));
    await restarted.sweep();
    assert.equal(kit.events.length, 1);
  });

  on('two processes tell of one anomaly once', async (kit) => {
    await learned(kit);
    const other = await kit.again();
    for (const process of [kit.anomalies, other])
      for (let n = 0; n < 40; n++) process.note(useOf(meter, { bytes: 100_000 }));
    await Promise.all([kit.anomalies.sweep(), other.sweep()]);
    assert.equal(kit.events.length, 1);
    assert.equal((await other.list()).items.length, 1);
  });

  on('what two processes learn is added up', async (kit) => {
    const other = await kit.again();
    for (const process of [kit.anomalies, other]) process.note(useOf(meter));
    await kit.anomalies.sweep();
    await other.sweep();
    for (let at = 0; at < 8 * day; at += 15 * minute) {
      (at % (30 * minute) === 0 ? kit.anomalies : other).note(useOf(meter));
      kit.clock.advance(15 * minute);
    }
    await kit.anomalies.sweep();
    await other.sweep();
    const third = await kit.again();
    const view = await third.baseline('api-key:meter-1');
    assert.equal(view?.measures.find(({ measure }) => measure === 'requests')?.expected, 1);
    assert.equal(view?.learning, false);
  });

  on('a principal that is forgotten is learned anew, and unknown ones are told apart', async (kit) => {
    await learned(kit);
    const operator = { principal: { kind: 'operator', tenantId: tenantId('main') } } as const;
    await kit.anomalies.forget(operator, 'api-key:meter-1');
    for (let n = 0; n < 40; n++) kit.anomalies.note(useOf(meter, { bytes: 100_000 }));
    await kit.anomalies.sweep();
    assert.deepEqual(kit.events, []);
    assert.equal(kit.entries.at(-1)?.action, 'detection.baseline_forgotten');
    await assert.rejects(kit.anomalies.forget(operator, 'api-key:nobody'), (error) =>
      isFault(error, 'DETECTION_BASELINE_UNKNOWN'),
    );
  });

  // Attack: a thief's use is learned as usual; an operator has it forgotten, and another process writes it back.
  on('what is forgotten is forgotten by every process, and not written back', async (kit) => {
    await learned(kit);
    const other = await kit.again();
    other.note(useOf(meter, { bytes: 100_000 }));
    await other.sweep();
    const operator = { principal: { kind: 'operator', tenantId: tenantId('main') } } as const;
    for (const name of ['api-key:meter-1', 'peers:api-key']) {
      assert.ok(await other.baseline(name), name);
      await kit.anomalies.forget(operator, name);
      assert.equal(await other.baseline(name), undefined, name);
    }
    kit.clock.advance(minute);
    for (const one of [other, kit.anomalies]) {
      one.note(useOf(meter, { bytes: 100_000 }));
      kit.clock.advance(minute);
      one.note(useOf(meter, { bytes: 100_000 }));
      await one.sweep();
    }
    const fresh = await (await kit.again()).baseline('api-key:meter-1');
    assert.deepEqual([fresh?.learning, fresh?.places, fresh?.measures[0]?.limit], [true, [], undefined]);
  });

  on('what is forgotten is not written back by a process that heard nothing of it', async (kit) => {
    await learned(kit);
    const deaf = await kit.again({}, createMemoryBus());
    deaf.note(useOf(meter, { bytes: 100_000 }));
    await deaf.sweep();
    await kit.anomalies.forget({ principal: { kind: 'operator', tenantId: tenantId('main') } }, 'api-key:meter-1');
    for (let each = 0; each < 2; each++) {
      kit.clock.advance(minute);
      deaf.note(useOf(meter, { bytes: 100_000 }));
    }
    await deaf.sweep();
    const view = await (await kit.again()).baseline('api-key:meter-1');
    assert.deepEqual([view?.learning, view?.places], [true, []]);
  });

  // Attack: the word of an erasure is lost on the bus, and another process writes down anew how that person worked.
  on('what was learned of an erased person is not written again by a process that heard nothing of it', async (kit) => {
    const { anomalies, clock } = kit;
    const deaf = await kit.again({}, createMemoryBus());
    for (let each = 0; each < 3; each++) {
      for (const one of [anomalies, deaf]) {
        one.note(useOf(ada));
        await one.sweep();
      }
      clock.advance(minute);
    }
    const late = await kit.again({}, createMemoryBus()); // has read what is stored, and written nothing yet
    for (const one of [deaf, late]) one.note(useOf(ada));
    clock.advance(minute);
    for (const one of [deaf, late]) one.note(useOf(ada));
    await kit.storage.write(platform, (tx) => anomalies.forgetPerson(tx, personId('ada')));
    for (let each = 0; each < 2; each++) {
      for (const one of [deaf, late, anomalies]) await one.sweep();
      clock.advance(minute);
    }
    assert.equal(await (await kit.again()).baseline('person:ada'), undefined);
    for (const one of [deaf, late]) assert.equal(await one.baseline('person:ada'), undefined);
  });

  on('what nobody uses any more is let go', async (kit) => {
    await learned(kit);
    for (let n = 0; n < 40; n++) kit.anomalies.note(useOf(meter, { bytes: 100_000 }));
    await kit.anomalies.sweep();
    kit.clock.advance(hour);
    await kit.anomalies.sweep();
    kit.clock.advance(91 * day);
    await kit.anomalies.prune();
    const fresh = await kit.again();
    assert.equal(await fresh.baseline('api-key:meter-1'), undefined);
    assert.deepEqual((await fresh.list({ ended: true })).items, []);
  });

  // Attack: a session is carried off and used from another continent.
  on(
    'a person’s impossible journey asks for a new proof, and no place of theirs is told outside the sealed entry',
    async (kit) => {
      const { anomalies, clock, entries, events, asked } = kit;
      anomalies.note(useOf(ada));
      await anomalies.sweep();
      for (let at = 0; at < 8 * day; at += hour) {
        anomalies.note(useOf(ada));
        clock.advance(hour);
      }
      await anomalies.sweep();
      anomalies.note(useOf(ada, { address: '203.0.113.2' })); // the next town
      await anomalies.sweep();
      assert.equal(events.length, 0);
      anomalies.note(useOf(ada, { address: '198.51.100.7' }));
      await anomalies.sweep();
      assert.equal(events[0]?.data.kind, 'travel');
      assert.deepEqual(asked, ['session-of-ada']);
      assert.doesNotMatch(JSON.stringify(events), /Recife|Berlin|BR|198\.51/);
      assert.doesNotMatch(JSON.stringify((await anomalies.list()).items), /Recife|Berlin|Potsdam|198\.51/);
      assert.deepEqual(entries[0]?.personal?.values, { from: 'Berlin', to: 'Recife' });
    },
  );

  // Attack: a scanner that was never seen before looks for a thousand paths.
  on('an address that nobody knows is held against its peers when almost all it asks for fails', async (kit) => {
    const { anomalies, clock, events } = kit;
    anomalies.note(useOf(anonymous));
    await anomalies.sweep();
    for (let at = 0; at < 8 * day; at += 10 * minute) {
      const guest = { address: `192.0.2.${(at / minute) % 200}` };
      for (let n = 0; n < 20; n++) anomalies.note(useOf(anonymous, { ...guest, status: n === 0 ? 404 : 200 }));
      clock.advance(10 * minute);
    }
    await anomalies.sweep();
    let asked = 0;
    for (; asked < 1_000 && (await kit.anomalies.list()).items.length === 0; asked++) {
      anomalies.note(useOf(anonymous, { address: '198.51.100.9', status: asked % 20 === 0 ? 200 : 404 }));
      if (asked % 10 === 9) await anomalies.sweep();
    }
    const found = events.find(({ data }) => data.kind === 'errors');
    assert.match(found?.data.explanation ?? '', /usual for others of its kind/);
    assert.ok(asked <= 40, `after ${asked} requests`);
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryHotState, type HotState } from '../storage/index.ts';
import { createTestClock } from '../testing/index.ts';
import { inMemory, type Kit, policyFor, withKit } from './blocks-kit.contract.ts';
import { createSuspicion } from './suspicion.ts';
import { attack, attackBy, followed, keyNamed, personNamed, sent } from './suspicion-kit.contract.ts';
import { createLedger } from './suspicion-ledger.ts';
import { type Offence, standingOf, withOffences } from './suspicion-standing.ts';

const office = '203.0.113.9';
const hour = 3_600_000;
const rethrow = (error: unknown): never => {
  throw error;
};

const on = (what: string, work: (kit: Kit) => Promise<void>): void => {
  test(what, () => withKit(inMemory, work));
};

const offenceOf = (fingerprint: string, more: Partial<Offence> = {}): Offence => ({
  points: 22,
  indirect: false,
  fingerprint,
  note: { class: 'sqli', rule: 'r', at: 'query.q', requestId: 'r' },
  ...more,
});

/** A hot state that says how many values stand in it. */
function countedHot(hot: HotState) {
  const keys = new Set<string>();
  const counted: HotState = {
    ...hot,
    put: (key, value, ttl) => {
      keys.add(key);
      return hot.put(key, value, ttl);
    },
    forget: (key) => {
      keys.delete(key);
      return hot.forget(key);
    },
  };
  return { counted, keys };
}

// Attack: 100,000 addresses attack once each, to fill the memory or to push out what others keep there.
test('a hundred thousand addresses fill neither the memory nor the shared store', { timeout: 120_000 }, async () => {
  const clock = createTestClock();
  const { counted, keys } = countedHot(createMemoryHotState({ clock, maxCells: 200_000 }));
  const ledger = createLedger({ hot: counted, clock, halfLifeMs: hour, onError: rethrow, max: 1_000 });
  await counted.put('a code that was used', 'x', hour);
  for (let each = 0; each < 100_000; each++)
    await ledger.add({ kind: 'address', value: `10.${each >> 16}.${(each >> 8) & 255}.${each & 255}` }, offenceOf('x'));
  assert.equal(ledger.size(), 1_000);
  assert.equal(keys.size, 1_001);
  assert.equal(await counted.get('a code that was used'), 'x');
});

// Attack: a flood of addresses makes the count of a key forgotten.
test('a flood of addresses leaves the count of a key as it is', async () => {
  const clock = createTestClock();
  const hot = createMemoryHotState({ clock });
  const ledger = createLedger({ hot, clock, halfLifeMs: hour, onError: rethrow, max: 100 });
  for (let each = 0; each < 4; each++) await ledger.add({ kind: 'api-key', value: 'k' }, offenceOf(`${each}`));
  for (let each = 0; each < 5_000; each++) await ledger.add({ kind: 'address', value: `a${each}` }, offenceOf('x'));
  const standing = await ledger.add({ kind: 'api-key', value: 'k' }, offenceOf('4'));
  assert.equal(standing?.direct, 110);
});

// Attack: one address sends endlessly different payloads with endless places.
test('one suspect takes a few kilobytes, whatever it sends', () => {
  const clock = createTestClock();
  let standing = withOffences(undefined, [], clock.now(), hour);
  for (let each = 0; each < 10_000; each++)
    standing = withOffences(standing, [offenceOf(`${each}`, { indirect: each % 2 === 0 })], clock.now(), hour);
  assert.ok(JSON.stringify(standing).length < 4_096, String(JSON.stringify(standing).length));
  assert.ok(standing.direct <= 1_000 && standing.indirect <= 50);
});

on('words of an attack are kept short and printable', async (kit) => {
  const at = `query.\0\ud800\n${'x'.repeat(100_000)}`;
  for (let each = 0; each < 5; each++)
    await kit.suspicion.attacked(sent(office), attack(`${each}`, { at, rule: '__proto__', class: '__proto__' }));
  const { evidence } = kit.blocks.blocked(office) ?? assert.fail();
  assert.deepEqual(evidence['places'], [`query.???${'x'.repeat(55)}`]);
  assert.equal(kit.blocks.blocked(office)?.stored, true);
});

// Attack: all attacks are sent at once, so that each is the first.
on('fifty attacks at once in two processes block once', async (kit) => {
  const other = await kit.again();
  const both = [kit.suspicion, other.suspicion];
  await Promise.all(Array.from({ length: 50 }, (_, at) => both[at % 2]?.attacked(sent(office), attack(`q=${at}`))));
  assert.ok(kit.blocks.blocked(office) !== undefined);
  assert.deepEqual([kit.entries.length, kit.events.length], [1, 1]);
  assert.deepEqual(kit.errors, []);
});

// Attack: two of five attacks at each node.
on('what two processes see adds up', async (kit) => {
  const other = await kit.again();
  await attackBy(kit, 2, () => sent(office), 'here');
  await attackBy(other, 2, () => sent(office), 'there');
  assert.equal(kit.blocks.blocked(office), undefined);
  await attackBy(other, 1, () => sent(office), 'last');
  assert.ok(other.blocks.blocked(office) !== undefined);
});

on('the same attack at two processes counts once', async (kit) => {
  const other = await kit.again();
  for (let each = 0; each < 10; each++)
    for (const { suspicion } of [kit, other]) await suspicion.attacked(sent(office), attack('same'));
  assert.equal(kit.blocks.blocked(office), undefined);
});

// Attack: the shared store is brought down, so that nothing adds up any more.
on('without the shared store each process counts for itself, and tells the operator', async (kit) => {
  const away = async (): Promise<never> => Promise.reject(new Error('away'));
  const hot = { ...kit.hot, claim: away, get: away, put: away, forget: away };
  const node = await kit.again({ hot });
  await attackBy(node, 5, () => sent(office));
  assert.ok(node.blocks.blocked(office) !== undefined);
  assert.ok(kit.errors.length >= 5);
});

// Attack: whoever writes to the shared store puts nonsense there.
test('what stands in the shared store and is no standing counts as nothing', async () => {
  const clock = createTestClock();
  const hot = createMemoryHotState({ clock });
  const ledger = createLedger({ hot, clock, halfLifeMs: hour, onError: rethrow });
  for (const text of [
    '',
    '{',
    'null',
    '[]',
    '{"direct":"9"}',
    '{"direct":-1,"indirect":0,"at":0,"seen":[],"notes":[]}',
  ]) {
    assert.equal(standingOf(text), undefined);
    await hot.put('detection.suspicion address x', text, hour);
    const standing = await ledger.add({ kind: 'address', value: 'x' }, offenceOf(text));
    assert.equal(standing?.direct, 22, text);
    await ledger.forget({ kind: 'address', value: 'x' });
  }
});

// Attack: a process dies while it holds the lock of a suspect.
test('a lock that nobody gives back holds nobody up for long', async () => {
  const clock = createTestClock();
  const hot = createMemoryHotState({ clock });
  const ledger = createLedger({ hot, clock, halfLifeMs: hour, onError: rethrow });
  await hot.claim('detection.suspicion address x lock', 2_000);
  const begun = performance.now();
  const standing = await ledger.add({ kind: 'address', value: 'x' }, offenceOf('1'));
  assert.equal(standing?.direct, 22);
  assert.ok(performance.now() - begun < 2_000);
});

on('a device that cannot be found out is left out, and its person counts', async (kit) => {
  const deviceOf = async (): Promise<never> => Promise.reject(new Error('away'));
  const { deps, hot, blocks } = kit;
  const policyOf = (name: string) => policyFor(name, deps.config);
  const suspicion = createSuspicion({ ...deps, hot, blocks, policyOf, deviceOf });
  await attackBy({ suspicion }, 5, () => sent(office, personNamed('ada')));
  assert.ok(blocks.blocked('ada', 'person') !== undefined);
});

on('who first had it planted and then sends it himself is counted in full', async (kit) => {
  for (const headers of [followed, {}])
    for (let each = 0; each < 5; each++)
      await kit.suspicion.attacked(sent(office, undefined, headers), attack(`q=${each}`));
  assert.ok(kit.blocks.blocked(office) !== undefined);
});

on('a flood of the same attack asks the shared store nothing', async (kit) => {
  let asked = 0;
  const hot: HotState = {
    ...kit.hot,
    claim: (key, ttl) => {
      asked++;
      return kit.hot.claim(key, ttl);
    },
  };
  const node = await kit.again({ hot });
  for (let each = 0; each < 1_000; each++) await node.suspicion.attacked(sent(office, keyNamed('k')), attack('same'));
  assert.equal(asked, 2, 'once for the key and once for the address');
});

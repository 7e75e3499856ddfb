import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { systemClock } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import { openPostgresStorage } from '../storage/index.ts';
import { serverSuite, startPostgres } from '../testing/index.ts';
import { targetOf } from './block.ts';
import { blocksContract } from './blocks.contract.ts';
import { expectFault, inMemory, minute, nobody, offence, operator, wishFor, withKit } from './blocks-kit.contract.ts';
import { principalsContract } from './blocks-principals.contract.ts';
import { detectionConfig } from './config.ts';

blocksContract('SQLite', inMemory);
principalsContract('SQLite', inMemory);

await serverSuite('PostgreSQL', startPostgres, (server) => {
  const make = async () => {
    const storage = await openPostgresStorage({ url: await server.createDatabase(), clock: systemClock });
    return { storage, close: () => storage.close() };
  };
  blocksContract('PostgreSQL', make);
  principalsContract('PostgreSQL', make);
});

const one = '203.0.113.9';
const requestFrom = (address: string, addressBlock = address, operator = false) => ({
  address,
  addressBlock,
  operator,
});

test('a blocked client is told why and when to come back, and nothing else', () =>
  withKit(inMemory, async ({ blocks, clock }) => {
    await blocks.impose(nobody, offence(one));
    clock.advance(5 * minute);
    assert.throws(
      () => blocks.assertNotBlocked(requestFrom(one)),
      (error) => {
        assert.ok(isFault(error, 'DETECTION_BLOCKED') && error.kind === 'forbidden');
        const until = '2026-11-21T12:15:00.000Z';
        const told = { reason: 'too_many_failed_attempts', violation: 'ip_blocked', until, retry_after_s: 600 };
        assert.deepEqual(error.facts, told);
        return true;
      },
    );
    blocks.assertNotBlocked(requestFrom('203.0.113.10'));
    await blocks.block(operator, wishFor(one, { kind: 'permanent' }));
    assert.throws(
      () => blocks.assertNotBlocked(requestFrom(one)),
      (error) => {
        assert.ok(isFault(error, 'DETECTION_BLOCKED'));
        assert.deepEqual(error.facts, { reason: 'operator', violation: 'ip_blocked', permanent: true });
        return true;
      },
    );
  }));

// Attack: whoever gets the loopback blocked locks the operator out.
test('the owner’s own door is open whatever is blocked', () =>
  withKit(inMemory, async ({ blocks }) => {
    await blocks.block(operator, wishFor('127.0.0.1', { kind: 'permanent' }));
    await blocks.block(operator, wishFor('::1', { kind: 'permanent' }));
    for (const [address, block] of [
      ['127.0.0.1', '127.0.0.1'],
      ['::1', '0:0:0:0::/64'],
    ] as const) {
      assert.throws(() => blocks.assertNotBlocked(requestFrom(address, block)));
      blocks.assertNotBlocked(requestFrom(address, block, true));
    }
  }));

// Attack: a neighbour in the /64 of a monitoring host gets that host blocked.
test('an address that is never blocked passes in a /64 that is', () =>
  withKit(inMemory, async ({ blocks }) => {
    const value = '2001:db8:ffff:0::/64';
    assert.equal((await blocks.impose(nobody, offence('2001:db8:ffff::6')))?.value, value);
    blocks.assertNotBlocked(requestFrom('2001:db8:ffff::5', value));
    assert.throws(() => blocks.assertNotBlocked(requestFrom('2001:db8:ffff::6', value)));
  }));

// Attack: the database is brought down, so that guessing goes on unblocked.
test('a block that cannot be stored holds in memory, is listed and can be lifted', () =>
  withKit(inMemory, async (kit) => {
    let down = true;
    const announce = async (): Promise<void> => {
      if (down) throw new Error('away');
    };
    const { blocks } = await kit.again({ deps: { announce } });
    const made = await blocks.impose(nobody, offence(one));
    assert.deepEqual([made?.stored, blocks.blocked(one), kit.errors.length], [false, made, 1]);
    assert.throws(() => blocks.assertNotBlocked(requestFrom(one)));
    down = false;
    assert.deepEqual((await blocks.list()).items, [made]);
    await blocks.lift(operator, one);
    assert.deepEqual([blocks.blocked(one), (await blocks.list()).items], [undefined, []]);
    assert.equal(kit.entries.at(-1)?.action, 'detection.lifted');
  }));

test('a text means an address, the whole block of one, or nothing', () => {
  const good = [
    [one, one],
    [`${one}/32`, one],
    ['::ffff:203.0.113.9', one],
    ['::ffff:cb00:7109', one],
    ['2001:DB8:1:2:3::4', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::/64', '2001:db8:1:2::/64'],
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '0:0:0:0::/64'],
    ['0:0:0:0::/64', '0:0:0:0::/64'],
  ] as const;
  for (const [text, value] of good) {
    assert.equal(targetOf(text)?.value, value, text);
    assert.equal(targetOf(value)?.value, value, 'what is listed can be typed');
  }
  const bad = [
    '',
    'x',
    '203.0.113',
    '203.0.113.0/24',
    '203.0.113.9/33',
    '203.0.113.9/',
    '2001:db8::/32',
    '2001:db8::/128',
  ];
  for (const text of [...bad, '::2', 'fe80::1%eth0', `${one}/32/32`, ` ${one}`, `${one}\n`, '0x7f.1']) {
    assert.equal(targetOf(text), undefined, text);
  }
  fc.assert(fc.property(fc.ipV4(), (text) => assert.equal(targetOf(text)?.value, text)));
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const value = targetOf(text)?.value;
      if (value !== undefined) assert.equal(targetOf(value)?.value, value);
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => void targetOf(text)));
});

test('a wish for what is no address is refused before anything is written', () =>
  withKit(inMemory, async ({ blocks, entries }) => {
    await assert.rejects(blocks.block(operator, wishFor('203.0.113.0/24')), TypeError);
    await assert.rejects(blocks.impose(nobody, offence('office')), TypeError);
    await expectFault('DETECTION_BLOCK_UNKNOWN', blocks.lift(operator, 'office'));
    assert.deepEqual(entries, []);
  }));

test('a text means a principal or a device where it says so', () => {
  for (const kind of ['api-key', 'person', 'device'] as const) {
    assert.deepEqual(targetOf(`${kind}:a-1`), { kind, value: 'a-1', named: 'a-1' });
    assert.deepEqual(targetOf('a-1', kind), { kind, value: 'a-1', named: 'a-1' });
    for (const id of ['', 'a b', 'a:b', '-a', 'a\n', 'x'.repeat(65), '203.0.113.9']) {
      assert.equal(targetOf(`${kind}:${id}`), undefined, id);
      assert.equal(targetOf(id, kind), undefined, id);
    }
  }
  for (const text of ['operator:a', 'address:203.0.113.9', 'person:', ':a', 'Person:a'])
    assert.equal(targetOf(text), undefined, text);
});

test('settings that make no sense stop the start', () => {
  const { enabled, failures, windowMs, blockMs, maxBlockMs, permanent, never, neverBlocked, suspicion } =
    detectionConfig.parse({});
  const own = { enabled, failures, windowMs, blockMs, maxBlockMs, permanent, never, neverBlocked, suspicion };
  assert.deepEqual(own, {
    enabled: true,
    failures: 5,
    windowMs: 15 * minute,
    blockMs: 15 * minute,
    maxBlockMs: 1_440 * minute,
    permanent: false,
    never: [],
    neverBlocked: [],
    suspicion: {
      enabled: true,
      attackPoints: 22,
      unusualPoints: 25,
      halfLifeMs: 60 * minute,
      addressShare: 0.1,
      plantedShare: 0.1,
      scriptedShare: 0.1,
      endSessions: true,
    },
  });
  const bad = [
    { failures: 0 },
    { windowMs: 0 },
    { blockMs: 2_000, maxBlockMs: 1_000 },
    { never: ['office'] },
    { neverBlocked: ['a b'] },
    { suspicion: { attackPoints: 101 } },
    { suspicion: { addressShare: 0.6 } },
    { suspicion: { halfLifeMs: 1 } },
    { x: 1 },
  ];
  for (const input of bad) assert.equal(detectionConfig.safeParse(input).success, false, JSON.stringify(input));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hours, minutes } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import type { PersonPrincipal } from '../kernel/principal.ts';
import { inMemory, type Kit, minute, operator, wishFor, withKit } from './blocks-kit.contract.ts';
import { attack, attackBy, followed, keyNamed, personNamed, sent } from './suspicion-kit.contract.ts';

const office = '203.0.113.9';
const ada = personNamed('ada');
const pump = keyNamed('pump');

const on = (what: string, work: (kit: Kit) => Promise<void>): void => {
  test(what, () => withKit(inMemory, work));
};

// Attack: a scanner tries one thing after the other, slowly.
on('five different attacks within ten minutes block their address, and four do not', async (kit) => {
  for (let each = 0; each < 5; each++) {
    assert.equal(kit.blocks.blocked(office), undefined, `after ${each}`);
    await kit.suspicion.attacked(sent(office), attack(`q=${each}`));
    kit.clock.advance(minutes(2.5));
  }
  const block = kit.blocks.blocked(office);
  assert.deepEqual(
    [block?.kind, block?.violation, block?.reason, block?.profile, block?.createdBy],
    ['address', 'suspicious_pattern', 'suspicion', 'twinkeep', 'detection'],
  );
  assert.equal((block?.endsAt ?? 0) - (block?.createdAt ?? 0), 15 * minute);
});

on('a block says by which rules, where and in which requests, and holds no text of the client', async (kit) => {
  const secret = 'password=hunter2';
  for (let each = 0; each < 5; each++) {
    const more = { evidence: secret, at: each % 2 ? 'body.note' : 'query.q', rule: `rule-${each % 2}` };
    await kit.suspicion.attacked(sent(office), attack(`${secret} ${each}`, more));
  }
  const { evidence } = kit.blocks.blocked(office) ?? assert.fail();
  const { request_ids: ids, ...rest } = evidence;
  assert.ok(Array.isArray(ids) && ids.length === 5);
  assert.deepEqual(rest, {
    points: 110,
    attacks: 5,
    half_life_s: 3_600,
    classes: { sqli: 5 },
    rules: ['rule-0', 'rule-1'],
    places: ['query.q', 'body.note'],
    first_at: '2026-11-21T12:00:00.000Z',
    last_at: '2026-11-21T12:00:00.000Z',
  });
  assert.ok(!JSON.stringify([kit.entries, kit.events]).includes('hunter2'));
});

on('what was long ago is half forgotten in an hour, and blocks get longer', async (kit) => {
  await attackBy(kit, 4, () => sent(office));
  kit.clock.advance(hours(1));
  await attackBy(kit, 2, () => sent(office), 'later');
  assert.equal(kit.blocks.blocked(office), undefined, '44 + 44');
  await attackBy(kit, 1, () => sent(office), 'last');
  assert.ok(kit.blocks.blocked(office) !== undefined);
  kit.clock.advance(15 * minute);
  await attackBy(kit, 4, () => sent(office), 'again');
  assert.equal(kit.blocks.blocked(office), undefined, 'after a block the count begins anew');
  await attackBy(kit, 5, () => sent(office), 'more');
  const block = kit.blocks.blocked(office);
  assert.equal((block?.endsAt ?? 0) - (block?.createdAt ?? 0), 30 * minute);
});

// Attack: one client behind a plant's NAT attacks, so that the whole plant is shut out.
on('the attacks of a key block the key, and never its address', async (kit) => {
  await attackBy(kit, 5, () => sent(office, pump));
  assert.equal(kit.blocks.blocked('pump', 'api-key')?.reason, 'suspicion');
  assert.equal(kit.blocks.blocked(office), undefined);
  await attackBy(kit, 500, () => sent(office, pump), 'blocked already');
  for (let each = 0; each < 100; each++) await attackBy(kit, 5, () => sent(office, keyNamed(`k${each}`)), `k${each}`);
  assert.equal(kit.blocks.blocked('k99', 'api-key')?.reason, 'suspicion');
  assert.equal(kit.blocks.blocked(office), undefined, 'not even a hundred keys of one plant');
  await attackBy(kit, 3, () => sent(office));
  assert.ok(kit.blocks.blocked(office) !== undefined, 'but then three of nobody known are enough');
});

on('the attacks of a person block the person and the device of the session', async (kit) => {
  const node = await kit.again({ deps: { deviceOf: async ({ sessionId }) => `device-of-${sessionId}` } });
  await attackBy(node, 4, () => sent(office, ada));
  assert.equal(node.blocks.blocked('ada', 'person'), undefined);
  await attackBy(node, 1, () => sent(office, ada), 'fifth');
  assert.ok(node.blocks.blocked('ada', 'person') !== undefined);
  assert.ok(node.blocks.blocked('device-of-session-of-ada', 'device') !== undefined);
  assert.equal(node.blocks.blocked(office), undefined);
});

// Attack: the cookie of somebody else's device is sent along, so that it is theirs which gets blocked.
on('a device is that of the verified session, whatever the request says', async (kit) => {
  const node = await kit.again({ deps: { deviceOf: () => 'own' } });
  const headers = { cookie: 'device=victim; __Host-device=victim', 'x-device-id': 'victim' };
  await attackBy(node, 5, () => sent(office, ada, headers));
  assert.ok(node.blocks.blocked('own', 'device') !== undefined);
  assert.equal(node.blocks.blocked('victim', 'device'), undefined);
});

// Attack: requests name a victim everywhere, so that the victim gets blocked.
on('nobody is blocked for requests that only name them', async (kit) => {
  const headers = { cookie: 'access=ada', 'x-user': 'ada', 'x-api-key': 'pump', authorization: 'Bearer ada' };
  await attackBy(kit, 20, () => sent(office, undefined, headers));
  assert.equal(kit.blocks.blocked('ada', 'person'), undefined);
  assert.equal(kit.blocks.blocked('pump', 'api-key'), undefined);
  assert.ok(kit.blocks.blocked(office) !== undefined);
});

// Attack: each attack comes with another made-up key, so that none of them has done much.
on('invented keys count for the address', async (kit) => {
  for (let each = 0; each < 5; each++)
    await kit.suspicion.attacked(sent(office, undefined, { 'x-api-key': `made-up-${each}` }), attack(`q=${each}`));
  assert.ok(kit.blocks.blocked(office) !== undefined);
});

// Attack: a link is planted where the whole office reads it (D06).
on('a planted link that fifty colleagues follow, each ten times, blocks nobody', async (kit) => {
  for (let round = 0; round < 10; round++)
    for (let each = 0; each < 50; each++) {
      const reader = each % 2 ? personNamed(`p${each}`) : undefined;
      await kit.suspicion.attacked(sent(office, reader, followed), attack('../../etc/passwd'));
    }
  assert.deepEqual((await kit.blocks.list()).items, []);
});

// Attack: the link is mailed as a list of a thousand different ones, or fetched by a page as images.
on('a page that makes its reader send a thousand different attacks gets nobody blocked', async (kit) => {
  const ways = [
    followed,
    { host: 'twin.example', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' },
    { host: 'twin.example', 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' },
    { host: 'twin.example', referer: 'http://evil.example/page' },
    { host: 'twin.example', origin: 'null' },
  ];
  for (let each = 0; each < 1_000; each++) {
    const headers = ways[each % ways.length];
    await kit.suspicion.attacked(sent(office, each % 2 ? ada : undefined, headers), attack(`link ${each}`));
    if (each % 50 === 0) kit.clock.advance(minute);
  }
  const form = { ...followed, 'content-type': 'application/x-www-form-urlencoded' };
  await attackBy(kit, 100, () => sent(office, undefined, form, { method: 'POST' }), 'form');
  assert.deepEqual((await kit.blocks.list()).items, []);
});

// Attack: a script claims to be a browser that was led astray.
on('what no page can make a browser send counts in full, whatever it claims', async (kit) => {
  await attackBy(kit, 5, () => sent(office, pump, { ...followed, 'x-api-key': 'k' }));
  assert.ok(kit.blocks.blocked('pump', 'api-key') !== undefined);
  await attackBy(kit, 5, () => sent(office, ada, { ...followed, authorization: 'Bearer t' }));
  assert.ok(kit.blocks.blocked('ada', 'person') !== undefined);
  const json = { ...followed, 'content-type': 'application/json' };
  await attackBy(kit, 5, () => sent('203.0.113.10', undefined, json, { method: 'POST' }));
  assert.ok(kit.blocks.blocked('203.0.113.10') !== undefined);
  await attackBy(kit, 5, () => sent('203.0.113.11', undefined, followed, { method: 'PUT' }));
  assert.ok(kit.blocks.blocked('203.0.113.11') !== undefined);
});

on('a request of our own pages counts in full', async (kit) => {
  const own = { host: 'twin.example', 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' };
  const headers = { ...own, referer: 'https://twin.example/console', origin: 'https://twin.example' };
  await attackBy(kit, 5, () => sent(office, undefined, headers));
  assert.ok(kit.blocks.blocked(office) !== undefined);
});

// Attack: one captured attack is sent over and over by a whole office that retries.
on('the same attack again counts once an hour', async (kit) => {
  for (let each = 0; each < 500; each++) await kit.suspicion.attacked(sent(office), attack('same'));
  assert.equal(kit.blocks.blocked(office), undefined);
  kit.clock.advance(hours(1));
  for (let each = 0; each < 500; each++) await kit.suspicion.attacked(sent(office), attack('same'));
  assert.equal(kit.blocks.blocked(office), undefined, '11 + 22');
});

on('what a rule on trial sees blocks nobody', async (kit) => {
  for (let each = 0; each < 200; each++)
    await kit.suspicion.attacked(sent(office, pump, {}, { profile: 'ems' }), attack(`q=${each}`, { shadow: true }));
  await attackBy(kit, 4, () => sent(office, pump), 'refused');
  await attackBy(kit, 4, () => sent(office), 'refused');
  assert.deepEqual((await kit.blocks.list()).items, [], 'nor is it a step towards a block');
});

on('anomalies never block alone, and make attacks weigh more', async (kit) => {
  const evidence = { per_minute: 900 };
  for (let each = 0; each < 50; each++)
    await kit.suspicion.unusual(sent(office, pump), { kind: `kind-${each}`, score: 1, evidence });
  for (const score of [Number.NaN, Number.POSITIVE_INFINITY, -5])
    await kit.suspicion.unusual(sent(office, pump), { kind: `score-${score}`, score, evidence });
  assert.equal(kit.blocks.blocked('pump', 'api-key'), undefined);
  await attackBy(kit, 3, () => sent(office, pump));
  assert.ok(kit.blocks.blocked('pump', 'api-key') !== undefined);
});

on('who is never blocked is not, nor is what they use, and the operator is not even counted', async (kit) => {
  const node = await kit.again({ deps: { deviceOf: () => 'shared-screen' } });
  await attackBy(node, 20, () => sent('198.51.100.7'));
  await attackBy(node, 20, () => sent(office, keyNamed('spared')));
  await attackBy(node, 20, () => sent(office, personNamed('spared')));
  await attackBy(node, 20, () => sent('192.0.2.80', operator.principal));
  await attackBy(node, 20, () => sent('', undefined));
  assert.deepEqual((await node.blocks.list()).items, []);
  await attackBy(node, 20, () => sent('198.51.100.7', pump));
  assert.ok(node.blocks.blocked('pump', 'api-key') !== undefined, 'a key at such an address is');
});

on('when it is off nobody is blocked, in ems by one pattern all the same', async (kit) => {
  const { suspicion: settings } = kit.deps.config;
  const node = await kit.again({ config: { suspicion: { ...settings, enabled: false } } });
  await attackBy(node, 20, () => sent(office));
  await node.suspicion.unusual(sent(office), { kind: 'rate', score: 1, evidence: {} });
  assert.equal(node.blocks.blocked(office), undefined);
  await attackBy(node, 1, () => sent(office, undefined, {}, { profile: 'ems' }));
  assert.ok(node.blocks.blocked(office) !== undefined);
  const off = await kit.again({ config: { enabled: false } });
  await attackBy(off, 20, () => sent('203.0.113.10', undefined, {}, { profile: 'ems' }));
  assert.equal(off.blocks.blocked('203.0.113.10'), undefined);
});

on('of E15: in ems one pattern of nobody known blocks its address at once, and says which', async (kit) => {
  for (const [profile, address] of [
    ['ems', office],
    ['ems-permanent', '203.0.113.10'],
  ] as const) {
    await kit.suspicion.attacked(sent(address, undefined, {}, { profile }), attack('x', { rule: 'UNION SELECT' }));
    const block = kit.blocks.blocked(address);
    assert.deepEqual(
      [block?.violation, block?.reason, block?.evidence['pattern'], block?.endsAt === undefined],
      ['suspicious_pattern', 'attack_pattern', 'UNION SELECT', profile === 'ems-permanent'],
    );
  }
});

// Attack: one client behind a plant's NAT, so that the first pattern of its key shuts out the plant.
on('of E15: in ems one pattern of whoever was verified blocks them at once, and not their address', async (kit) => {
  const node = await kit.again({ deps: { deviceOf: () => 'laptop' } });
  const bearer = { authorization: 'Bearer t' };
  await node.suspicion.attacked(sent(office, pump, {}, { profile: 'ems-permanent' }), attack('x', { rule: 'UNION' }));
  await node.suspicion.attacked(sent(office, ada, bearer, { profile: 'ems' }), attack('y'));
  for (const [kind, value] of [
    ['api-key', 'pump'],
    ['person', 'ada'],
    ['device', 'laptop'],
  ] as const) {
    const block = node.blocks.blocked(value, kind);
    assert.deepEqual([block?.reason, block?.endsAt === undefined], ['attack_pattern', false], kind);
  }
  assert.equal(node.blocks.blocked(office), undefined);
  await node.suspicion.attacked(sent(office, personNamed('bob'), followed, { profile: 'ems' }), attack('z'));
  assert.equal(node.blocks.blocked('bob', 'person'), undefined, 'a link that was planted');
});

// Attack: a link with `..` in its query is planted, and the reader's whole office is blocked (D06).
on('of D06: in ems what another page may have planted blocks nobody', async (kit) => {
  for (let each = 0; each < 50; each++)
    await kit.suspicion.attacked(sent(office, undefined, followed, { profile: 'ems' }), attack(`../${each}`));
  assert.deepEqual((await kit.blocks.list()).items, []);
});

on('the sessions of a blocked person end once, in the write that blocks', async (kit) => {
  const ended: string[] = [];
  const deps = {
    deviceOf: ({ sessionId }: PersonPrincipal) => `device-of-${sessionId}`,
    endFor: async (_: unknown, __: unknown, person: string, { kind }: { kind: string }) =>
      void ended.push(kind + person),
  };
  const node = await kit.again({ deps });
  await attackBy(node, 5, () => sent(office, ada));
  assert.deepEqual(ended, ['personada']);
  const { suspicion } = kit.deps.config;
  const lenient = await kit.again({ deps, config: { suspicion: { ...suspicion, endSessions: false } } });
  await attackBy(lenient, 5, () => sent(office, personNamed('bob')));
  assert.ok(lenient.blocks.blocked('bob', 'person') !== undefined);
  assert.deepEqual(ended, ['personada']);
});

on('where the sessions cannot be ended the block holds in this process, and the operator hears', async (kit) => {
  const endFor = async (): Promise<void> => Promise.reject(new Error('away'));
  const node = await kit.again({ deps: { endFor } });
  await attackBy(node, 5, () => sent(office, ada));
  assert.equal(node.blocks.blocked('ada', 'person')?.stored, false);
  assert.equal(kit.errors.length, 1);
});

on('an administrator who is blocked is told of apart, and never for good', async (kit) => {
  const node = await kit.again({ deps: { isAdministrator: async (person) => person === 'ada' } });
  await attackBy(node, 5, () => sent(office, ada, {}, { profile: 'ems-permanent' }));
  const block = node.blocks.blocked('ada', 'person');
  assert.ok(block?.endsAt !== undefined);
  const about = kit.events.filter(({ data }) => data.value === 'ada').map(({ type, data }) => [type, data.undo]);
  const undo = 'twinkeep blocks lift person:ada';
  assert.deepEqual(about, [
    ['person.blocked', undo],
    ['administrator.blocked', undo],
  ]);
  assert.ok(kit.entries.some(({ facts }) => facts?.['administrator'] === true && facts['value'] === 'ada'));
  await node.blocks.block(operator, wishFor('bob', { kind: 'permanent' }, 'person'));
  assert.equal(kit.events.at(-1)?.type, 'person.blocked');
  assert.throws(
    () => node.blocks.assertCallerNotBlocked(ada),
    (error) => isFault(error, 'DETECTION_BLOCKED'),
  );
  assert.equal(node.blocks.assertCallerNotBlocked(operator.principal), undefined, 'who lifts it is never kept out');
});

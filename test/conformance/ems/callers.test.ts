import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Redis } from 'ioredis';
import { createSystemRandom, newUuid } from '../../../src/kernel/random.ts';
import { type Answer, createKit, type Kit, serverSuite, startRedis } from '../../../src/testing/index.ts';

let kit: Kit;
before(async () => {
  kit = await createKit();
});
after(() => kit.close());

/** A key of the right form and checksum that nobody has made. */
async function madeUpKeys(count: number): Promise<readonly string[]> {
  const other = await createKit();
  try {
    return await Promise.all(Array.from({ length: count }, () => other.key('read')));
  } finally {
    await other.close();
  }
}

// Attack: a new key with every request, each with a fresh count of its own.
test('D01 a key is counted by itself only once it was verified, and by its address before', async () => {
  const own = await createKit({ config: { limits: { badCredentialsPerAddress: 5, principalPerMinute: 3 } } });
  try {
    const good = await own.key('read');
    const statuses: number[] = [];
    for (const key of [...(await madeUpKeys(5)), 'junk', 'junk2', `x${newUuid(own.clock, createSystemRandom())}`]) {
      statuses.push((await own.call('GET', '/v1/me', { key })).status);
    }
    assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
    const used: number[] = [];
    for (let each = 0; each < 5; each++) used.push((await own.call('GET', '/v1/me', { key: good })).status);
    assert.deepEqual(used, [200, 200, 200, 429, 429], 'a good key has its own count, also from that address');
  } finally {
    await own.close();
  }
});

// Attack: many requests at one moment pass a limiter that counts first and adds later.
test('D02 requests that arrive at one moment do not pass the limit together', async () => {
  const own = await createKit({ config: { limits: { principalPerMinute: 7 } } });
  try {
    const key = await own.key('read');
    await own.call('GET', '/v1/me', { key }); // from here on the key is known
    own.clock.advance(61_000); // a take counts for a sixtieth more than its window at most
    const answers = await Promise.all(Array.from({ length: 60 }, () => own.call('GET', '/v1/me', { key })));
    assert.equal(answers.filter(({ status }) => status === 200).length, 7);
  } finally {
    await own.close();
  }
});

/** Behind a balancer at 127.0.0.1, as E01 draws it. */
test('D04 behind a trusted balancer each client is counted and named by its own address', async () => {
  const own = await createKit({ config: { trustedProxies: ['127.0.0.1'], limits: { addressPerMinute: 2 } } });
  const ask = (forwarded: string): Promise<Answer> =>
    own.call('GET', '/nothing', { headers: { 'x-forwarded-for': forwarded } });
  try {
    const statuses: number[] = [];
    // The rest of the header is the client's own to write, and changes nothing.
    for (const address of [
      '192.0.2.1',
      '1.1.1.1, 192.0.2.1',
      '2.2.2.2, 192.0.2.1',
      '192.0.2.2',
      '192.0.2.2, 192.0.2.3',
    ]) {
      statuses.push((await ask(address)).status);
    }
    assert.deepEqual(statuses, [404, 404, 429, 404, 404]);
    const login = await own.call('POST', '/v1/login', {
      headers: { 'x-forwarded-for': '9.9.9.9, 192.0.2.9' },
      body: { username: 'admin', password: 'correct horse battery staple' },
    });
    const { json } = await own.call('GET', '/v1/sessions', {
      token: login.json.access_token,
      headers: { 'x-forwarded-for': '192.0.2.10' },
    });
    assert.equal(json.items[0].address, '192.0.2.9');
  } finally {
    await own.close();
  }

  const direct = await createKit({ config: { limits: { addressPerMinute: 1 } } });
  try {
    const headers = (address: string) => ({ headers: { 'x-forwarded-for': address } });
    assert.equal((await direct.call('GET', '/nothing', headers('192.0.2.1'))).status, 404);
    assert.equal(
      (await direct.call('GET', '/nothing', headers('192.0.2.2'))).status,
      429,
      'nobody is trusted to name another',
    );
  } finally {
    await direct.close();
  }
});

// Attack: an unknown prefix ends in a crash, and the answers tell which prefixes exist.
test('D12 a key that is unknown, wrong, revoked or malformed gets one answer, and no two keys share a name', async () => {
  const token = await kit.signIn();
  const make = async () =>
    (await kit.call('POST', '/v1/api-keys', { token, body: { name: 'k', scopes: ['read'] } })).json;
  const made: { id: string; key: string; prefix: string }[] = [];
  for (let each = 0; each < 40; each++) made.push(await make());
  assert.equal(new Set(made.map(({ prefix }) => prefix)).size, 40);
  for (const { id, key } of made)
    assert.equal((await kit.call('GET', '/v1/me', { key })).json.id, id, 'each key is itself');

  const [first, second] = made;
  assert.ok(first && second);
  await kit.call('DELETE', `/v1/api-keys/${first.id}`, { token });
  const [unknown = ''] = await madeUpKeys(1);
  const swapped = second.key.slice(0, 16) + unknown.slice(16);
  const answers: Answer[] = [];
  for (const key of [
    unknown,
    first.key,
    swapped,
    second.key.slice(0, 8),
    '',
    'tk_',
    '__proto__',
    'x'.repeat(5_000),
    '\u00e9',
  ]) {
    answers.push(await kit.call('GET', '/v1/me', { key }));
  }
  for (const { status, json } of answers) {
    assert.deepEqual([status, { ...json, instance: '' }], [401, { ...answers[0]?.json, instance: '' }]);
  }
  assert.equal(answers[0]?.json.code, 'APIKEY_INVALID');
});

// Attack: whoever may look into Redis takes the keys that stand there.
await serverSuite('D03 with Redis', startRedis, (server) => {
  test('no API key, token or name of a person stands in the names or values of Redis', async () => {
    const own = await createKit({ config: { redisUrl: server.url } });
    const secrets: string[] = [];
    try {
      const key = await own.key('read');
      const token = await own.signIn();
      secrets.push(key, key.slice(16), key.slice(3, 15), token, 'correct horse battery staple', 'admin');
      for (let each = 0; each < 3; each++) await own.call('GET', '/v1/me', { key });
      await own.call('GET', '/v1/me', { key: `${key}x` });
      const held = await dump(server.url);
      assert.ok(held.length > 50, 'something was counted there');
      for (const secret of secrets) assert.ok(!held.includes(secret), secret.slice(0, 12));
    } finally {
      await own.close();
    }
  });
});

/** Names and values of everything in Redis. */
async function dump(url: string): Promise<string> {
  const redis = new Redis(url);
  try {
    const names = await redis.keys('*');
    const values = await Promise.all(names.map((name) => redis.get(name)));
    return [...names, ...values].join('\n');
  } finally {
    redis.disconnect();
  }
}

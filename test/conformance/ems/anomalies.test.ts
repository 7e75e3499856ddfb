import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { days, minutes } from '../../../src/kernel/clock.ts';
import { platform } from '../../../src/kernel/tx.ts';
import { statement } from '../../../src/storage/index.ts';
import { MAIN_TENANT } from '../../../src/tenants/index.ts';
import { type ProfileKit, startProfile } from '../profile-kit.ts';

const LEARN_MS = days(1);

interface Told {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Where the operator's alerts go. */
const told: Told[] = [];
const hook = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    told.push(JSON.parse(Buffer.concat(chunks).toString()));
    response.end();
  });
});

const hookUrl = (): string => `http://127.0.0.1:${Object(hook.address()).port}/`;

let kit: ProfileKit;
before(async () => {
  hook.listen(0, '127.0.0.1');
  await once(hook, 'listening');
  // Sessions outlast what is to be learned, and a day is enough to learn here.
  kit = await startProfile(
    'ems',
    { limitsEnabled: false },
    {
      config: {
        delivery: { webhooks: { allowPrivate: ['127.0.0.1'] } },
        detection: { anomalies: { learnMs: LEARN_MS }, suspicion: { enabled: false } },
        limits: { enabled: false },
        sessions: { idleMs: days(30), absoluteMs: days(30) },
      },
    },
  );
  const body = { url: hookUrl(), events: ['anomaly.*'] };
  const made = await kit.call('POST', '/v1/webhooks', { token: await kit.signIn(), body });
  assert.equal(made.status, 201, made.text);
});
after(async () => {
  await kit.close();
  hook.close().closeAllConnections();
});

const anomalies = () => kit.twinkeep.house.anomalies;
const written = statement({
  reach: 'platform',
  sql: "select body from audit_entry where action like 'detection.anomaly%' order by id",
  returns: { body: 'text' },
});
const actions = async (): Promise<readonly string[]> => {
  const rows = await kit.twinkeep.storage.read(platform, (tx) => tx.all(written, {}));
  return rows.map(({ body }) => JSON.parse(body).action);
};

/** What a meter's key does: a reading each quarter of an hour, for longer than it takes to be known. */
async function learn(key: string): Promise<void> {
  for (let at = 0; at < LEARN_MS + minutes(60); at += minutes(15)) {
    assert.equal((await kit.call('GET', '/api/v1/data/secure', { key })).status, 200);
    kit.clock.advance(minutes(15));
  }
  await anomalies().sweep();
}

const burst = async (key: string, times: number, path = '/api/v1/data/secure'): Promise<void> => {
  for (let each = 0; each < times; each++) await kit.call('GET', path, { key });
  await anomalies().sweep();
  await kit.twinkeep.house.delivery.run();
};

// Attack: a key that was carried off is used by a program that takes what it can.
test('E33: use that is unlike what was learned is found, explained, told by webhook and on record', async () => {
  const key = await kit.key('read');
  await anomalies().sweep();
  await learn(key);
  assert.deepEqual((await anomalies().list()).items, [], 'what it always does is no anomaly');
  assert.equal(told.length, 0);

  await burst(key, 130);
  const { items } = await anomalies().list();
  assert.deepEqual(
    items.map(({ kind, profile }) => [kind, profile]),
    [['rate', 'ems']],
  );
  const [event, ...more] = told;
  assert.equal(more.length, 0, 'once, and not for each request');
  assert.equal(event?.type, 'anomaly.detected');
  const { principal, score, explanation, kind } = event?.data ?? {};
  assert.equal(kind, 'rate');
  assert.match(String(principal), /^api-key:/);
  assert.ok(Number(score) > 0 && Number(score) <= 1);
  assert.match(String(explanation), /^\d+ requests within a minute, where about 1 is usual since 2026-11-21/);
  assert.ok(!JSON.stringify(told).includes(key), 'no key stands in an alert');
  assert.deepEqual(await actions(), ['detection.anomaly_began']);

  kit.clock.advance(minutes(16));
  await anomalies().sweep();
  assert.deepEqual((await anomalies().list()).items, []);
  assert.deepEqual(await actions(), ['detection.anomaly_began', 'detection.anomaly_ended']);
});

// Attack: a key that is known for its good manners tries what it may not, again and again.
test('E33: refusals are an anomaly where they were none before, and are told apart from mere load', async () => {
  told.length = 0;
  const key = await kit.key('read');
  await anomalies().sweep();
  await learn(key);
  for (let each = 0; each < 40; each++) await kit.call('DELETE', '/api/v1/data/M1', { key });
  await anomalies().sweep();
  await kit.twinkeep.house.delivery.run();
  assert.deepEqual(
    told.map(({ type, data }) => [type, data['kind']]),
    [['anomaly.detected', 'errors']],
  );
  assert.match(String(told[0]?.data['explanation']), /failed or were refused/);
  // The log below it has every one of those requests (E26).
  const isRefusal = ({ event }: { readonly event: { readonly status_code?: number } }) => event.status_code === 403;
  assert.ok((await kit.log('security.log', isRefusal)).filter(isRefusal).length >= 40);
});

// Attack: a theft is hidden behind work that has changed; so its owner is told what would be usual, and decides.
test('E33: what is usual can be looked up, and is learned anew where the operator says so', async () => {
  const key = await kit.key('read');
  await anomalies().sweep();
  await learn(key);
  await burst(key, 130);
  const principal = (await anomalies().list()).items.at(0)?.principal ?? assert.fail('nothing was found');
  const view = await anomalies().baseline(principal);
  const requests = view?.measures.find(({ measure }) => measure === 'requests') ?? assert.fail('nothing is known');
  assert.equal(view?.learning, false);
  assert.ok((requests.expected ?? 0) < 2 && (requests.limit ?? 0) >= 60);
  await anomalies().forget(
    { principal: { kind: 'operator', tenantId: MAIN_TENANT }, tenantId: MAIN_TENANT },
    principal,
  );
  await burst(key, 130);
  assert.ok((await anomalies().baseline(principal))?.learning !== false);
});

// Attack: a fifth guess, and a pattern; whoever watches hears of both without reading the logs.
test('E33: a block is an alert too, with its reason, its end and the command that undoes it', async () => {
  told.length = 0;
  const config = {
    delivery: { webhooks: { allowPrivate: ['127.0.0.1'] } },
    detection: { failures: 5, inspection: { mode: 'block' as const } },
  };
  const own = await startProfile(
    'ems',
    { limitsEnabled: false },
    { config: { ...config, trustedProxies: ['127.0.0.1'] } },
  );
  try {
    const body = { url: hookUrl(), events: ['address.blocked'] };
    assert.equal((await own.call('POST', '/v1/webhooks', { token: await own.signIn(), body })).status, 201);
    const from = (address: string) => ({ 'x-forwarded-for': address });
    for (let each = 0; each < 5; each++)
      await own.call('GET', '/api/v1/data/secure', { token: 'bad', headers: from('203.0.113.1') });
    const path = `/api/v1/data/secure?q=${encodeURIComponent('<script>alert(1)</script>')}`;
    await own.call('GET', path, { headers: from('203.0.113.2') });
    await own.twinkeep.house.delivery.run();
    const seen = told.map(({ data }) => [data['value'], data['violation'], data['reason']]);
    assert.deepEqual(seen.toSorted(), [
      ['203.0.113.1', 'ip_blocked', 'too_many_failed_attempts'],
      ['203.0.113.2', 'suspicious_pattern', 'attack_pattern'],
    ]);
    for (const { data } of told) assert.match(String(data['undo']), /^twinkeep blocks lift 203\.0\.113\./);
  } finally {
    await own.close();
  }
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { inTenant, platform } from '../../../src/kernel/tx.ts';
import { openPostgresStorage, statement } from '../../../src/storage/index.ts';
import { MAIN_TENANT } from '../../../src/tenants/index.ts';
import { createKit, createTestClock, KIT_PASSWORD, serverSuite, startPostgres } from '../../../src/testing/index.ts';
import { startTls, type TlsKit } from '../../journeys/tls-kit.ts';
import { at, entriesOf, listAt, yamlOf } from '../deploy-assets.ts';
import { LOGIN, logOf, SECRET } from '../profile-kit.ts';

const PLACE = 'Lighthouse Street 7, third floor';

/** A service behind the gateway, which answers whoever reaches it. */
async function startService(t: TestContext): Promise<{ readonly url: string; readonly reached: string[] }> {
  const reached: string[] = [];
  const service = createServer((request, response) => {
    reached.push(`${request.method} ${request.url}`);
    request.resume().on('end', () => response.end('{"from":"the service"}'));
  });
  service.listen(0, '127.0.0.1');
  await once(service, 'listening');
  t.after(() => service.close().closeAllConnections());
  return { url: `http://127.0.0.1:${Object(service.address()).port}`, reached };
}

const startAll = (t: TestContext, url: string): Promise<TlsKit> =>
  startTls(t, (file) => ({
    profiles: ['ems'],
    profile: {
      ems: {
        secret: SECRET,
        apiKeysFile: file('keys.json', '{}'),
        logDirectory: join(file('keys.json', '{}'), '..'),
        limits: [{ count: 40, windowMs: 60_000 }],
        blockOnPattern: false,
      },
    },
    gateway: {
      backEnds: { services: { url } },
      routes: [
        {
          path: '/api/v1/analysis/*',
          to: 'services',
          profile: 'ems',
          access: { permission: { read: 'read:analysis', write: 'write:analysis' } },
          detection: 'block',
          maxBodyBytes: 2_048,
        },
      ],
    },
    detection: { suspicion: { enabled: false } },
  }));

const attacks = statement({
  reach: 'platform',
  sql: "select id from audit_entry where action = 'detection.attack'",
  returns: { id: 'text' },
});

test('E01: a request passes TLS, the look for attacks, identity, limits and validation before a service sees it', async (t) => {
  const { url, reached } = await startService(t);
  const kit = await startAll(t, url);
  const login = { method: 'POST', body: { username: 'admin', password: KIT_PASSWORD } };
  const token = JSON.parse((await kit.ask(LOGIN.ems, login)).text).access_token;
  const headers = { authorization: `Bearer ${token}` };
  const ask = (path: string, more: object = {}) => kit.ask(`/api/v1/analysis/${path}`, { headers, ...more });

  await t.test('TLS ends here, and there is no older one and no plain text', async () => {
    const socket = connect({ host: '127.0.0.1', port: kit.port, ca: kit.ca.certificate, servername: 'localhost' });
    await once(socket, 'secureConnect');
    assert.equal(socket.getProtocol(), 'TLSv1.3');
    socket.destroy();
    await assert.rejects(fetch(`http://127.0.0.1:${kit.port}/api/v1/analysis/report`, { headers }));
  });

  await t.test('an honest request passes all of them', async () => {
    const { status, text } = await ask('report?range=2024-01-01..2024-02-01');
    assert.deepEqual([status, text], [200, '{"from":"the service"}']);
    assert.equal((await ask('notes', { method: 'POST', body: { note: 'Credit Union selection' } })).status, 200);
    assert.equal(reached.splice(0).length, 2);
  });

  // Attack: a service that trusts what comes from inside is given an injection by a caller whom the gateway knows.
  await t.test('an attack is refused in path, query, header and body, whoever sends it', async () => {
    const attack = "1' union select password from users--";
    const answers = [
      await ask(`${encodeURIComponent(attack)}`),
      await ask(`report?q=${encodeURIComponent(attack)}`),
      await ask('report', { headers: { ...headers, 'x-note': '<script>alert(1)</script>' } }),
      await ask('notes', { method: 'POST', body: { a: [{ note: attack }] } }),
    ];
    for (const { status, text } of answers)
      assert.deepEqual([status, JSON.parse(text).detail], [403, 'The request looks like an attack and was refused.']);
    assert.deepEqual(reached, []);
  });

  await t.test('so is who is not known, who may not, and what is too much or no proper request', async () => {
    assert.equal((await ask('report', { headers: {} })).status, 401);
    assert.equal((await ask('report', { headers: { authorization: `${headers.authorization}x` } })).status, 401);
    assert.equal((await ask('notes', { method: 'POST', body: 'x'.repeat(4_000) })).status, 413);
    assert.equal((await ask('notes%2Fsecret')).status, 400);
    assert.equal((await ask('..%2Fsecret')).status, 403, 'a pattern of the old system');
    const send = async (body: object) => {
      const { status, text } = await kit.ask('/api/v1/data', { method: 'POST', headers, body });
      return [status, status < 300 ? undefined : JSON.parse(text).detail];
    };
    const reading = { meter_id: 'M1', timestamp: '2026-01-01T00:00:00Z', energy_consumption: 1 };
    const hostile = await send({ ...reading, meter_id: "M1'; drop table reading--" });
    assert.deepEqual(hostile, [403, 'The request looks like an attack and was refused.']);
    assert.equal((await send({ ...reading, energy_consumption: 'much' }))[0], 422);
    assert.equal((await send(reading))[0], 200);
    let last = 200;
    for (let each = 0; each < 60 && last === 200; each++) last = (await ask('report')).status;
    assert.equal(last, 429);
    assert.ok(reached.length <= 40);
  });

  await t.test('and all of it is watched: counted, logged and on record', async () => {
    const counted = (text: string, status: string): number =>
      [...text.matchAll(/^twinkeep_http_request_duration_seconds_count\{([^}]*)\} (\d+)/gm)]
        .filter(([, labels]) => labels?.includes(`"${status}"`))
        .reduce((sum, [, , count]) => sum + Number(count), 0);
    const metrics = await kit.twinkeep.metrics.text();
    const refusals = [...metrics.matchAll(/^twinkeep_attacks_refused_total\{[^}]*\} (\d+)/gm)];
    assert.ok(refusals.reduce((sum, [, count]) => sum + Number(count), 0) >= 4);
    for (const status of ['401', '403', '413', '429']) assert.ok(counted(metrics, status) > 0, status);
    const log = await logOf(join(kit.folder, 'security.log'), ({ event }) => event.status_code === 429);
    const refused = new Set(log.filter(({ level }) => level === 'WARNING').map(({ event }) => event.status_code));
    for (const status of [401, 403, 413, 429]) assert.ok(refused.has(status), `no ${status} in the log`);
    const rows = await kit.twinkeep.storage.read(platform, (tx) => tx.all(attacks, {}));
    assert.ok(rows.length >= 4);
  });
});

// Attack: whoever carries the disk away, or gets at a backup of it, reads where people live.
test('E01: the database is encrypted: what is stored of a person’s place is in none of its files', async (t) => {
  const { url } = await startService(t);
  const kit = await startAll(t, url);
  const headers = { authorization: `Bearer ${await kit.token()}` };
  const body = { meter_id: 'M1', timestamp: '2026-01-01T00:00:00Z', energy_consumption: 1, location: PLACE };
  assert.ok((await kit.ask('/v1/readings', { method: 'POST', headers, body })).status < 300);
  const { text } = await kit.ask('/v1/readings?meter_id=M1', { headers });
  assert.ok(text.includes(PLACE), 'whoever may read it does');
  const data = join(kit.folder, 'data');
  const files = readdirSync(data, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  assert.ok(files.length > 0);
  const held = files.map((entry) => readFileSync(join(entry.parentPath, entry.name)).toString('latin1')).join('\n');
  assert.ok(held.includes('M1'), 'these are the files that hold it');
  for (const word of [PLACE, 'Lighthouse', KIT_PASSWORD]) assert.ok(!held.includes(word), word);
});

await serverSuite('E01: on PostgreSQL the database has roles too', startPostgres, (server) => {
  // Attack: an injection that got past everything else asks the database for more than a request may have.
  test('requests work under a role that sees its tenant alone, owns nothing and can grant itself nothing', async () => {
    const clock = createTestClock();
    const url = await server.createDatabase();
    const storage = await openPostgresStorage({ url, clock, onError: () => undefined });
    const kit = await createKit({ clock, storage, config: { profiles: ['twinkeep'] } });
    try {
      const body = { meter_id: 'M1', timestamp: '2026-11-21T11:00:00Z', energy_consumption: 1, location: PLACE };
      assert.ok((await kit.call('POST', '/v1/readings', { token: await kit.signIn(), body })).status < 300);
      const role = statement({
        reach: 'platform',
        sql: `select current_user::text as name,
          (select case when rolsuper or rolbypassrls or rolcreaterole then 'yes' else 'no' end from pg_roles
            where rolname = current_user) as mighty`,
        returns: { name: 'text', mighty: 'text' },
      });
      const [own] = await storage.read(inTenant(MAIN_TENANT), (tx) => tx.all(role, {}));
      assert.deepEqual([own?.name, own?.mighty], ['twinkeep_app', 'no']);
      for (const sql of ['alter role twinkeep_app bypassrls', 'alter table reading disable row level security']) {
        const more = statement({ reach: 'platform', sql, returns: {} });
        await assert.rejects(
          storage.write(inTenant(MAIN_TENANT), (tx) => tx.all(more, {})),
          sql,
        );
      }
    } finally {
      await kit.close();
    }
  });
});

test('E01: networks are apart: the gateway alone is on both, and neither database nor ingestion is published', () => {
  const compose = yamlOf('compose.ems.yaml');
  const services = entriesOf(at(compose, 'services'));
  const on = (network: string): readonly string[] =>
    services.filter(([name]) => listAt(compose, `services.${name}.networks`).includes(network)).map(([name]) => name);
  assert.deepEqual(on('frontend'), ['api-gateway']);
  assert.deepEqual(on('backend'), ['api-gateway', 'data-ingestion', 'mongodb']);
  assert.equal(at(compose, 'networks.backend.internal'), true);
  const published = services.filter(([, service]) => at(service, 'ports') !== undefined).map(([name]) => name);
  assert.deepEqual(published, ['api-gateway']);
});

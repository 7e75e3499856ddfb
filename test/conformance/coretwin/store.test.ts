import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { KIT_PASSWORD, serverSuite, startPostgres, startRedis } from '../../../src/testing/index.ts';
import { newKey } from '../old-ciphers.ts';
import { SECRET } from '../profile-kit.ts';
import { createPlace } from '../started.ts';

const CORETWIN = { TWINKEEP_PROFILE: 'coretwin', JWT_SECRET_KEY: SECRET };
const ADMIN = { username: 'admin', password: KIT_PASSWORD };

// The rest of X24 is importers: readings and API keys have one, people and MongoDB do not yet.
test('of X24: without any setting there is one embedded database file, and no other server', async (t) => {
  const place = createPlace(t, CORETWIN);
  const first = await place.start();
  assert.equal((await first.call('POST', '/v1/login', { body: ADMIN })).status, 200);
  await first.running.stop('SIGTERM');
  const file = readFileSync(join(place.folder, 'data/twinkeep.db'));
  assert.equal(file.subarray(0, 15).toString(), 'SQLite format 3');
  const second = await place.start({ TWINKEEP_ADMIN_PASSWORD: 'another one, which is not taken' });
  assert.equal((await second.call('POST', '/v1/login', { body: ADMIN })).status, 200, 'all is still there');
});

test('of X24: a CSV file, as mongoexport and spreadsheets write it, brings readings along', async (t) => {
  const place = createPlace(t, CORETWIN);
  const server = await place.start();
  const scopes = ['--scope', 'write:meter_data,read:meter_data'];
  const { key } = (await place.cli.run(['api-keys', 'create', 'import', ...scopes, '--json'])).json;
  place.write('meters.csv', '_id,meter_id,timestamp,energy_consumption\n1,M1,2026-01-01T00:00:00Z,2.5\n');
  const done = await place.cli.run(['readings', 'import', 'meters.csv', '--url', server.address], {
    env: { TWINKEEP_API_KEY: key },
  });
  assert.equal(done.code, 0, done.stderr);
  const { json } = await server.call('GET', '/v1/readings', { headers: { 'x-api-key': key } });
  assert.deepEqual([json.items.length, json.items[0].energy_consumption], [1, 2.5]);
});

async function startBoth() {
  const redis = await startRedis();
  const postgres = redis && (await startPostgres());
  if (redis === undefined || postgres === undefined) {
    await redis?.stop();
    return undefined;
  }
  const stop = async (): Promise<void> => void (await Promise.all([redis.stop(), postgres.stop()]));
  return { ...postgres, redis, stop };
}

await serverSuite('of X24: PostgreSQL and Redis at scale', startBoth, (servers) => {
  test('several processes share what they keep, and what one seals another opens', async (t) => {
    const env = {
      ...CORETWIN,
      TWINKEEP_MASTER_KEY: newKey(),
      TWINKEEP_DATABASE_URL: await servers.createDatabase(),
      REDIS_URL: servers.redis.url,
    };
    const places = [createPlace(t, env), createPlace(t, env)];
    const one = (await places[0]?.start()) ?? assert.fail();
    const two = (await places[1]?.start()) ?? assert.fail();
    const { json } = await one.call('POST', '/v1/login', { body: ADMIN });
    const token = json.access_token;
    const wish = { name: 'twin', scopes: ['seal:fields', 'open:fields'] };
    const made = await two.call('POST', '/v1/api-keys', { token, body: wish });
    assert.equal(made.status, 201, made.text);
    const headers = { 'x-api-key': made.json.key };
    const at = { table: 'users', column: 'email', row: '1' };
    const sealed = await one.call('POST', '/v1/vault/seal', { headers, body: { ...at, text: 'x' } });
    assert.equal(sealed.status, 200, sealed.text);
    const body = { ...at, sealed: sealed.json.sealed };
    assert.equal((await two.call('POST', '/v1/vault/open', { headers, body })).json.text, 'x');
    for (const place of places) assert.equal(existsSync(join(place.folder, 'data/twinkeep.db')), false);
  });
});

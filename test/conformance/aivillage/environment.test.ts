import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { KIT_PASSWORD, serverSuite, startRedis } from '../../../src/testing/index.ts';
import { FIELD_KEY, LOGIN, SECRET } from '../profile-kit.ts';
import { createPlace, flawsOf } from '../started.ts';

// The rest of V21 is TLS_ENABLED, which nothing reads yet, and second factors.
await serverSuite('of V21: the variables of its guide', startRedis, (redis) => {
  test('master key, Redis and shared secret come from DIGITAL_TWIN_MASTER_KEY, REDIS_URL and API_SECRET_KEY', async (t) => {
    const place = createPlace(t, {
      TWINKEEP_PROFILE: 'aivillage',
      DIGITAL_TWIN_MASTER_KEY: FIELD_KEY,
      REDIS_URL: redis.url,
      API_SECRET_KEY: SECRET,
    });
    assert.equal(SECRET.length, 32);
    const server = await place.start();
    const body = { username: 'admin', password: KIT_PASSWORD };
    const { json } = await server.call('POST', LOGIN.aivillage, { body });
    const [head, claims, signature] = json.access_token.split('.');
    assert.equal(createHmac('sha256', SECRET).update(`${head}.${claims}`).digest('base64url'), signature);
    const client = new Redis(redis.url);
    const names = await client.keys('*');
    client.disconnect();
    assert.ok(names.length > 0, 'limits are counted there');
  });

  test('a master key that is none, or is absent, stops the start', async (t) => {
    const place = createPlace(t, { TWINKEEP_PROFILE: 'aivillage', API_SECRET_KEY: SECRET });
    const absent = flawsOf(await place.refused());
    assert.match(absent[0]?.reason ?? '', /^Required secret DIGITAL_TWIN_MASTER_KEY not found/);
    for (const bad of ['your-master-key-here', SECRET, FIELD_KEY.slice(4)])
      assert.match(flawsOf(await place.refused({ DIGITAL_TWIN_MASTER_KEY: bad }))[0]?.at ?? '', /MASTER_KEY$/);
  });
});

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createKit, type Kit } from '../../src/testing/index.ts';

let kit: Kit;
before(async () => {
  kit = await createKit();
});
after(() => kit.close());

const reading = {
  meter_id: 'STEEL-1',
  timestamp: '2026-11-21T11:45:00Z',
  energy_consumption: 3.17,
  location: 'Gwangyang',
};

test('a machine stores a reading, a viewer reads it and may not delete it, an administrator may', async () => {
  const key = await kit.key('write:meter_data');
  const viewer = await kit.person('vera', 'viewer');

  const stored = await kit.call('POST', '/v1/readings', { key, body: reading });
  assert.deepEqual([stored.status, stored.json], [201, { stored: 1, repeated: 0 }]);
  assert.equal((await kit.call('GET', '/v1/readings', { key })).status, 403);

  const page = await kit.call('GET', '/v1/readings?meter_id=STEEL-1', { token: viewer.token });
  assert.equal(page.status, 200);
  assert.equal(page.json.items[0].energy_consumption, 3.17);
  assert.equal(page.json.items[0].location, 'Gwangyang');

  assert.equal((await kit.call('DELETE', '/v1/readings/STEEL-1', { token: viewer.token })).status, 403);
  const removed = await kit.call('DELETE', '/v1/readings/STEEL-1', { token: await kit.signIn() });
  assert.deepEqual([removed.status, removed.json], [200, { deleted: 1 }]);
});

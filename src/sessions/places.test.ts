import assert from 'node:assert/strict';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { minutes } from '../kernel/clock.ts';
import { createTestClock } from '../testing/index.ts';
import { mmdbOf } from './mmdb.contract.ts';
import { createPlaces } from './places.ts';

const BERLIN = { country: { iso_code: 'DE', names: { en: 'Germany' } }, city: { names: { en: 'Berlin' } } };
const FRANCE = { country: { iso_code: 'FR', names: { en: 'France' } } };

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'twinkeep-places-'));
});
after(() => rm(folder, { recursive: true }));

test('an address is where the database says, and nowhere else', async () => {
  const file = join(folder, 'city.mmdb');
  await writeFile(file, mmdbOf({ '192.0.2.0': BERLIN, '198.51.100.0': FRANCE, '203.0.113.0': { traits: {} } }));
  const places = createPlaces({ file, clock: createTestClock(), onError: (error) => assert.fail(String(error)) });
  assert.deepEqual(await places.of('192.0.2.7'), { country: 'DE', name: 'Berlin, Germany', point: undefined });
  assert.deepEqual(await places.of('198.51.100.9'), { country: 'FR', name: 'France', point: undefined });
  for (const address of ['203.0.113.1', '192.0.3.7', '2001:db8::1', '', 'nonsense', '999.1.1.1'])
    assert.equal(await places.of(address), undefined, address);
});

test('a database with coordinates says where, and how far off that may be', async () => {
  const file = join(folder, 'points.mmdb');
  const near = { latitude: -33.87, longitude: 151.21, accuracy_radius: 20 };
  const rough = { latitude: 52.52, longitude: 13.4 };
  await writeFile(
    file,
    mmdbOf({ '192.0.2.0': { ...BERLIN, location: rough }, '198.51.100.0': { ...FRANCE, location: near } }),
  );
  const places = createPlaces({ file, clock: createTestClock(), onError: (error) => assert.fail(String(error)) });
  const point = { latitude: -33.87, longitude: 151.21, radiusKm: 20 };
  assert.deepEqual((await places.of('198.51.100.9'))?.point, point);
  assert.deepEqual((await places.of('192.0.2.7'))?.point, { ...rough, radiusKm: 100 });
});

test('a file that is replaced is read again within a minute, and one that is gone or damaged is told of', async () => {
  const file = join(folder, 'later.mmdb');
  const clock = createTestClock();
  const errors: unknown[] = [];
  const places = createPlaces({ file, clock, onError: (error) => errors.push(error) });
  assert.equal(await places.of('192.0.2.7'), undefined);
  assert.equal(errors.length, 1);
  await places.of('192.0.2.7');
  assert.equal(errors.length, 1, 'it is looked for once a minute');

  await writeFile(file, mmdbOf({ '192.0.2.0': BERLIN }));
  clock.advance(minutes(1));
  assert.equal((await places.of('192.0.2.7'))?.country, 'DE');
  await writeFile(file, mmdbOf({ '192.0.2.0': FRANCE }));
  await utimes(file, 1, 1);
  clock.advance(minutes(1));
  assert.equal((await places.of('192.0.2.7'))?.country, 'FR');

  await writeFile(file, Buffer.from('not a database at all'));
  clock.advance(minutes(1));
  assert.equal((await places.of('192.0.2.7'))?.country, 'FR', 'what was read before goes on');
  assert.equal(errors.length, 2);
});

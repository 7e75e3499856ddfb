import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { days, minutes } from '../../../src/kernel/clock.ts';
import { createSqliteStorage } from '../../../src/storage/index.ts';
import { createTestClock } from '../../../src/testing/index.ts';
import { dataKeyByHand, openByHand } from '../by-hand.ts';
import { newKey } from '../old-ciphers.ts';
import { FIELD_KEY, type ProfileKit, SECRET, startProfile } from '../profile-kit.ts';
import { createPlace } from '../started.ts';

const READINGS = 300;

async function village(t: TestContext, options?: Parameters<typeof startProfile>[2]): Promise<ProfileKit> {
  const kit = await startProfile('aivillage', { encryptionKey: FIELD_KEY }, options);
  t.after(kit.close);
  return kit;
}

/** One turn of a job of the server's. */
async function turn({ twinkeep }: ProfileKit, name: string): Promise<void> {
  const job = twinkeep.house.jobs.find((each) => each.name === name) ?? assert.fail(name);
  await job.run();
}

test('V03 X12 a key is followed by another after 30 days, by itself, and every version is kept track of', async (t) => {
  const kit = await village(t);
  const { getKeyStatus, encryptSensitiveField, decryptSensitiveField } = kit.twinkeep.house.fieldFunctions('aivillage');
  const sealed: string[] = [];
  for (let month = 0; month < 3; month++) {
    sealed.push(await encryptSensitiveField(`month ${month}`, 'note'));
    const before = await getKeyStatus();
    assert.equal(before.days_until_rotation, 30);
    kit.clock.advance(days(30) - minutes(1));
    await turn(kit, 'vault.rotate');
    assert.equal((await getKeyStatus()).current_version, before.current_version, 'not a minute earlier');
    kit.clock.advance(minutes(1));
    await turn(kit, 'vault.rotate');
    assert.notEqual((await getKeyStatus()).current_version, before.current_version);
  }
  assert.equal(new Set(sealed.map((value) => value.split('.')[1])).size, 3);
  for (const [month, value] of sealed.entries())
    assert.equal(await decryptSensitiveField(value, 'note'), `month ${month}`, 'old keys stay valid');
  const { json } = await kit.call('GET', '/v1/vault/keys', { token: await kit.signIn() });
  const states = json.versions.map(({ state, reason }: { state: string; reason: string }) => [state, reason]);
  assert.deepEqual(states, [
    ['retired', 'first'],
    ['retired', 'schedule'],
    ['retired', 'schedule'],
    ['current', 'schedule'],
  ]);
});

test('X12 digital-twin-v2 alone rotates once a year, and beside another profile as that one asks', async (t) => {
  const settings = { secret: SECRET, encryptionKey: FIELD_KEY };
  for (const [profiles, expected] of [
    [['digital-twin-v2'], 365],
    [['digital-twin-v2', 'aivillage'], 30],
  ] as const) {
    const config = { profiles: [...profiles], profile: { aivillage: settings } };
    const kit = await startProfile('digital-twin-v2', settings, { config });
    t.after(kit.close);
    const { days_until_rotation } = await kit.twinkeep.house.fieldFunctions('digital-twin-v2').getKeyStatus();
    assert.equal(days_until_rotation, expected);
  }
});

test('V03 of V24: nobody who seals or opens notices a rotation, nor the values that move behind it', async (t) => {
  const kit = await village(t);
  const key = await kit.key('seal:fields', 'open:fields', 'write:meter_data', 'read:meter_data');
  const body = Array.from({ length: READINGS }, (_, at) => ({
    meter_id: `M${at}`,
    timestamp: '2026-11-21T11:00:00Z',
    energy_consumption: 1,
    location: `Hall ${at}`,
  }));
  assert.equal((await kit.call('POST', '/v1/readings', { key, body })).status, 201);
  let [running, served] = [true, 0];
  const clients = Array.from({ length: 4 }, async (_, client) => {
    const at = { table: 'users', column: 'email', row: String(client) };
    const kept: string[] = [];
    try {
      while (running) {
        const text = `value ${kept.length} of ${client}`;
        const sealed = await kit.call('POST', '/v1/vault/seal', { key, body: { ...at, text } });
        assert.equal(sealed.status, 200, sealed.text);
        kept.push(sealed.json.sealed);
        const which = Math.floor(kept.length / 2);
        const opened = await kit.call('POST', '/v1/vault/open', { key, body: { ...at, sealed: kept[which] } });
        assert.deepEqual([opened.status, opened.json.text], [200, `value ${which} of ${client}`]);
        const read = await kit.call('GET', `/v1/readings?meter_id=M${kept.length % READINGS}`, { key });
        assert.equal(read.json.items[0]?.location, `Hall ${kept.length % READINGS}`, read.text);
        served += 3;
      }
      return kept;
    } finally {
      running = false;
    }
  });
  for (let turns = 0; turns < 5; turns++) {
    const before = served;
    while (running && served < before + 60) await pause(5);
    const token = await kit.signIn();
    assert.equal((await kit.call('POST', '/v1/vault/keys/rotate', { token, body: {} })).status, 200);
    kit.clock.advance(minutes(2));
    await turn(kit, 'vault.rewrap');
  }
  running = false;
  const versions = (await Promise.all(clients)).flat().map((sealed) => sealed.split('.')[1]);
  assert.equal(new Set(versions).size, 6, 'they sealed under every one of the keys');
});

test('X12 values move to the new key in the background, with progress to be seen, until none is under the old', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'twinkeep-rewrap-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const clock = createTestClock();
  const kit = await village(t, { clock, storage: createSqliteStorage({ file: join(folder, 'db'), clock }) });
  const db = new DatabaseSync(join(folder, 'db'));
  t.after(() => db.close());
  const key = await kit.key('write:meter_data');
  const reading = { timestamp: '2026-11-21T11:00:00Z', energy_consumption: 1, location: 'Gwangyang' };
  const body = Array.from({ length: READINGS }, (_, at) => ({ ...reading, meter_id: `M${at}` }));
  assert.equal((await kit.call('POST', '/v1/readings', { key, body })).status, 201);
  const token = await kit.signIn();
  const rotated = await kit.call('POST', '/v1/vault/keys/rotate', { token, body: {} });
  const { old_version, new_version } = rotated.json;
  const progress = async () => (await kit.call('GET', '/v1/vault/rewrap?count=true', { token })).json;
  const before = await progress();
  assert.equal(before.done, false);
  assert.ok(before.behind.some((one: { version: string; values: number }) => one.values >= READINGS));

  clock.advance(minutes(2));
  await turn(kit, 'vault.rewrap');
  const done = await progress();
  assert.deepEqual([done.done, done.behind, done.unreadable], [true, [], []]);
  const field = done.fields.find((one: { field: string }) => one.field === 'reading.location');
  assert.deepEqual([field.target, field.done], [new_version, READINGS]);
  const rows = db.prepare('select meter_id, at, location from reading').all();
  for (const { meter_id, at, location } of rows) {
    assert.equal(String(location).split('.')[1], new_version);
    const place = { tenant: 'main', table: 'reading', column: 'location', row: `${meter_id}|${at}` };
    assert.equal(openByHand(db, Buffer.from(FIELD_KEY, 'base64'), place, String(location)), 'Gwangyang');
  }
  const { json } = await kit.call('GET', '/v1/vault/keys', { token });
  const old = json.versions.find(({ version }: { version: string }) => version === old_version);
  assert.equal(old.state, 'emptied');
});

test('V03 data keys are each their own, and are reached by what is derived from the master key alone', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'twinkeep-derived-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const clock = createTestClock();
  const kit = await village(t, { clock, storage: createSqliteStorage({ file: join(folder, 'db'), clock }) });
  const db = new DatabaseSync(join(folder, 'db'));
  t.after(() => db.close());
  const { encryptSensitiveField, rotateKeys } = kit.twinkeep.house.fieldFunctions('aivillage');
  await encryptSensitiveField('x', 'note');
  const { old_version, new_version } = await rotateKeys();
  const master = Buffer.from(FIELD_KEY, 'base64');
  const keys = [old_version, new_version].map((version) => dataKeyByHand(db, master, 'main', version));
  assert.equal(new Set(keys.map((key) => key.toString('hex'))).size, 2);
  assert.throws(() => dataKeyByHand(db, Buffer.from(newKey(), 'base64'), 'main', new_version));
  for (const secret of [master, ...keys]) {
    const stored = db.prepare('select wrapped from vault_data_key').all();
    assert.ok(stored.every(({ wrapped }) => wrapped instanceof Uint8Array && !Buffer.from(wrapped).includes(secret)));
  }
});

test('V05 one shell command rotates in an emergency, and prints what rotate_keys() gives', async (t) => {
  const place = createPlace(t, {
    TWINKEEP_PROFILE: 'aivillage',
    JWT_SECRET_KEY: SECRET,
    DIGITAL_TWIN_MASTER_KEY: FIELD_KEY,
  });
  const server = await place.start();
  const scopes = ['--scope', 'seal:fields', '--scope', 'open:fields'];
  const made = await place.cli.run(['api-keys', 'create', 'village', ...scopes, '--json']);
  const headers = { 'x-api-key': made.json.key };
  const at = { table: 'users', column: 'email', row: '1' };
  const sealed = await server.call('POST', '/v1/vault/seal', { headers, body: { ...at, text: 'ada@example.com' } });
  const { code, json, stderr } = await place.cli.run(['keys', 'rotate', '--emergency', '--json']);
  assert.equal(code, 0, stderr);
  assert.equal(json.old_version, sealed.json.version);
  const status = (await place.cli.run(['keys', 'status', '--json'])).json;
  assert.equal(status.current_version, json.new_version);
  const plain = await place.cli.run(['keys', 'rotate', '--emergency']);
  assert.equal(plain.code, 0);
  assert.match(plain.stdout, new RegExp(`v_\\d{8}_\\d{6}_[0-9a-f]{4} follows ${json.new_version}`));
  const opened = await server.call('POST', '/v1/vault/open', { headers, body: { ...at, sealed: sealed.json.sealed } });
  assert.equal(opened.json.text, 'ada@example.com');
});

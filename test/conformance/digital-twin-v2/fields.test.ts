import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { createSqliteStorage } from '../../../src/storage/index.ts';
import { createKit, createTestClock, type Kit } from '../../../src/testing/index.ts';
import { openByHand, payloadOf } from '../by-hand.ts';

const METERS = 50;
const MASTER_KEY = Buffer.from('0123456789abcdef'.repeat(2));

let kit: Kit;
let folder: string;
let db: DatabaseSync;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'twinkeep-fields-'));
  const clock = createTestClock();
  kit = await createKit({
    clock,
    storage: createSqliteStorage({ file: join(folder, 'db'), clock }),
    config: { masterKey: MASTER_KEY.toString('base64') },
  });
  const key = await kit.key('write');
  const body = Array.from({ length: METERS }, (_, at) => ({
    meter_id: `M${at}`,
    timestamp: '2026-11-21T11:00:00Z',
    energy_consumption: 1,
    location: 'Gwangyang',
  }));
  assert.equal((await kit.call('POST', '/v1/readings', { key, body })).status, 201);
  db = new DatabaseSync(join(folder, 'db'));
});
after(async () => {
  db.close();
  await kit.close();
  await rm(folder, { recursive: true });
});

const stored = (): readonly string[] =>
  db
    .prepare('select location from reading order by meter_id')
    .all()
    .map((row) => String(row['location']));
/** Opens with nothing of ours. */
const opened = (row: string, sealed: string): string =>
  openByHand(db, MASTER_KEY, { tenant: 'main', table: 'reading', column: 'location', row }, sealed);

test('B10 a sensitive field is stored under AES-256-GCM with a 12-byte nonce of its own', async () => {
  const sealed = stored();
  assert.equal(sealed.length, METERS);
  const nonces = new Set(sealed.map((each) => payloadOf(each).subarray(0, 12).toString('hex')));
  assert.equal(nonces.size, METERS);
  for (const each of sealed) {
    assert.ok(!each.includes('Gwangyang'));
    assert.equal(payloadOf(each).length, 12 + 'Gwangyang'.length + 16, 'nonce, ciphertext and tag');
  }
  const { json } = await kit.call('GET', '/v1/readings?meter_id=M0', { key: await kit.key('read') });
  assert.equal(json.items[0].location, 'Gwangyang');
  assert.equal(opened(`M0|${Date.parse(json.items[0].timestamp)}`, sealed[0] ?? ''), 'Gwangyang');
});

// Attack: nonce, ciphertext or tag is changed in the database.
test('B10 a field of which any byte was changed is refused and never given out', async () => {
  const key = await kit.key('read');
  const [good = ''] = stored();
  const head = good.slice(0, good.lastIndexOf('.') + 1);
  const update = db.prepare("update reading set location = ? where meter_id = 'M0'");
  const payload = payloadOf(good);
  for (let at = 0; at < payload.length; at++) {
    const changed = Buffer.from(payload);
    changed.writeUInt8(changed.readUInt8(at) ^ 0x01, at);
    update.run(head + changed.toString('base64url'));
    const answer = await kit.call('GET', '/v1/readings?meter_id=M0', { key });
    assert.equal(answer.status, 500, `byte ${at}`);
    assert.ok(!answer.text.includes('Gwangyan'));
  }
  update.run(good);
  assert.equal((await kit.call('GET', '/v1/readings?meter_id=M0', { key })).status, 200);
});

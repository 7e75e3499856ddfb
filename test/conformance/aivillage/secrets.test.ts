import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { Secret } from 'otpauth';
import { createSqliteStorage } from '../../../src/storage/index.ts';
import { createTestClock, KIT_PASSWORD } from '../../../src/testing/index.ts';
import { startVillage } from './aivillage-kit.ts';

/** Nonce, ciphertext and tag, under the key of one person. */
const ENVELOPE = /^tks1\.[A-Za-z0-9_-]{38,}$/;

// Attack: somebody gets hold of the files of the database, or of a copy of them.
test('V08: secrets of second factors lie in the database as AES-256-GCM envelopes, and nowhere in the clear', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'twinkeep-factors-'));
  const file = join(folder, 'village.db');
  const clock = createTestClock();
  const village = await startVillage({}, { clock, storage: createSqliteStorage({ file, clock }) });
  try {
    const { secret, backupCodes } = await village.enrol(await village.login());
    const { secret: pending } = (await village.call('POST', '/auth/mfa/setup', { token: await signedIn() })).json;
    const db = new DatabaseSync(file, { readOnly: true });
    const factors = db.prepare('select method, details from mfa_factor').all();
    const [person] = db.prepare('select pepper, backup from mfa_person').all();
    const digests = db.prepare("select digest from mfa_code where kind = 'backup'").all();
    db.close();
    assert.equal(factors.length, 2);
    for (const { details } of factors) assert.match(String(details), ENVELOPE);
    assert.match(String(person?.['pepper']), ENVELOPE);
    assert.match(String(person?.['backup']), ENVELOPE);
    assert.equal(digests.length, 10);
    const plain = [secret, pending, ...backupCodes];
    const raw = [secret, pending].map((base32) => Buffer.from(Secret.fromBase32(base32).bytes));
    for (const name of readdirSync(folder)) {
      const bytes = readFileSync(join(folder, name));
      for (const text of plain) assert.ok(!bytes.includes(text), `${name} holds a secret`);
      for (const key of raw) assert.ok(!bytes.includes(key) && !bytes.includes(key.toString('base64url')), name);
    }
    // Attack: whoever can write there changes a secret. What was altered does not open, and answers for nothing.
    const withCode = async () => {
      const body = { username: 'admin', password: KIT_PASSWORD, code: village.codeOf(secret) };
      const { status } = await village.call('POST', '/auth/login', { body });
      clock.advance(30_000);
      return status;
    };
    assert.equal(await withCode(), 200);
    const writer = new DatabaseSync(file);
    const [row] = writer.prepare('select id, details from mfa_factor where confirmed_at is not null').all();
    const text = String(row?.['details']);
    const altered = text.slice(0, 40) + (text[40] === 'A' ? 'B' : 'A') + text.slice(41);
    writer.prepare('update mfa_factor set details = ? where id = ?').run(altered, String(row?.['id']));
    writer.close();
    assert.equal(await withCode(), 401);

    async function signedIn(): Promise<string> {
      const { json } = await village.call('POST', '/auth/login', {
        body: { username: 'admin', password: KIT_PASSWORD, code: backupCodes[0] },
      });
      return json.access_token;
    }
  } finally {
    await village.close();
    rmSync(folder, { recursive: true });
  }
});

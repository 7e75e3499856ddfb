import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { Secret, TOTP } from 'otpauth';
import { minutes } from '../kernel/clock.ts';
import { createTestClock, type TestClock } from '../testing/index.ts';
import { type EmbeddedMfaOptions, openEmbeddedMfa } from './index.ts';

let folder: string;
let clock: TestClock;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'twinkeep-mfa-'));
  clock = createTestClock();
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = (more: Partial<EmbeddedMfaOptions> = {}) =>
  openEmbeddedMfa({
    database: `sqlite:${join(folder, 'mfa.db')}`,
    masterKey: { file: join(folder, 'master.key') },
    issuerName: 'Grid Twin',
    clock,
    ...more,
  });

/** What an app shows that was told the URI or the secret. */
const shown = (secret: string): string =>
  new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: clock.now() });

test('a program sets an app up, ends, starts again, and checks its codes, each once', async () => {
  const first = await open();
  const { qr_code, backup_codes, secret, uri } = await first.setupTotp('user-7', 'ada@twin.example');
  assert.equal(Buffer.from(qr_code, 'base64').subarray(1, 4).toString(), 'PNG');
  assert.equal(backup_codes.length, 10);
  assert.match(uri, /^otpauth:\/\/totp\/Grid%20Twin:ada%40twin\.example\?/);
  assert.equal(await first.isEnabled('user-7'), false);
  assert.equal(await first.verifyTotp('user-7', '000000'), false);
  const code = shown(secret);
  assert.deepEqual([await first.verifyTotp('user-7', code), await first.verifyTotp('user-7', code)], [true, false]);
  await first.close();

  const second = await open();
  assert.equal(await second.isEnabled('user-7'), true);
  assert.equal(await second.verifyTotp('user-7', code), false, 'used before the restart');
  clock.advance(30_000);
  assert.equal(await second.verifyTotp('user-8', shown(secret)), false);
  assert.equal(await second.verifyTotp('user-7', shown(secret)), true);
  const [spare = ''] = backup_codes;
  assert.deepEqual(
    [await second.verifyBackupCode('user-7', spare), await second.verifyBackupCode('user-7', spare)],
    [true, false],
  );
  await second.disable('user-7');
  clock.advance(30_000);
  assert.deepEqual(
    [await second.isEnabled('user-7'), await second.verifyTotp('user-7', shown(secret))],
    [false, false],
  );
  await second.close();
});

test('a program that keeps the secret by itself hands it in, and each code counts once all the same', async () => {
  const mfa = await open();
  const { secret } = await mfa.setupTotp('stored', 'ada@twin.example');
  const own = new Secret({ size: 20 }).base32;
  const code = shown(own);
  assert.deepEqual(
    [await mfa.verifyTotp('ada', code, own), await mfa.verifyTotp('ada', code, own), await mfa.verifyTotp('ada', code)],
    [true, false, false],
  );
  assert.equal(await mfa.verifyTotp('bob', code, own), true, 'of another user who has that secret');
  const stored = shown(secret);
  assert.equal(await mfa.verifyTotp('stored', stored, secret), true);
  assert.equal(await mfa.verifyTotp('stored', stored), false, 'one use, whichever way it came');
  await assert.rejects(mfa.verifyTotp('ada', code, 'not base32!'), TypeError);
  await mfa.close();
});

test('an app that is set up anew takes over with its first code, and the old one works until then', async () => {
  const mfa = await open();
  const old = await mfa.setupTotp('ada', 'ada@twin.example');
  assert.equal(await mfa.verifyTotp('ada', shown(old.secret)), true);
  const next = await mfa.setupTotp('ada', 'ada@twin.example');
  clock.advance(30_000);
  assert.equal(await mfa.verifyTotp('ada', shown(old.secret)), true);
  clock.advance(minutes(15));
  assert.equal(await mfa.verifyTotp('ada', shown(next.secret)), false, 'nobody confirmed it in time');
  await mfa.close();
});

// Attack: every code is tried in turn.
test('wrong codes are counted, with a secret and without', async () => {
  const mfa = await open({ wrongPerDay: 5 });
  const own = new Secret({ size: 20 }).base32;
  for (let at = 0; at < 5; at++) assert.equal(await mfa.verifyTotp('ada', '000000', at % 2 ? own : undefined), false);
  await assert.rejects(mfa.verifyTotp('ada', shown(own), own), { code: 'MFA_BUDGET_SPENT' });
  await assert.rejects(mfa.verifyTotp('ada', shown(own)), { code: 'MFA_BUDGET_SPENT' });
  assert.equal(await mfa.verifyTotp('bob', shown(own), own), true);
  await mfa.close();
});

// Attack: a copy of the file; and a second program on it.
test('no secret is readable in the file, and no other process opens it meanwhile', async () => {
  const mfa = await open();
  const { secret, backup_codes } = await mfa.setupTotp('ada', 'ada@twin.example');
  await assert.rejects(open(), { code: 'STORAGE_LOCKED' });
  await mfa.close();
  const bytes = readFileSync(join(folder, 'mfa.db'));
  const raw = Buffer.from(Secret.fromBase32(secret).bytes);
  for (const text of [secret, raw, raw.toString('base64url'), 'ada@twin', ...backup_codes])
    assert.ok(!bytes.includes(text));
  await assert.rejects(open({ masterKey: { base64: Buffer.alloc(32, 3).toString('base64') } }), {
    code: 'VAULT_MASTER_KEY',
  });
  await assert.rejects(open({ database: 'mysql://nowhere' }), TypeError);
});

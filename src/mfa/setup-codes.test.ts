import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from 'otpauth';
import { platform } from '../kernel/tx.ts';
import { actor, ada, createMfaKit } from './mfa-kit.contract.ts';
import { mfaStore } from './store.ts';

const bytesOf = (base32: string): Buffer => Buffer.from(Secret.fromBase32(base32).bytes);

test('backup codes that are shown when an app is begun become good with its first code', async () => {
  const { mfa, clock, code } = await createMfaKit();
  const { factorId, secret, backupCodes } = await mfa.beginTotpWithCodes(actor, ada);
  const [first = '', second = ''] = backupCodes;
  assert.equal(new Set(backupCodes).size, 10);
  assert.equal(await mfa.backupCodes.left(ada.id), 0);
  assert.equal(await mfa.verify(actor, ada.id, { code: first }), undefined);
  const confirmed = await mfa.confirm(actor, ada.id, factorId, code(bytesOf(secret)));
  assert.deepEqual(confirmed.backupCodes, backupCodes);
  clock.advance(60_000);
  assert.equal((await mfa.verify(actor, ada.id, { code: second }))?.method, 'backup');
});

// Attack: a thief of an open session begins an app, notes its codes, and leaves: the owner sets up their own later.
test('codes of an app that was never confirmed stay worthless when another one is', async () => {
  const { mfa, clock, code } = await createMfaKit();
  const { backupCodes: stolen } = await mfa.beginTotpWithCodes(actor, ada);
  const own = await mfa.beginTotpWithCodes(actor, ada);
  await mfa.confirm(actor, ada.id, own.factorId, code(bytesOf(own.secret)));
  clock.advance(60_000);
  for (const one of stolen) assert.equal(await mfa.verify(actor, ada.id, { method: 'backup', code: one }), undefined);
  assert.equal(await mfa.backupCodes.left(ada.id), 10);
});

test('who has backup codes keeps them, and no copy stays with the app', async () => {
  const { mfa, enrol, code, storage } = await createMfaKit();
  const { backupCodes } = await enrol();
  const second = await mfa.beginTotpWithCodes(actor, ada);
  assert.deepEqual(second.backupCodes, []);
  await mfa.confirm(actor, ada.id, second.factorId, code(bytesOf(second.secret)));
  assert.deepEqual(
    (await mfa.backupCodes.show(ada.id)).map((shown) => shown.code),
    backupCodes,
  );
  const rows = await storage.read(platform, (tx) => mfaStore.factors(tx, ada.id));
  const sizes = rows.map(({ details }) => details.length);
  assert.equal(Math.max(...sizes) - Math.min(...sizes) < 100, true, 'ten codes have 139 characters');
});

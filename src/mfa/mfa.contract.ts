import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tenantId } from '../kernel/brand.ts';
import { inTenant, platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { actor, ada, bob, createMfaKit, fault, from, PLANT } from './mfa-kit.contract.ts';
import { hotpOf } from './totp.ts';

/** Asks twenty times at once, over two processes. @returns how many were let through */
async function ofTwenty(ask: (at: number) => Promise<unknown>): Promise<number> {
  const all = await Promise.all(Array.from({ length: 20 }, (_, at) => ask(at)));
  return all.filter((proof) => proof !== undefined).length;
}

/** What holds on either database. */
export function mfaContract(open: () => Promise<Storage>): void {
  // Attack: a code is read over a shoulder and sent from twenty places at once.
  test('of twenty uses of one TOTP code over two processes one passes', async () => {
    const { mfa, elsewhere, enrol, code } = await createMfaKit(await open());
    const { secret } = await enrol();
    const answer = { method: 'totp', code: code(secret) } as const;
    assert.equal(await ofTwenty((at) => (at % 2 ? mfa : elsewhere).verify(actor, ada.id, answer)), 1);
    assert.equal(await mfa.verify(actor, ada.id, answer), undefined);
  });

  // Attack: the same with a code from an e-mail, and with one from the drawer.
  test('of twenty uses of a sent code, and of a backup code, one passes each', async () => {
    const { mfa, elsewhere, enrol, lastCode } = await createMfaKit(await open());
    const { backupCodes } = await enrol();
    const { factorId } = await mfa.beginCode(actor, ada.id, { method: 'email', to: 'ada@b.example' }, from);
    await mfa.confirm(actor, ada.id, factorId, lastCode());
    await mfa.sendCode(actor, ada.id, factorId, from);
    const sent = { code: lastCode() };
    assert.equal(await ofTwenty((at) => (at % 2 ? mfa : elsewhere).verify(actor, ada.id, sent)), 1);
    const spare = { code: backupCodes[0] ?? '' };
    assert.equal(await ofTwenty((at) => (at % 2 ? mfa : elsewhere).verify(actor, ada.id, spare)), 1);
    assert.equal(await mfa.backupCodes.left(ada.id), 9);
  });

  // Attack: a million codes at once, so that the count of wrong ones comes too late.
  test('of many wrong answers at once no more than five are looked at', async () => {
    const { mfa, elsewhere, enrol, lastCode } = await createMfaKit(await open());
    await enrol();
    const { factorId } = await mfa.beginCode(actor, ada.id, { method: 'sms', to: '+4930123456' }, from);
    await mfa.confirm(actor, ada.id, factorId, lastCode());
    await mfa.sendCode(actor, ada.id, factorId, from);
    const good = lastCode();
    const wrong = String((Number(good) + 1) % 1_000_000).padStart(6, '0');
    const guesses = (at: number) => (at % 2 ? mfa : elsewhere).verify(actor, ada.id, { method: 'sms', code: wrong });
    assert.equal(await ofTwenty(guesses), 0);
    assert.equal(await mfa.verify(actor, ada.id, { method: 'sms', code: good }), undefined);
    await mfa.sendCode(actor, ada.id, factorId, from);
    assert.deepEqual(await mfa.verify(actor, ada.id, { code: lastCode() }), { method: 'sms', amr: ['sms'], factorId });
  });

  test('one factor is confirmed once, and its backup codes are made once', async () => {
    const { mfa, elsewhere, actions, lastCode } = await createMfaKit(await open());
    const { factorId } = await mfa.beginCode(actor, ada.id, { method: 'email', to: 'ada@b.example' }, from);
    const confirm = (at: number) => (at % 2 ? mfa : elsewhere).confirm(actor, ada.id, factorId, lastCode());
    const outcomes = await Promise.allSettled(Array.from({ length: 4 }, (_, at) => confirm(at)));
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
    assert.equal(actions().filter((action) => action === 'mfa.backup_codes_made').length, 1);
  });

  // Attack: of two factors where one is needed, both are removed in the same moment.
  test('of two removals at once one is refused where a factor is needed', async () => {
    const { mfa, elsewhere, enrol, roles, lastCode, storage } = await createMfaKit(await open());
    const first = await enrol();
    const second = await mfa.beginCode(actor, ada.id, { method: 'email', to: 'ada@b.example' }, from);
    await mfa.confirm(actor, ada.id, second.factorId, lastCode());
    const policy = { requiredFor: ['admin'], methods: ['totp', 'email'], rememberMs: 0 } as const;
    await storage.write(inTenant(PLANT), (tx) => mfa.policy.set(tx, actor, PLANT, policy));
    roles.push('admin');
    const outcomes = await Promise.allSettled([
      mfa.remove(actor, ada.id, first.factorId),
      elsewhere.remove(actor, ada.id, second.factorId),
    ]);
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    assert.equal(refused.length, 1);
    assert.ok(fault('MFA_LAST_FACTOR')(refused[0]));
    assert.equal(await mfa.isEnrolled(ada.id), true);
  });

  test('a policy is set, set again, and told apart by tenant', async () => {
    const { mfa, storage } = await createMfaKit(await open());
    const set = (requiredFor: readonly string[]) =>
      storage.write(inTenant(PLANT), (tx) =>
        mfa.policy.set(tx, actor, PLANT, { requiredFor, methods: ['totp'], rememberMs: 1 }),
      );
    await Promise.all([set(['admin']), set(['admin'])]);
    await set(['*']);
    assert.deepEqual(await mfa.policy.get(PLANT), { requiredFor: ['*'], methods: ['totp'], rememberMs: 1 });
    assert.deepEqual((await mfa.policy.get(tenantId('plant-2'))).requiredFor, []);
  });

  test('a reset leaves nothing of a person, and everything of the next', async () => {
    const { mfa, storage, enrol } = await createMfaKit(await open());
    await enrol();
    const { secret, backupCodes } = await enrol(bob);
    assert.equal(await storage.write(platform, (tx) => mfa.reset(tx, actor, bob.id)), 1);
    assert.deepEqual([await mfa.isEnrolled(bob.id), await mfa.isEnrolled(ada.id)], [false, true]);
    assert.deepEqual([await mfa.list(bob.id), await mfa.backupCodes.left(bob.id)], [[], 0]);
    assert.equal(await mfa.verify(actor, bob.id, { code: hotpOf(secret, 1) }), undefined);
    assert.equal(await mfa.verify(actor, bob.id, { code: backupCodes[0] ?? '' }), undefined);
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { days, minutes } from '../kernel/clock.ts';
import { platform } from '../kernel/tx.ts';
import { statement } from '../storage/index.ts';
import { actor, ada, bob, createMfaKit, fault, from, fromBase32 } from './mfa-kit.contract.ts';

test('a TOTP code is taken one step off, once, and never one that is older than the last', async () => {
  const { mfa, enrol, code, clock } = await createMfaKit();
  const { secret, factorId } = await enrol();
  const give = (text: string) => mfa.verify(actor, ada.id, { code: text });
  const [late, early] = [code(secret, -1), code(secret, 1)];
  assert.deepEqual(await give(`${early.slice(0, 3)} ${early.slice(3)}`), { method: 'totp', amr: ['otp'], factorId });
  assert.equal(await give(early), undefined);
  assert.equal(await give(code(secret)), undefined, 'of a step before the last that counted');
  assert.equal(await give(late), undefined);
  clock.advance(60_000);
  assert.equal((await give(code(secret)))?.method, 'totp');
});

// Attack: the code that confirmed an app is seen, and used to sign in with.
test('the code that confirmed an app signs nobody in', async () => {
  const { mfa, clock, code, enrol } = await createMfaKit();
  const { secret } = await enrol();
  clock.advance(-30_000);
  assert.equal(await mfa.verify(actor, ada.id, { code: code(secret) }), undefined);
});

// Attack: what was begun by somebody else's hand, and never confirmed, answers for its person.
test('a factor that was not confirmed answers for nothing, and is gone after 15 minutes', async () => {
  const { mfa, clock, code } = await createMfaKit();
  const begun = await mfa.beginTotp(actor, ada);
  const secret = fromBase32(begun.secret);
  assert.equal(await mfa.verify(actor, ada.id, { code: code(secret) }), undefined);
  assert.deepEqual([await mfa.isEnrolled(ada.id), await mfa.offered(ada.id)], [false, []]);
  clock.advance(minutes(15));
  assert.deepEqual(await mfa.list(ada.id), []);
  await assert.rejects(mfa.confirm(actor, ada.id, begun.factorId, code(secret)), fault('MFA_FACTOR_UNKNOWN'));
});

test('a code answers for its own person, factor and method alone', async () => {
  const { mfa, enrol, code } = await createMfaKit();
  const { secret, factorId, backupCodes } = await enrol();
  await enrol(bob);
  const spare = backupCodes[0] ?? '';
  const wrong = [
    mfa.verify(actor, bob.id, { code: code(secret) }),
    mfa.verify(actor, bob.id, { code: spare }),
    mfa.verify(actor, ada.id, { method: 'sms', code: code(secret) }),
    mfa.verify(actor, ada.id, { method: 'totp', factorId: 'another', code: code(secret) }),
    mfa.verify(actor, ada.id, { method: 'totp', code: spare }),
    mfa.verify(actor, ada.id, { method: 'backup', code: code(secret) }),
  ];
  assert.deepEqual(new Set(await Promise.all(wrong)), new Set([undefined]));
  assert.ok(await mfa.verify(actor, ada.id, { method: 'totp', factorId, code: code(secret) }));
  assert.deepEqual(await mfa.verify(actor, ada.id, { code: spare }), { method: 'backup', amr: ['rc'] });
});

test('every answer is recorded in its own write, and none holds a code', async () => {
  const { mfa, enrol, code, entries, actions } = await createMfaKit();
  const { secret, backupCodes } = await enrol();
  await mfa.verify(actor, ada.id, { code: '000000' });
  await mfa.verify(actor, ada.id, { code: code(secret) });
  await mfa.verify(actor, ada.id, { code: backupCodes[1] ?? '' });
  assert.deepEqual(actions().slice(-4), ['mfa.refused', 'mfa.passed', 'mfa.backup_code_used', 'mfa.passed']);
  const text = JSON.stringify(entries);
  for (const secretText of [code(secret), ...backupCodes]) assert.ok(!text.includes(secretText));
});

// Attack: codes are guessed for as long as it takes, a ticket at a time.
test('after a hundred wrong codes of six digits in a day none of that person is looked at', async () => {
  const { mfa, enrol, code, clock } = await createMfaKit();
  const { secret, backupCodes } = await enrol();
  for (let at = 0; at < 100; at++) await mfa.verify(actor, ada.id, { code: '000000' });
  await assert.rejects(mfa.verify(actor, ada.id, { code: code(secret) }), (error) => {
    assert.ok(fault('MFA_BUDGET_SPENT')(error));
    return true;
  });
  assert.ok(await mfa.verify(actor, ada.id, { code: backupCodes[0] ?? '' }), 'which nobody finds by trying');
  clock.advance(days(2));
  assert.ok(await mfa.verify(actor, ada.id, { code: code(secret) }));
});

test('right answers do not use up the count of wrong ones', async () => {
  const { mfa, enrol, code, clock } = await createMfaKit(undefined, { wrongPerDay: 1 });
  const { secret } = await enrol();
  for (let at = 0; at < 5; at++) {
    assert.ok(await mfa.verify(actor, ada.id, { code: code(secret) }));
    clock.advance(30_000);
  }
});

const swap = statement({
  reach: 'platform',
  sql: `update mfa_factor set details = (select details from mfa_factor where id = :other) where id = :id`,
  params: { id: 'text', other: 'text' },
});

// Attack: whoever can write to the database sets the secret of one factor into another, or spoils it.
test('a secret that was moved or altered answers for nothing, and its person is still asked', async () => {
  const { mfa, enrol, code, storage } = await createMfaKit();
  const [first, second] = [await enrol(), await enrol()];
  const theirs = await enrol(bob);
  for (const other of [second.factorId, theirs.factorId]) {
    await storage.write(platform, (tx) => tx.run(swap, { id: first.factorId, other }));
    assert.equal(await mfa.verify(actor, ada.id, { factorId: first.factorId, code: code(first.secret) }), undefined);
    assert.equal(await mfa.verify(actor, ada.id, { factorId: first.factorId, code: code(theirs.secret) }), undefined);
    assert.equal(await mfa.isEnrolled(ada.id), true);
    assert.equal((await mfa.offered(ada.id)).length, 3);
  }
  assert.ok(await mfa.verify(actor, ada.id, { code: code(second.secret) }));
});

test('nothing of a factor is readable once the key of its person is destroyed, and the person stays asked', async () => {
  const { mfa, enrol, code, storage, vault } = await createMfaKit();
  const { secret } = await enrol();
  await storage.write(platform, (tx) => vault.subjects.destroy(tx, ada.id));
  assert.equal(await mfa.verify(actor, ada.id, { code: code(secret) }), undefined);
  assert.equal(await mfa.isEnrolled(ada.id), true);
  await storage.write(platform, (tx) => mfa.reset(tx, actor, ada.id));
  assert.equal(await mfa.isEnrolled(ada.id), false);
});

// Attack: the time of a refusal tells who has a second factor, and which.
test('a wrong answer takes about the same time with and without factors', async (t) => {
  const { mfa, enrol, lastCode } = await createMfaKit(undefined, { perPerson: 1_000, wrongPerDay: 100 });
  for (let at = 0; at < 4; at++) await enrol();
  const { factorId } = await mfa.beginCode(actor, ada.id, { method: 'email', to: 'ada@b.example' }, from);
  await mfa.confirm(actor, ada.id, factorId, lastCode());
  const times: Record<string, number[]> = { ada: [], bob: [] };
  for (let at = 0; at < 60; at++) {
    for (const { id } of [ada, bob]) {
      const begun = performance.now();
      await mfa.verify(actor, id, { code: '000000' });
      times[id]?.push(performance.now() - begun);
    }
  }
  const [a, b] = [ada, bob].map(({ id }) => (times[id] ?? []).sort((x, y) => x - y)[30] ?? 0);
  t.diagnostic(`with five factors ${a?.toFixed(3)} ms, with none ${b?.toFixed(3)} ms`);
  assert.ok(Math.abs((a ?? 0) - (b ?? 0)) < 1, `${a} and ${b} ms`);
});

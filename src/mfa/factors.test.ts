import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256 } from '../crypto/index.ts';
import { deliveryFault } from '../delivery/index.ts';
import { tenantId } from '../kernel/brand.ts';
import { hours } from '../kernel/clock.ts';
import { inTenant, platform } from '../kernel/tx.ts';
import { statement } from '../storage/index.ts';
import { METHODS } from './method.ts';
import { actor, ada, bob, createMfaKit, fault, from, PLANT } from './mfa-kit.contract.ts';
import type { MfaPolicy } from './policy.ts';

test('the first factor gives ten backup codes, the next gives none, and the last takes them along', async () => {
  const { mfa, enrol, code } = await createMfaKit();
  const { backupCodes, factorId } = await enrol();
  assert.equal(new Set(backupCodes).size, 10);
  for (const one of backupCodes) assert.match(one, /^[0-9a-hjkmnp-tv-z]{4}(-[0-9a-hjkmnp-tv-z]{4}){2}$/);
  const second = await enrol();
  assert.deepEqual([second.backupCodes, await mfa.backupCodes.left(ada.id)], [[], 10]);
  await mfa.remove(actor, ada.id, factorId);
  assert.equal(await mfa.backupCodes.left(ada.id), 10);
  await mfa.remove(actor, ada.id, second.factorId);
  assert.deepEqual([await mfa.backupCodes.left(ada.id), await mfa.backupCodes.show(ada.id)], [0, []]);
  assert.deepEqual(await mfa.offered(ada.id), []);
  assert.equal(await mfa.verify(actor, ada.id, { code: backupCodes[0] ?? '' }), undefined);
  assert.equal(await mfa.verify(actor, ada.id, { code: code(second.secret) }), undefined);
});

test('a backup code is read however it is written, shown with the others, and marked when used', async () => {
  const { mfa, enrol } = await createMfaKit();
  const { backupCodes } = await enrol();
  const [first = '', second = ''] = backupCodes;
  const written = ` ${first.toUpperCase().replaceAll('-', ' ').replaceAll('0', 'O').replaceAll('1', 'l')}`;
  assert.deepEqual(await mfa.verify(actor, ada.id, { code: written }), { method: 'backup', amr: ['rc'] });
  assert.equal(await mfa.verify(actor, ada.id, { code: first }), undefined);
  const shown = await mfa.backupCodes.show(ada.id);
  assert.deepEqual(
    shown.map(({ code }) => code),
    backupCodes,
  );
  assert.deepEqual(
    shown.filter(({ used }) => used).map(({ code }) => code),
    [first],
  );
  const renewed = await mfa.backupCodes.renew(actor, ada.id);
  assert.equal(renewed.length, 10);
  assert.equal(await mfa.verify(actor, ada.id, { code: second }), undefined);
  assert.ok(await mfa.verify(actor, ada.id, { code: renewed[0] ?? '' }));
});

test('nobody without a factor gets backup codes', async () => {
  const { mfa } = await createMfaKit();
  await assert.rejects(mfa.backupCodes.renew(actor, ada.id), fault('MFA_ENROLMENT_NEEDED'));
});

const stored = statement({
  reach: 'platform',
  sql: 'select pepper, backup from mfa_person',
  returns: { pepper: 'text', backup: 'text?' },
});
const digests = statement({ reach: 'platform', sql: 'select digest from mfa_code', returns: { digest: 'bytes' } });

// Attack: a copy of the database without the keys.
test('backup codes lie in the database as keyed digests and one sealed copy', async () => {
  const { storage, enrol } = await createMfaKit();
  const { backupCodes } = await enrol();
  const row = await storage.read(platform, (tx) => tx.one(stored, {}));
  assert.match(`${row?.pepper} ${row?.backup}`, /^tks1\.\S+ tks1\.\S+$/);
  const rows = await storage.read(platform, (tx) => tx.all(digests, {}));
  const held = new Set(rows.map(({ digest }) => Buffer.from(digest).toString('hex')));
  assert.equal(held.size, 10);
  for (const code of backupCodes) assert.ok(!held.has(sha256(code.replaceAll('-', '')).toString('hex')));
});

test('a recovery code lets in once within its time, removes nothing, and replaces the one before', async () => {
  const { mfa, storage, enrol, clock, entries } = await createMfaKit();
  await enrol();
  const issue = () => storage.write(platform, (tx) => mfa.recovery.issue(tx, actor, ada.id));
  const [old, next] = [await issue(), await issue()];
  assert.equal(await mfa.verify(actor, ada.id, { code: old }), undefined);
  assert.equal(await mfa.verify(actor, bob.id, { code: next }), undefined);
  assert.deepEqual(await mfa.verify(actor, ada.id, { method: 'backup', code: next }), {
    method: 'backup',
    amr: ['rc'],
  });
  assert.equal(await mfa.verify(actor, ada.id, { code: next }), undefined);
  assert.deepEqual([(await mfa.list(ada.id)).length, await mfa.backupCodes.left(ada.id)], [1, 10]);
  const late = await issue();
  clock.advance(hours(24));
  assert.equal(await mfa.verify(actor, ada.id, { code: late }), undefined);
  assert.ok(entries.some(({ action }) => action === 'mfa.recovery_issued'));
});

test('every change is told by mail and as an event, and no mail holds a code', async () => {
  const { mfa, enrol, sent, storage } = await createMfaKit();
  const { factorId, backupCodes } = await enrol();
  await mfa.verify(actor, ada.id, { code: backupCodes[0] ?? '' });
  await enrol();
  await mfa.remove(actor, ada.id, factorId);
  await storage.write(platform, (tx) => mfa.reset(tx, actor, ada.id));
  const changes = ['factor-added', 'backup-codes-made', 'backup-code-used', 'factor-added', 'factor-removed', 'reset'];
  const events = sent.filter(({ kind }) => kind === 'event').map(({ text }) => text);
  assert.deepEqual(
    events.map((text) => JSON.parse(text.slice('mfa.changed '.length)).change),
    changes,
  );
  const mails = sent.filter(({ kind }) => kind === 'email');
  assert.equal(mails.length, changes.length);
  assert.ok(mails.every(({ to }) => to === 'ada@mail.example'));
  for (const code of backupCodes) assert.ok(!JSON.stringify(sent).includes(code));
});

test('a change is made also where no mail can be sent', async () => {
  const enqueue = async () => {
    throw deliveryFault('DELIVERY_CHANNEL_OFF');
  };
  const { enrol } = await createMfaKit(undefined, {}, { delivery: { enqueue, publish: async () => undefined } });
  assert.equal((await enrol()).backupCodes.length, 10);
});

test('what is not there, or is of somebody else, is not removed', async () => {
  const { mfa, enrol } = await createMfaKit();
  const { factorId } = await enrol();
  await assert.rejects(mfa.remove(actor, bob.id, factorId), fault('MFA_FACTOR_UNKNOWN'));
  await assert.rejects(mfa.remove(actor, ada.id, 'another'), fault('MFA_FACTOR_UNKNOWN'));
  await assert.rejects(mfa.sendCode(actor, ada.id, factorId, from), fault('MFA_FACTOR_UNKNOWN'));
  assert.equal(await mfa.isEnrolled(ada.id), true);
});

test('the last factor that policy counts is not removed, unless policy asks for none', async () => {
  const { mfa, storage, enrol, roles, lastCode } = await createMfaKit();
  const policy: MfaPolicy = { requiredFor: ['admin'], methods: ['totp', 'backup'], rememberMs: 0 };
  await storage.write(inTenant(PLANT), (tx) => mfa.policy.set(tx, actor, PLANT, policy));
  const { factorId } = await enrol();
  const weaker = await mfa.beginCode(actor, ada.id, { method: 'sms', to: '+4930123456' }, from);
  await mfa.confirm(actor, ada.id, weaker.factorId, lastCode());
  roles.push('admin');
  await assert.rejects(mfa.remove(actor, ada.id, factorId), fault('MFA_LAST_FACTOR'));
  await mfa.remove(actor, ada.id, weaker.factorId);
  roles.pop();
  await mfa.remove(actor, ada.id, factorId);
  assert.equal(await mfa.isEnrolled(ada.id), false);
});

test('the strictest of several tenants is asked of a person', async () => {
  const { mfa, storage } = await createMfaKit();
  const [north, south] = [tenantId('north'), tenantId('south')];
  const set = (tenant: typeof north, policy: MfaPolicy) =>
    storage.write(inTenant(tenant), (tx) => mfa.policy.set(tx, actor, tenant, policy));
  await set(north, { requiredFor: ['admin'], methods: ['totp', 'sms'], rememberMs: 5 });
  await set(south, { requiredFor: ['*'], methods: ['passkey', 'totp', 'backup'], rememberMs: 7 });
  const of = (...tenants: (typeof north)[]) => mfa.policy.of(tenants, (tenant) => (tenant === north ? ['viewer'] : []));
  assert.deepEqual(await of(north), { required: false, methods: ['totp', 'sms'], rememberMs: 5 });
  assert.deepEqual(await of(north, south), { required: true, methods: ['totp'], rememberMs: 5 });
  await set(north, { requiredFor: [], methods: ['sms', 'backup'], rememberMs: 5 });
  assert.deepEqual((await of(north, south)).methods, ['passkey'], 'nothing in common but spare codes: the strongest');
  assert.deepEqual((await of()).methods, [...METHODS]);
});

// Attack: two tenants whose administrators each ask for something else lock out whoever belongs to both.
test('where tenants have nothing in common the strongest is asked that can be set up here', async () => {
  const { mfa, storage } = await createMfaKit(
    undefined,
    { sms: { countries: ['49'] } },
    { issuer: 'http://192.0.2.1' },
  );
  const [north, south] = [tenantId('north'), tenantId('south')];
  assert.equal(mfa.methodsHere().includes('passkey'), false);
  const set = (tenant: typeof north, methods: MfaPolicy['methods']) =>
    storage.write(inTenant(tenant), (tx) =>
      mfa.policy.set(tx, actor, tenant, { requiredFor: ['*'], methods, rememberMs: 0 }),
    );
  await set(north, ['passkey', 'totp']);
  await set(south, ['passkey', 'sms']);
  const { methods } = await mfa.policy.of([north, south], () => []);
  assert.deepEqual(methods, ['totp']);
});

// Attack: an administrator, or a slip of theirs, asks for what nobody can set up here, and shuts the tenant out.
test('a policy that nobody could meet is refused', async () => {
  const { mfa, storage } = await createMfaKit(undefined, { sms: { countries: [] } });
  for (const methods of [['sms'], ['backup'], ['sms', 'backup']] as const) {
    const policy = { requiredFor: ['*'], methods, rememberMs: 0 };
    const set = storage.write(inTenant(PLANT), (tx) => mfa.policy.set(tx, actor, PLANT, policy));
    await assert.rejects(set, fault('MFA_POLICY_INVALID'));
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { personId, sessionId } from '../kernel/brand.ts';
import { minutes } from '../kernel/clock.ts';
import { inTenant, platform } from '../kernel/tx.ts';
import { MAIN_TENANT } from '../tenants/index.ts';
import {
  codeOf,
  contextFrom,
  createSignInKit,
  expectFault,
  expectKind,
  nobody,
  PASSWORD,
} from './sign-in-kit.contract.ts';

const ada = { username: 'ada', password: PASSWORD };

/** Somebody with an authenticator app, and a sign-in that waits for its code. */
async function withApp(options: Parameters<typeof createSignInKit>[0] = {}) {
  const kit = await createSignInKit(options);
  const id = await kit.person('ada');
  const app = await kit.app(id);
  const begin = async (more: object = {}) =>
    expectKind('second-factor', await kit.signIn.begin(contextFrom(), ada, more));
  return { ...kit, id, ...app, begin };
}

test('a password alone signs in whoever has set up nothing else, and says so in the session', async () => {
  const { signIn, person, sessions } = await createSignInKit();
  await person('ada');
  const { grant, newDevice } = expectKind('signed-in', await signIn.begin(contextFrom(), ada));
  const proof = await sessions.proof(grant.sessionId);
  assert.deepEqual([proof?.amr, proof?.secondFactorAt], [['pwd'], undefined]);
  assert.notEqual(proof?.provedAt, undefined);
  assert.match(newDevice, /^[\w-]{43}$/);
});

test('a second factor that is set up is asked for, and the session says that it was given', async () => {
  const { signIn, begin, code, sessions, entries, id } = await withApp();
  const { ticket, methods, expiresInS } = await begin();
  assert.deepEqual([methods.map(({ method }) => method), expiresInS], [['totp', 'backup'], 600]);
  assert.deepEqual(await sessions.list(id), [], 'there is no session yet');
  const { grant } = expectKind('signed-in', await signIn.verify(contextFrom(), { ticket, code: code() }));
  const proof = await sessions.proof(grant.sessionId);
  assert.deepEqual(proof?.amr, ['pwd', 'otp', 'mfa']);
  assert.equal(proof?.secondFactorAt, proof?.provedAt);
  const actions = entries.map(({ action }) => action).filter((action) => action.startsWith('signin.'));
  assert.deepEqual(actions, ['signin.second_factor_asked', 'signin.passed']);
  const ofFactors = entries.filter(({ action }) => action === 'mfa.passed' || action === 'signin.second_factor_asked');
  assert.deepEqual(
    ofFactors.map(({ tenantId }) => tenantId),
    ['main', 'main'],
    'whoever looks after the tenant sees them',
  );
});

test('a backup code signs in once, and a client that knows one call only sends its code along', async () => {
  const { signIn, begin, code, backupCodes } = await withApp();
  const [spare = ''] = backupCodes;
  const { ticket } = await begin();
  expectKind('signed-in', await signIn.verify(contextFrom(), { ticket, code: spare, method: 'backup' }));
  const again = await begin();
  await expectFault(
    'MFA_CODE_WRONG',
    signIn.verify(contextFrom(), { ticket: again.ticket, code: spare, method: 'backup' }),
  );
  expectKind('signed-in', await signIn.begin(contextFrom(), ada, { code: code() }));
  await expectFault('MFA_CODE_WRONG', signIn.begin(contextFrom(), ada, { code: code() }));
});

// Attack: of one right code several sessions are made at once.
test('one code and one ticket are one session, however many answers come at the same moment', async () => {
  const { signIn, begin, code, sessions, id } = await withApp();
  const { ticket } = await begin();
  const right = code();
  const answers = Array.from({ length: 4 }, () => signIn.verify(contextFrom(), { ticket, code: right }));
  const settled = await Promise.allSettled(answers);
  assert.equal(settled.filter(({ status }) => status === 'fulfilled').length, 1);
  assert.equal((await sessions.list(id)).length, 1);
  await expectFault('MFA_TICKET_INVALID', signIn.verify(contextFrom(), { ticket, code: right }));
});

// Attack: codes are tried until one fits.
test('a ticket takes five answers, also in parallel, and no right one after that', async () => {
  const { signIn, begin, code } = await withApp();
  const { ticket } = await begin();
  const tries = await Promise.allSettled(
    Array.from({ length: 12 }, () => signIn.verify(contextFrom(), { ticket, code: '000000' })),
  );
  const codes = tries.map((one) => (one.status === 'rejected' ? Object(one.reason).code : 'signed in'));
  assert.equal(codes.filter((one) => one === 'MFA_CODE_WRONG').length, 5);
  assert.equal(codes.filter((one) => one === 'MFA_TICKET_INVALID').length, 7);
  await expectFault('MFA_TICKET_INVALID', signIn.verify(contextFrom(), { ticket, code: code() }));
});

// Attack: with the stolen password a new ticket is made for every five codes.
test('twenty wrong codes a day are all that go quickly, whatever they are for, and a device that is known has its own', async () => {
  const { signIn, begin, code, clock } = await withApp();
  const first = await begin();
  const { newDevice } = expectKind(
    'signed-in',
    await signIn.verify(contextFrom(), { ticket: first.ticket, code: code() }),
  );
  for (let round = 0; round < 4; round++) {
    const { ticket } = await begin();
    for (let each = 0; each < 5; each++)
      await expectFault('MFA_CODE_WRONG', signIn.verify(contextFrom(), { ticket, code: '000000' }));
    clock.advance(minutes(1));
  }
  const { ticket } = await begin();
  await expectFault('MFA_CODE_WRONG', signIn.verify(contextFrom(), { ticket, code: '000000' }));
  await expectFault('LIMIT_EXCEEDED', signIn.verify(contextFrom(), { ticket, code: code() }));
  const own = await begin({ knownDevice: newDevice });
  expectKind('signed-in', await signIn.verify(contextFrom(), { ticket: own.ticket, code: code() }));
});

// Attack: a ticket that was got with the old password is kept for after its change.
test('a ticket dies with its time, its password, its person, its profile, and all sessions', async () => {
  const { signIn, begin, code, storage, identity, id, clock, sessions, tokens } = await withApp();
  const refused = async (ticket: string, options = {}) =>
    expectFault('MFA_TICKET_INVALID', signIn.verify(contextFrom(), { ticket, code: code() }, options));
  const old = await begin();
  clock.advance(minutes(10) + 1);
  await refused(old.ticket);

  const ended = await begin();
  clock.advance(1);
  await storage.write(platform, (tx) => sessions.endAll(tx, nobody, id, 'all'));
  await refused(ended.ticket);
  clock.advance(1_000);

  const foreign = await begin();
  await refused(foreign.ticket, { terms: { profile: 'ems', tokens } });

  const disabled = await begin();
  await storage.write(platform, (tx) => identity.setDisabled(tx, nobody, id, true));
  await refused(disabled.ticket);
  await storage.write(platform, (tx) => identity.setDisabled(tx, nobody, id, false));

  const changed = await begin();
  const hash = await identity.hash('another password than before');
  await storage.write(platform, (tx) => identity.setPassword(tx, nobody, id, hash));
  await refused(changed.ticket);
  for (const made of ['', 'tkt_', `tkt_${'A'.repeat(43)}`, changed.ticket.slice(0, -1), 'x'.repeat(10_000)])
    await refused(made);
});

test('a device that is remembered stands in for the second factor until its time, and proves nothing', async () => {
  const { signIn, begin, code, sessions, clock, id, storage } = await withApp();
  const { ticket } = await begin();
  const answer = { ticket, code: code(), rememberDevice: true };
  const { newDevice } = expectKind('signed-in', await signIn.verify(contextFrom(), answer));
  const options = { knownDevice: newDevice };
  const { grant } = expectKind('signed-in', await signIn.begin(contextFrom(), ada, options));
  const proof = await sessions.proof(grant.sessionId);
  assert.deepEqual([proof?.amr, proof?.provedAt, proof?.secondFactorAt], [['pwd'], undefined, undefined]);
  await expectFault('IDENTITY_CREDENTIALS', signIn.begin(contextFrom(), { ...ada, password: 'wrong' }, options));
  expectKind('second-factor', await signIn.begin(contextFrom(), ada, { knownDevice: 'A'.repeat(43) }));

  await storage.write(platform, (tx) => sessions.devices.unremember(tx, id));
  expectKind('second-factor', await signIn.begin(contextFrom(), ada, options));
  clock.advance(60_000);
  const anew = await begin(options);
  const remembered = { ticket: anew.ticket, code: code(), rememberDevice: true };
  expectKind('signed-in', await signIn.verify(contextFrom(), remembered, options));
  expectKind('signed-in', await signIn.begin(contextFrom(), ada, options));
  clock.advance(minutes(60 * 24 * 31));
  expectKind('second-factor', await signIn.begin(contextFrom(), ada, options));
});

// Attack: a device that was remembered for long goes on when policy was made stricter since.
test('a time of remembering that was made shorter holds for devices of before too', async () => {
  const { signIn, begin, code, clock, storage, mfa } = await withApp();
  const { ticket } = await begin();
  const answer = { ticket, code: code(), rememberDevice: true };
  const { newDevice } = expectKind('signed-in', await signIn.verify(contextFrom(), answer));
  const options = { knownDevice: newDevice };
  clock.advance(minutes(61));
  expectKind('signed-in', await signIn.begin(contextFrom(), ada, options));
  const policy = { requiredFor: [], methods: ['totp'] as const, rememberMs: minutes(60) };
  await storage.write(inTenant(MAIN_TENANT), (tx) => mfa.policy.set(tx, nobody, MAIN_TENANT, policy));
  expectKind('second-factor', await signIn.begin(contextFrom(), ada, options));
});

// Attack: with the password alone a second ticket sets up a factor of the attacker's own beside that of the owner.
test('of several sign-ins that set a factor up at once one gets in, and one factor is there', async () => {
  const kit = await createSignInKit({ policy: { requiredFor: ['admin'], methods: ['totp', 'email'] } });
  const { signIn, person, sessions, clock, mfa } = kit;
  for (let round = 0; round < 10; round++) {
    const username = `ada-${round}`;
    const id = await person(username, { role: 'admin' });
    const begun = await Promise.all(
      [1, 2].map(async () => expectKind('enrol', await signIn.begin(contextFrom(), { username, password: PASSWORD }))),
    );
    const wishes = [{ method: 'totp' }, { method: 'email', to: `eve-${round}@evil.example` }] as const;
    const [app, mail] = await Promise.all(
      wishes.map((wish, at) => signIn.enrol(contextFrom(), begun[at]?.ticket ?? '', wish)),
    );
    assert.notEqual(app?.factorId, mail?.factorId);
    const codes = [codeOf(app?.secret ?? '', clock)(), lastCode(kit.sent)];
    const done = await Promise.allSettled(
      begun.map(({ ticket }, at) => signIn.verify(contextFrom(), { ticket, code: codes[at] ?? '' })),
    );
    assert.equal(done.filter(({ status }) => status === 'fulfilled').length, 1, JSON.stringify(done));
    assert.equal((await sessions.list(id)).length, 1);
    assert.equal((await mfa.list(id)).length, 1);
  }
});

// Attack: an old client keeps no cookie, and strangers use up the count of its account.
test('an address that signed in before gets in while strangers are slowed, without any cookie', async () => {
  const { signIn, person } = await createSignInKit();
  await person('ada');
  const home = '203.0.113.77';
  expectKind('signed-in', await signIn.begin(contextFrom(home), ada));
  for (let each = 0; each < 10; each++)
    await expectFault('IDENTITY_CREDENTIALS', signIn.begin(contextFrom(), { ...ada, password: 'wrong' }));
  await expectFault('LIMIT_EXCEEDED', signIn.begin(contextFrom(), ada));
  expectKind('signed-in', await signIn.begin(contextFrom(home), ada));
});

// Attack: whoever has the password tries codes, and its owner never hears of it.
test('the owner is told once a day of wrong codes behind the right password', async () => {
  const { signIn, begin, sent } = await withApp();
  const told = () => sent.filter((one) => JSON.stringify(one).includes('several wrong codes')).length;
  for (let round = 0; round < 3; round++) {
    const { ticket } = await begin();
    for (let each = 0; each < 4; each++)
      await expectFault('MFA_CODE_WRONG', signIn.verify(contextFrom(), { ticket, code: '000000' }));
    assert.equal(told(), round === 0 ? 0 : 1);
  }
});

test('a known device without the wish to remember it is asked each time', async () => {
  const { signIn, begin, code } = await withApp();
  const { ticket } = await begin();
  const { newDevice } = expectKind('signed-in', await signIn.verify(contextFrom(), { ticket, code: code() }));
  expectKind('second-factor', await signIn.begin(contextFrom(), ada, { knownDevice: newDevice }));
});

test('whoever must have a second factor and has none sets one up before there is a session', async () => {
  const kit = await createSignInKit({ policy: { requiredFor: ['admin'], methods: ['totp'] } });
  const { signIn, person, sessions, clock, mfa } = kit;
  const id = await person('ada', { role: 'admin' });
  const { ticket, methods } = expectKind('enrol', await signIn.begin(contextFrom(), ada));
  assert.deepEqual(methods, ['totp']);
  await expectFault('MFA_CODE_WRONG', signIn.verify(contextFrom(), { ticket, code: '000000' }));
  await expectFault(
    'MFA_FACTOR_UNKNOWN',
    signIn.enrol(contextFrom(), ticket, { method: 'email', to: 'eve@evil.example' }),
  );
  const { secret = '', qrCode = '' } = await signIn.enrol(contextFrom(), ticket, { method: 'totp' });
  assert.equal(Buffer.from(qrCode, 'base64').subarray(1, 4).toString(), 'PNG');
  await expectFault('MFA_CODE_WRONG', signIn.verify(contextFrom(), { ticket, code: '000000' }));
  assert.deepEqual([await sessions.list(id), await mfa.isEnrolled(id)], [[], false]);
  const done = expectKind('signed-in', await signIn.verify(contextFrom(), { ticket, code: codeOf(secret, clock)() }));
  assert.equal(done.backupCodes?.length, 10);
  assert.deepEqual((await sessions.proof(done.grant.sessionId))?.amr, ['pwd', 'otp', 'mfa']);
  clock.advance(60_000);
  expectKind('second-factor', await signIn.begin(contextFrom(), ada));
});

test('a code is sent where a factor wants one, and to nobody else', async () => {
  const { signIn, person, mfa, sent, clock } = await createSignInKit();
  const id = await person('ada');
  const from = { addressBlock: '192.0.2.1' };
  const { factorId } = await mfa.beginCode(nobody, id, { method: 'email', to: 'ada@plant.example' }, from);
  await mfa.confirm(nobody, id, factorId, lastCode(sent));
  clock.advance(60_000);
  const { ticket } = expectKind('second-factor', await signIn.begin(contextFrom(), ada));
  const before = sent.length;
  const challenge = await signIn.challenge(contextFrom(), ticket, { method: 'email' });
  assert.equal(challenge.kind, 'code-sent');
  assert.equal(sent.length, before + 1);
  await expectFault('MFA_FACTOR_UNKNOWN', signIn.challenge(contextFrom(), ticket, { factorId: 'other' }));
  await expectFault('MFA_TICKET_INVALID', signIn.challenge(contextFrom(), `${ticket.slice(0, -2)}AA`, {}));
  const { grant } = expectKind(
    'signed-in',
    await signIn.verify(contextFrom(), { ticket, factorId, code: lastCode(sent) }),
  );
  assert.equal(grant.sessionId, sessionId(grant.sessionId));
  assert.notEqual(personId(id), undefined);
});

/** The newest code that went out. */
const lastCode = (sent: readonly object[]): string => /\b\d{6}\b/.exec(JSON.stringify(sent.at(-1)))?.[0] ?? '';

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { platform } from '../kernel/tx.ts';
import {
  codeOf,
  contextFrom,
  createSignInKit,
  expectFault,
  expectKind,
  nobody,
  PASSWORD,
  type SignInKit,
} from './sign-in-kit.contract.ts';
import { nextStep, type Standing } from './sign-in-standing.ts';

const ada = { username: 'ada', password: PASSWORD };

/** What an attacker has who knows the password and nothing else: a ticket, and every call there is. */
type Try = (kit: SignInKit, ticket: string) => Promise<unknown>;

const from = contextFrom;
const TRIES: Readonly<Record<string, Try>> = {
  'the password once more': ({ signIn }) => signIn.begin(from(), ada),
  'a code that is none': ({ signIn }) => signIn.begin(from(), ada, { code: '000000' }),
  'an empty code': ({ signIn }) => signIn.begin(from(), ada, { code: '' }),
  'a made-up device': ({ signIn }) => signIn.begin(from(), ada, { knownDevice: 'A'.repeat(43), rememberDevice: true }),
  'the wish to be remembered': ({ signIn }) => signIn.begin(from(), ada, { rememberDevice: true }),
  'no answer': ({ signIn }, ticket) => signIn.verify(from(), { ticket }),
  'a wrong code': ({ signIn }, ticket) => signIn.verify(from(), { ticket, code: '000000' }),
  'a backup code of nobody': ({ signIn }, ticket) =>
    signIn.verify(from(), { ticket, code: 'aaaa-bbbb', method: 'backup' }),
  'a code by a way that is not set up': ({ signIn }, ticket) =>
    signIn.verify(from(), { ticket, code: '000000', method: 'sms', factorId: 'none' }),
  'a passkey that is none': ({ signIn }, ticket) => signIn.verify(from(), { ticket, passkey: {} }),
  'a passkey without a ticket': ({ signIn }) => signIn.passkey(from(), { id: 'x', rawId: 'x', response: {} }),
  'a factor of their own on the ticket': ({ signIn }, ticket) => signIn.enrol(from(), ticket, { method: 'totp' }),
  'a passkey of their own on the ticket': ({ signIn }, ticket) => signIn.enrol(from(), ticket, { method: 'passkey' }),
  'the ticket as a refresh token': ({ sessions }, ticket) => sessions.refresh(nobody, ticket, undefined),
  'the ticket as an access token': async ({ tokens }, ticket) => tokens.verify(ticket),
  'a code that is sent to somewhere else': ({ signIn }, ticket) =>
    signIn.challenge(from(), ticket, { method: 'email', factorId: 'mine' }),
};

for (const [name, attempt] of Object.entries(TRIES)) {
  // Attack: the second factor is passed by on another path.
  test(`with the password alone nothing signs in: ${name}`, async () => {
    const kit = await createSignInKit();
    const id = await kit.person('ada');
    await kit.app(id);
    const { ticket } = expectKind('second-factor', await kit.signIn.begin(from(), ada));
    const outcome = await attempt(kit, ticket).catch((error: unknown) => error);
    assert.notEqual(Object(outcome).kind, 'signed-in');
    assert.equal('grant' in Object(outcome), false);
    assert.deepEqual(await kit.sessions.list(id), []);
    assert.equal((await kit.mfa.list(id)).length, 1, 'and nothing is set up');
  });
}

// Attack: no code can be sent just now, so nothing is offered, and it looks as if nothing were set up.
test('a second factor that cannot be answered with at the moment is not missing: nobody gets in without it', () => {
  const away: Standing = { enrolled: true, offered: [], required: false, methods: ['totp'], rememberMs: 0 };
  assert.deepEqual(nextStep(away, undefined, false), { kind: 'verify', methods: [] });
  assert.deepEqual(nextStep({ ...away, required: true }, undefined, false), { kind: 'verify', methods: [] });
  assert.equal(nextStep(away, undefined, true).kind, 'verify', 'no device stands in for what is not there');
});

// Attack: policy counts passkeys alone, and whoever has the password sets up one of their own.
test('where policy does not count what is set up, that must answer before anything else is set up', () => {
  const sms = { method: 'sms', factorId: 'f' } as const;
  const strict: Standing = { enrolled: true, offered: [sms], required: true, methods: ['passkey'], rememberMs: 0 };
  assert.deepEqual(nextStep(strict, undefined, true), { kind: 'verify', methods: [sms] });
  assert.deepEqual(nextStep(strict, 'sms', false), { kind: 'enrol', methods: ['passkey'] });
  assert.deepEqual(nextStep(strict, 'passkey', false), { kind: 'start' });
  const both = { ...strict, offered: [sms, { method: 'passkey' } as const] };
  assert.deepEqual(nextStep(both, 'sms', false), { kind: 'verify', methods: [{ method: 'passkey' }] });
});

// Attack: a ticket to set one up is got first, and used after its owner has set up theirs.
test('a ticket to set up a factor is worth nothing once one is set up', async () => {
  const kit = await createSignInKit({ policy: { requiredFor: ['*'] } });
  const { signIn, person, clock, sessions, mfa } = kit;
  const id = await person('ada', { role: 'viewer' });
  const theirs = expectKind('enrol', await signIn.begin(from(), ada));
  const { secret: stolen = '' } = await signIn.enrol(from(), theirs.ticket, { method: 'totp' });
  const own = expectKind('enrol', await signIn.begin(from(), ada));
  const { secret = '' } = await signIn.enrol(from(), own.ticket, { method: 'totp' });
  expectKind('signed-in', await signIn.verify(from(), { ticket: own.ticket, code: codeOf(secret, clock)() }));
  const late = signIn.verify(from(), { ticket: theirs.ticket, code: codeOf(stolen, clock)() });
  await expectFault('MFA_TICKET_INVALID', late);
  await expectFault('MFA_TICKET_INVALID', signIn.enrol(from(), theirs.ticket, { method: 'totp' }));
  assert.equal((await sessions.list(id)).length, 1);
  assert.equal((await mfa.list(id)).filter(({ confirmedAt }) => confirmedAt !== undefined).length, 1);
});

test('a refresh keeps what the sign-in proved, and adds nothing', async () => {
  const { signIn, person, sessions } = await createSignInKit();
  await person('ada');
  const { grant } = expectKind('signed-in', await signIn.begin(from(), ada));
  const { refreshToken = '', deviceSecret } = grant;
  const next = await sessions.refresh(nobody, refreshToken, deviceSecret);
  const proof = await sessions.proof(next.sessionId);
  assert.deepEqual([proof?.amr, proof?.secondFactorAt], [['pwd'], undefined]);
});

test('a disabled person signs in by no path, whatever they give', async () => {
  const kit = await createSignInKit();
  const { signIn, person, app, storage, identity } = kit;
  const id = await person('ada');
  const { code, backupCodes } = await app(id);
  const { ticket } = expectKind('second-factor', await signIn.begin(from(), ada));
  await storage.write(platform, (tx) => identity.setDisabled(tx, nobody, id, true));
  const [spare = ''] = backupCodes;
  await expectFault('IDENTITY_CREDENTIALS', signIn.begin(from(), ada, { code: code() }));
  await expectFault('MFA_TICKET_INVALID', signIn.verify(from(), { ticket, code: code() }));
  await expectFault('MFA_TICKET_INVALID', signIn.verify(from(), { ticket, code: spare, method: 'backup' }));
  assert.deepEqual(await kit.sessions.list(id), []);
});

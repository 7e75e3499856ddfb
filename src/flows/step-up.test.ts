import assert from 'node:assert/strict';
import { test } from 'node:test';
import { minutes } from '../kernel/clock.ts';
import type { PersonPrincipal } from '../kernel/principal.ts';
import {
  contextFrom,
  createSignInKit,
  expectFault,
  expectKind,
  PASSWORD,
  type SignInKit,
} from './sign-in-kit.contract.ts';

const ada = { username: 'ada', password: PASSWORD };

async function callerOf(kit: SignInKit, accessToken: string): Promise<PersonPrincipal> {
  return kit.tokens.verify(accessToken);
}

/** Somebody with an authenticator app, signed in a while ago by a device that stands in for it. */
async function signedIn() {
  const kit = await createSignInKit();
  const id = await kit.person('ada');
  const { code } = await kit.app(id);
  const { ticket } = expectKind('second-factor', await kit.signIn.begin(contextFrom(), ada));
  const answer = { ticket, code: code(), rememberDevice: true };
  const { newDevice } = expectKind('signed-in', await kit.signIn.verify(contextFrom(), answer));
  kit.clock.advance(minutes(2));
  const { grant } = expectKind('signed-in', await kit.signIn.begin(contextFrom(), ada, { knownDevice: newDevice }));
  const caller = await callerOf(kit, grant.accessToken);
  return { ...kit, id, code, grant, caller };
}

test('password and second factor prove a session anew, and its new token says so', async () => {
  const kit = await signedIn();
  const { stepUp, sessions, caller, code, tokens, clock } = kit;
  assert.equal((await sessions.proof(caller.sessionId))?.provedAt, undefined);
  const grant = await stepUp.stepUp(contextFrom(), caller, { password: PASSWORD, code: code() });
  assert.deepEqual([grant.sessionId, grant.refreshToken, grant.deviceSecret], [caller.sessionId, undefined, undefined]);
  const proof = await sessions.proof(caller.sessionId);
  assert.deepEqual([proof?.provedAt, proof?.secondFactorAt], [clock.now(), clock.now()]);
  assert.ok(proof?.amr.includes('mfa'));
  const claims = JSON.parse(Buffer.from(grant.accessToken.split('.')[1] ?? '', 'base64url').toString());
  assert.equal(claims.acr, 'urn:twinkeep:acr:mfa');
  assert.equal((await tokens.verify(grant.accessToken)).sessionId, caller.sessionId);
});

// Attack: whoever stole a session gives what they have.
test('neither password nor code alone steps up where both are set up', async () => {
  const { stepUp, sessions, caller, code } = await signedIn();
  await expectFault('MFA_CODE_WRONG', stepUp.stepUp(contextFrom(), caller, { password: PASSWORD }));
  await expectFault('MFA_CODE_WRONG', stepUp.stepUp(contextFrom(), caller, { password: PASSWORD, code: '000000' }));
  await expectFault('IDENTITY_CREDENTIALS', stepUp.stepUp(contextFrom(), caller, { code: code() }));
  await expectFault('IDENTITY_CREDENTIALS', stepUp.stepUp(contextFrom(), caller, { password: 'wrong', code: code() }));
  await expectFault('MFA_CODE_WRONG', stepUp.stepUp(contextFrom(), caller, { passkey: {} }));
  await expectFault('IDENTITY_CREDENTIALS', stepUp.stepUp(contextFrom(), caller, {}));
  assert.equal((await sessions.proof(caller.sessionId))?.provedAt, undefined);
});

// Attack: a stolen session is a way around the count of strangers.
test('a session has ten guesses, and takes none from others', async () => {
  const { stepUp, caller, code, signIn } = await signedIn();
  for (let each = 0; each < 10; each++)
    await expectFault('IDENTITY_CREDENTIALS', stepUp.stepUp(contextFrom(), caller, { password: 'wrong' }));
  const right = { password: PASSWORD, code: code() };
  await expectFault('LIMIT_EXCEEDED', stepUp.stepUp(contextFrom(), caller, right));
  expectKind('second-factor', await signIn.begin(contextFrom(), ada));
});

test('a session that has ended steps up no more', async () => {
  const { stepUp, sessions, caller, code, id } = await signedIn();
  await sessions.end({ principal: caller }, id, caller.sessionId, 'logout');
  const late = stepUp.stepUp(contextFrom(), caller, { password: PASSWORD, code: code() });
  await expectFault('SESSION_REVOKED', late);
});

test('a challenge goes to a factor of the caller, and to none that is not there', async () => {
  const { stepUp, caller } = await signedIn();
  await expectFault('MFA_FACTOR_UNKNOWN', stepUp.challenge(contextFrom(), caller, { method: 'sms' }));
  await expectFault('MFA_FACTOR_UNKNOWN', stepUp.challenge(contextFrom(), caller, { method: 'passkey' }));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  contextFrom,
  createSignInKit,
  expectFault,
  expectKind,
  nobody,
  PASSWORD,
  type SignInKit,
} from '../../src/flows/sign-in-kit.contract.ts';
import type { PersonId } from '../../src/kernel/brand.ts';
import { platform } from '../../src/kernel/tx.ts';
import { createSoftAuthenticator, type SoftAuthenticator } from '../../src/mfa/passkey-authenticator.contract.ts';

const ada = { username: 'ada', password: PASSWORD };

type Creating = Parameters<SoftAuthenticator['create']>[0];
type Getting = Parameters<SoftAuthenticator['get']>[0];

async function withPasskey(kit: SignInKit, name = 'ada'): Promise<{ id: PersonId; key: SoftAuthenticator }> {
  const id = await kit.person(name);
  const key = createSoftAuthenticator();
  const options = await kit.mfa.passkeys.registrationOptions({ id, username: name }, { passwordless: true });
  await kit.mfa.passkeys.register(nobody, id, key.create(options));
  return { id, key };
}

const begun = async ({ signIn }: SignInKit): Promise<Getting> =>
  (await signIn.passkeyOptions(contextFrom())) as Getting;

test('a passkey that verified its person signs in alone, as two factors', async () => {
  const kit = await createSignInKit();
  const { id, key } = await withPasskey(kit);
  const answer = key.get(await begun(kit));
  const { grant, personId } = expectKind('signed-in', await kit.signIn.passkey(contextFrom(), answer));
  const proof = await kit.sessions.proof(grant.sessionId);
  assert.deepEqual([personId, proof?.amr], [id, ['hwk', 'mfa']]);
  assert.equal(proof?.secondFactorAt, proof?.provedAt);
  await expectFault('MFA_CODE_WRONG', kit.signIn.passkey(contextFrom(), answer)); // Attack: it is sent once more.
});

// Attack: a stolen security key is used by somebody who does not know its PIN.
test('possession of a passkey alone signs nobody in', async () => {
  const kit = await createSignInKit();
  const { id, key } = await withPasskey(kit);
  const touched = key.get(await begun(kit), { userVerified: false });
  await expectFault('MFA_CODE_WRONG', kit.signIn.passkey(contextFrom(), touched));
  assert.deepEqual(await kit.sessions.list(id), []);
});

test('somebody who is disabled does not get in by passkey', async () => {
  const kit = await createSignInKit();
  const { id, key } = await withPasskey(kit);
  await kit.storage.write(platform, (tx) => kit.identity.setDisabled(tx, nobody, id, true));
  await expectFault('MFA_CODE_WRONG', kit.signIn.passkey(contextFrom(), key.get(await begun(kit))));
  assert.deepEqual(await kit.sessions.list(id), []);
});

test('a passkey answers for a second factor, and that of somebody else does not', async () => {
  const kit = await createSignInKit();
  const { key } = await withPasskey(kit);
  const { key: other } = await withPasskey(kit, 'bob');
  const { ticket, methods } = expectKind('second-factor', await kit.signIn.begin(contextFrom(), ada));
  assert.equal(methods[0]?.method, 'passkey');
  const challenge = await kit.signIn.challenge(contextFrom(), ticket, { method: 'passkey' });
  assert.ok(challenge.kind === 'passkey');
  const options = challenge.options as Getting;
  await expectFault('MFA_CODE_WRONG', kit.signIn.verify(contextFrom(), { ticket, passkey: other.get(options) }));
  const answer = { ticket, passkey: key.get(options) };
  expectKind('signed-in', await kit.signIn.verify(contextFrom(), answer));
});

test('where policy asks for a passkey, it is set up at the sign-in', async () => {
  const kit = await createSignInKit({ policy: { requiredFor: ['admin'], methods: ['passkey'] } });
  await kit.person('ada', { role: 'admin' });
  const { ticket, methods } = expectKind('enrol', await kit.signIn.begin(contextFrom(), ada));
  assert.deepEqual(methods, ['passkey']);
  const { options } = await kit.signIn.enrol(contextFrom(), ticket, { method: 'passkey' });
  const key = createSoftAuthenticator();
  const answer = { ticket, passkey: key.create(options as Creating) };
  const { backupCodes, grant } = expectKind('signed-in', await kit.signIn.verify(contextFrom(), answer));
  assert.equal(backupCodes?.length, 10);
  assert.deepEqual((await kit.sessions.proof(grant.sessionId))?.amr, ['pwd', 'hwk', 'mfa']);
  expectKind('signed-in', await kit.signIn.passkey(contextFrom(), key.get(await begun(kit))));
});

// Attack: policy does not count passkeys, and the way in by passkey passes it by.
test('where policy counts another factor, a passkey is followed by it', async () => {
  const kit = await createSignInKit({ policy: { requiredFor: ['admin'], methods: ['totp'] } });
  const { id, key } = await withPasskey(kit);
  const { code } = await kit.app(id);
  kit.roles.set(id, ['admin']);
  const asked = await kit.signIn.passkey(contextFrom(), key.get(await begun(kit)));
  const { ticket, methods } = expectKind('second-factor', asked);
  assert.deepEqual(
    methods.map(({ method }) => method),
    ['totp', 'backup'],
  );
  expectKind('signed-in', await kit.signIn.verify(contextFrom(), { ticket, code: code() }));
});

test('a passkey that verified its person is enough to step up', async () => {
  const kit = await createSignInKit();
  const { id, key } = await withPasskey(kit);
  const { grant } = expectKind('signed-in', await kit.signIn.passkey(contextFrom(), key.get(await begun(kit))));
  const caller = await kit.tokens.verify(grant.accessToken);
  kit.clock.advance(60_000);
  const challenge = await kit.stepUp.challenge(contextFrom(), caller, { method: 'passkey' });
  assert.ok(challenge.kind === 'passkey');
  const options = challenge.options as Getting;
  const touched = { passkey: key.get(options, { userVerified: false }) };
  await expectFault('MFA_CODE_WRONG', kit.stepUp.stepUp(contextFrom(), caller, touched));
  const again = await kit.stepUp.challenge(contextFrom(), caller, { method: 'passkey' });
  assert.ok(again.kind === 'passkey');
  await kit.stepUp.stepUp(contextFrom(), caller, { passkey: key.get(again.options as Getting) });
  assert.equal((await kit.sessions.proof(grant.sessionId))?.provedAt, kit.clock.now());
  assert.equal(caller.personId, id);
});

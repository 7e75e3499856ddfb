import assert from 'node:assert/strict';
import { test } from 'node:test';
import { platform } from '../kernel/tx.ts';
import { createSqliteStorage, openPostgresStorage, type Storage } from '../storage/index.ts';
import { createTestClock, serverSuite, startPostgres } from '../testing/index.ts';
import { mfaConfig } from './config.ts';
import { createSoftAuthenticator } from './passkey-authenticator.contract.ts';
import { relyingPartyOf } from './passkey-party.ts';
import { actor, ada, bob, createPasskeysKit, PARTY, passkeysContract } from './passkeys.contract.ts';

const open = async (): Promise<Storage> => createSqliteStorage({ file: ':memory:', clock: createTestClock() });
const kit = async (more = {}) => createPasskeysKit(await open(), more);

passkeysContract(open);
await serverSuite('passkeys on PostgreSQL', startPostgres, (server) =>
  passkeysContract(async () =>
    openPostgresStorage({ url: await server.createDatabase(), clock: createTestClock(), onError: () => undefined }),
  ),
);

for (const kind of ['P-256', 'Ed25519'] as const) {
  test(`a passkey of ${kind} is registered and signs in without a user name`, async () => {
    const { passkeys, clock, enrol, answer } = await kit();
    const device = await enrol(createSoftAuthenticator(kind), true);
    clock.advance(1_000);
    const passed = await passkeys.authenticate(await answer(device, { userHandle: 'ada' }));
    const [factor] = await passkeys.list(ada.id);
    assert.deepEqual(passed, {
      personId: 'ada',
      proof: { method: 'passkey', amr: ['hwk', 'mfa'], factorId: factor?.id },
      userVerified: true,
    });
    assert.deepEqual(factor, {
      ...{ id: factor?.id, method: 'passkey', label: 'Passkey', transports: ['usb'], backedUp: false },
      ...{ createdAt: clock.now() - 1_000, confirmedAt: clock.now() - 1_000, lastUsedAt: clock.now() },
    });
    assert.equal(await passkeys.isEnrolled(ada.id), true);
    assert.equal(await passkeys.isEnrolled(bob.id), false);
  });
}

test('options say who we are, name what is registered already, and ask for no attestation', async () => {
  const { passkeys, enrol } = await kit();
  const device = await enrol();
  const options = await passkeys.registrationOptions(ada);
  assert.deepEqual([options.rp, options.attestation], [{ id: 'twin.example', name: 'Twin' }, 'none']);
  assert.deepEqual(
    options.excludeCredentials?.map(({ id }) => id),
    [device.credentialId],
  );
  assert.equal(options.authenticatorSelection?.userVerification, 'preferred');
  const alone = await passkeys.registrationOptions(ada, { passwordless: true });
  assert.deepEqual(
    [alone.authenticatorSelection?.residentKey, alone.authenticatorSelection?.userVerification],
    ['required', 'required'],
  );
  const request = await passkeys.authenticationOptions(ada.id);
  assert.deepEqual(request.allowCredentials, [{ id: device.credentialId, transports: ['usb'], type: 'public-key' }]);
  const nobody = await passkeys.authenticationOptions();
  assert.deepEqual([nobody.allowCredentials, nobody.userVerification], [[], 'required']);
});

// Attack: a stolen key without a PIN is used as the only factor, also with options that were made for its owner.
test('an authenticator that did not verify its person is a second factor of the one named, and nothing else', async () => {
  const { passkeys, enrol, answer } = await kit();
  const device = await enrol();
  const stolen = { userVerified: false };
  assert.equal(await passkeys.authenticate(await answer(device, stolen)), undefined);
  assert.equal(await passkeys.authenticate(await answer(device, stolen, ada.id)), undefined);
  assert.equal(await passkeys.authenticate(await answer(device, stolen, ada.id), { person: bob.id }), undefined);
  const passed = await passkeys.authenticate(await answer(device, stolen, ada.id), { person: ada.id });
  assert.deepEqual([passed?.proof.amr, passed?.userVerified], [['hwk'], false]);
});

// Attack: the answer to a challenge that was asked for in another place is handed in at the second step of a sign-in.
test('as a second factor only the answer to options of that person counts', async () => {
  const { passkeys, enrol, answer } = await kit();
  const device = await enrol();
  assert.equal(await passkeys.authenticate(await answer(device), { person: ada.id }), undefined);
  const others = device.get(await passkeys.authenticationOptions(bob.id));
  assert.equal(await passkeys.authenticate(others), undefined);
  assert.equal(await passkeys.authenticate(others, { person: bob.id }), undefined);
  assert.ok(await passkeys.authenticate(await answer(device, {}, ada.id), { person: ada.id }));
});

// Attack: a phishing page, a page in a frame, another domain, another ceremony, another key.
test('an answer from elsewhere, of something else or of somebody else is refused', async () => {
  const { passkeys, clock, enrol, answer } = await kit();
  const device = await enrol();
  const wrong: object[] = [
    { origin: 'https://twin.example.evil.example' },
    { origin: 'http://twin.example' },
    { origin: 'https://sub.twin.example' },
    { rpId: 'evil.example' },
    { type: 'webauthn.create' },
    { crossOrigin: true },
    { userHandle: 'bob' },
    { challenge: 'AAAA' },
    { credentialId: createSoftAuthenticator().credentialId },
  ];
  for (const making of wrong) assert.equal(await passkeys.authenticate(await answer(device, making)), undefined);
  const forged = createSoftAuthenticator();
  assert.equal(await passkeys.authenticate(await answer(forged, { credentialId: device.credentialId })), undefined);
  const late = await answer(device);
  clock.advance(5 * 60_000);
  assert.equal(await passkeys.authenticate(late), undefined);
  assert.ok(await passkeys.authenticate(await answer(device)));
});

test('a challenge registers one passkey, of the person it was made for, within five minutes', async () => {
  const { passkeys, clock } = await kit();
  const refused = { code: 'MFA_PASSKEY_REFUSED' };
  const options = await passkeys.registrationOptions(ada);
  await assert.rejects(passkeys.register(actor, bob.id, createSoftAuthenticator().create(options)), refused);
  const asked = await passkeys.authenticationOptions(ada.id);
  const mixed = createSoftAuthenticator().create({ ...options, challenge: asked.challenge });
  await assert.rejects(passkeys.register(actor, ada.id, mixed), refused);
  await passkeys.register(actor, ada.id, createSoftAuthenticator().create(options), { label: 'my key' });
  await assert.rejects(passkeys.register(actor, ada.id, createSoftAuthenticator().create(options)), refused);
  const late = await passkeys.registrationOptions(ada);
  clock.advance(5 * 60_000);
  await assert.rejects(passkeys.register(actor, ada.id, createSoftAuthenticator().create(late)), refused);
  assert.deepEqual(
    (await passkeys.list(ada.id)).map(({ label }) => label),
    ['my key'],
  );
});

test('a passkey that is to be enough by itself must have verified its person', async () => {
  const { passkeys } = await kit();
  const options = await passkeys.registrationOptions(ada, { passwordless: true });
  const blind = createSoftAuthenticator().create(options, { userVerified: false });
  await assert.rejects(passkeys.register(actor, ada.id, blind), { code: 'MFA_PASSKEY_REFUSED' });
  const second = await passkeys.registrationOptions(ada);
  await passkeys.register(actor, ada.id, createSoftAuthenticator().create(second, { userVerified: false }));
});

// Attack: bob registers a credential of ada's, so that her device signs in as him.
test('a credential belongs to one person', async () => {
  const { passkeys, enrol } = await kit();
  const device = await enrol();
  const taken = device.create(await passkeys.registrationOptions(bob));
  await assert.rejects(passkeys.register(actor, bob.id, taken), { code: 'MFA_PASSKEY_TAKEN' });
  assert.deepEqual(await passkeys.list(bob.id), []);
});

// Attack: what no browser sends: other types, other alphabets, deep CBOR that overruns the stack, megabytes.
test('an answer of any other shape is refused without an error of our own', async () => {
  const { passkeys, enrol, answer } = await kit();
  const device = await enrol();
  const options = await passkeys.registrationOptions(ada);
  const good = structuredClone(await answer(device));
  const made = createSoftAuthenticator().create(options);
  const deep = Buffer.alloc(40_000, 0x81).toString('base64url');
  const shapes: unknown[] = [
    ...[undefined, null, 7, '', [], {}],
    { ...good, id: `${device.credentialId}=` },
    { ...good, id: 'x'.repeat(100_000) },
    { ...good, rawId: createSoftAuthenticator().credentialId },
    { ...good, type: 'password' },
    { ...good, response: { ...Reflect.get(good, 'response'), clientDataJSON: deep.slice(0, 4_096) } },
    { ...good, response: { ...Reflect.get(good, 'response'), authenticatorData: 'AAAA' } },
  ];
  for (const shape of shapes) assert.equal(await passkeys.authenticate(shape), undefined);
  const hostile = [deep, 'AAAA', 'oA', Buffer.from('a0', 'hex').toString('base64url')].map((attestationObject) => ({
    ...made,
    response: { ...Reflect.get(made, 'response'), attestationObject },
  }));
  for (const response of [...shapes, ...hostile])
    await assert.rejects(passkeys.register(actor, ada.id, response), { code: 'MFA_PASSKEY_REFUSED' });
});

test('what a passkey is called is sealed, and gone with the key of its person', async () => {
  const { passkeys, storage, vault } = await kit();
  const made = createSoftAuthenticator().create(await passkeys.registrationOptions(ada));
  await passkeys.register(actor, ada.id, made, { label: "ada's phone" });
  await storage.write(platform, (tx) => vault.subjects.destroy(tx, ada.id));
  assert.deepEqual(
    (await passkeys.list(ada.id)).map(({ label }) => label),
    ['Passkey'],
  );
});

test('a passkey is removed by its owner alone, and signs in no more', async () => {
  const { passkeys, storage, enrol, answer, entries } = await kit();
  const device = await enrol();
  const [{ id = '' } = {}] = await passkeys.list(ada.id);
  const remove = (person: typeof ada.id) => storage.write(platform, (tx) => passkeys.remove(tx, actor, person, id));
  assert.deepEqual([await remove(bob.id), await remove(ada.id), await remove(ada.id)], [false, true, false]);
  assert.equal(await passkeys.authenticate(await answer(device)), undefined);
  const actions = entries.map(({ action }) => action).filter((action) => action !== 'session.refused');
  assert.deepEqual(actions, ['mfa.factor_added', 'mfa.factor_removed']);
});

test('the write that adds a passkey can answer with backup codes, and fails with them', async () => {
  const asked: string[] = [];
  const { passkeys } = await kit({
    onAdded: async (_tx: unknown, _actor: unknown, person: string) => {
      asked.push(person);
      if (asked.length === 2) throw new Error('no codes');
      return ['one'];
    },
  });
  const register = async () =>
    passkeys.register(actor, ada.id, createSoftAuthenticator().create(await passkeys.registrationOptions(ada)));
  assert.deepEqual((await register()).backupCodes, ['one']);
  await assert.rejects(register(), { message: 'no codes' });
  assert.equal((await passkeys.list(ada.id)).length, 1);
});

test('where the address can have no passkeys they are not offered', async () => {
  const { passkeys } = await kit({ party: undefined });
  assert.equal(passkeys.isOffered, false);
  await assert.rejects(passkeys.registrationOptions(ada), { code: 'MFA_PASSKEYS_OFF' });
  await assert.rejects(passkeys.authenticationOptions(), { code: 'MFA_PASSKEYS_OFF' });
  assert.equal(await passkeys.authenticate(createSoftAuthenticator().get({ challenge: 'AAAA' })), undefined);
});

test('who we are follows from the issuer, and can be told', () => {
  const party = (issuer: string, wish = {}) => relyingPartyOf(issuer, 'Twin', wish);
  assert.deepEqual(party('https://twin.example'), { ...PARTY });
  assert.deepEqual(party('http://127.0.0.1:8080')?.origins, ['http://localhost:8080']);
  assert.deepEqual(party('https://id.twin.example:8443', { rpId: 'twin.example' })?.origins, [
    'https://id.twin.example:8443',
  ]);
  assert.equal(party('https://203.0.113.7'), undefined);
  assert.equal(party('twinkeep'), undefined);
  const named = party('twinkeep', { rpId: 'twin.example', origins: ['https://app.twin.example'] });
  assert.deepEqual(named?.origins, ['https://app.twin.example']);
  for (const origin of [
    'http://twin.example',
    'https://evil.example',
    'https://twin.example/',
    'https://eviltwin.example',
  ])
    assert.throws(() => party('https://twin.example', { origins: [origin] }), TypeError);
  assert.equal(party('http://twin.example'), undefined);
  const framed = party(
    'https://twin.example',
    mfaConfig.parse({ passkeys: { topOrigins: ['https://hub.example'] } }).passkeys,
  );
  assert.deepEqual(framed?.topOrigins, ['https://hub.example']);
  assert.equal(mfaConfig.safeParse({ passkeys: { topOrigins: ['*'] } }).success, false);
  assert.throws(() => party('twinkeep', { rpId: 'twin.example' }), TypeError);
});

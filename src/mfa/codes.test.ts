import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256 } from '../crypto/index.ts';
import { deliveryFault } from '../delivery/index.ts';
import { personId } from '../kernel/brand.ts';
import { days, hours, minutes } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import { platform } from '../kernel/tx.ts';
import { statement } from '../storage/index.ts';
import { actor, ada, bob, createMfaKit, fault, from } from './mfa-kit.contract.ts';
import { prefixOf } from './phone.ts';

const ADAS = '+4930123456';

test('a code by SMS is bound to our host, and answers within ten minutes, once', async () => {
  const { mfa, sent, lastCode, clock } = await createMfaKit();
  const begun = await mfa.beginCode(actor, ada.id, { method: 'sms', to: ADAS }, from);
  assert.equal(begun.hint, '+49…56');
  const code = lastCode();
  const sms = sent.find(({ kind }) => kind === 'sms');
  assert.deepEqual([sms?.to, sms?.text.split('\n').at(-1)], [ADAS, `@twin.example #${code}`]);
  assert.equal((await mfa.confirm(actor, ada.id, begun.factorId, code)).backupCodes?.length, 10);
  assert.equal(await mfa.verify(actor, ada.id, { code }), undefined, 'it confirmed the factor already');
  assert.deepEqual(await mfa.sendCode(actor, ada.id, begun.factorId, from), { hint: '+49…56', expiresInS: 600 });
  clock.advance(minutes(10));
  assert.equal(await mfa.verify(actor, ada.id, { code: lastCode() }), undefined);
});

test('of two codes of a factor the newer alone is good, and five wrong ones end it', async () => {
  const { mfa, lastCode } = await createMfaKit();
  const { factorId } = await mfa.beginCode(actor, ada.id, { method: 'email', to: 'ada@b.example' }, from);
  const first = lastCode();
  await mfa.sendCode(actor, ada.id, factorId, from);
  assert.notEqual(first, lastCode()); // a chance of one in a million to fail
  await assert.rejects(mfa.confirm(actor, ada.id, factorId, first), fault('MFA_CODE_WRONG'));
  for (let at = 0; at < 4; at++)
    await assert.rejects(mfa.confirm(actor, ada.id, factorId, '1'), fault('MFA_CODE_WRONG'));
  await assert.rejects(mfa.confirm(actor, ada.id, factorId, lastCode()), fault('MFA_CODE_WRONG'));
  assert.equal(await mfa.isEnrolled(ada.id), false);
});

// Attack: wrong codes for the app end the code that is on its way by mail.
test('a wrong answer counts against what it was meant for', async () => {
  const { mfa, lastCode } = await createMfaKit();
  const { factorId } = await mfa.beginCode(actor, ada.id, { method: 'email', to: 'ada@b.example' }, from);
  await mfa.confirm(actor, ada.id, factorId, lastCode());
  await mfa.sendCode(actor, ada.id, factorId, from);
  for (let at = 0; at < 6; at++) await mfa.verify(actor, ada.id, { method: 'totp', code: '1' });
  assert.ok(await mfa.verify(actor, ada.id, { method: 'email', code: lastCode() }));
});

// Attack: SMS are asked for to numbers that somebody earns by.
test('numbers of other countries, dear ones, and what is no number are refused', () => {
  const allowed = ['49', '1', '7', '1876'];
  for (const bad of ['+4390012345', '+491375555555', '+4990012345678', '+19005551234', '+18095551234', '+12425551234'])
    assert.throws(() => prefixOf(bad, allowed), fault('MFA_NUMBER_REFUSED'), bad);
  for (const bad of ['', '4930123456', '+0930123456', '+49 30 123456', '+49', `+49${'1'.repeat(14)}`, `${ADAS}\n`])
    assert.throws(() => prefixOf(bad, allowed), fault('MFA_NUMBER_REFUSED'), JSON.stringify(bad));
  assert.throws(() => prefixOf(ADAS, []), fault('MFA_NUMBER_REFUSED'));
  assert.equal(prefixOf(ADAS, allowed), '493012');
  assert.equal(prefixOf('+18765551234', allowed), '18765551');
  assert.equal(prefixOf('+12125551234', allowed), '12125');
});

/** Asks for codes until one is refused. @returns how many were sent, and the refusal */
async function spend(ask: (at: number) => Promise<unknown>, most = 200) {
  for (let at = 0; at < most; at++) {
    try {
      await ask(at);
    } catch (error) {
      return { sent: at, error };
    }
  }
  return { sent: most, error: undefined };
}

// Attack: toll fraud: many accounts, many numbers of one range, many addresses.
test('codes to unconfirmed numbers are counted by number, by range, by person, by address and by day', async () => {
  const limits = { sms: { countries: ['49'], perNumber: 5, perPrefix: 13, perDay: 30 }, perPerson: 3, perAddress: 4 };
  const ask = async (of: (at: number) => { person?: string; to?: string; block?: string }) => {
    const { mfa } = await createMfaKit(undefined, limits);
    return spend((at) => {
      const one = of(at);
      const to = one.to ?? `+49${String(3_000 + at)}12345`;
      const id = personId(one.person ?? `p${at}`);
      return mfa.beginCode(actor, id, { method: 'sms', to }, { addressBlock: one.block ?? `192.0.2.${at}` });
    });
  };
  const spent = [
    await ask(() => ({ to: ADAS })),
    await ask((at) => ({ to: `+493012${1_000 + at}` })),
    await ask(() => ({ person: 'ada' })),
    await ask(() => ({ block: '192.0.2.7' })),
    await ask(() => ({})),
  ];
  assert.deepEqual(
    spent.map(({ sent }) => sent),
    [2, 5, 3, 4, 12],
  );
  for (const { error } of spent) {
    assert.ok(fault('MFA_BUDGET_SPENT')(error) && isFault(error));
    assert.deepEqual(Object.keys(error.facts), ['retry_after_s']);
  }
});

// Attack: a member names somebody else's number again and again, so that its owner gets no code at sign-in.
test('who merely names a number takes no codes away from whoever has confirmed it', async () => {
  const { mfa, lastCode } = await createMfaKit(undefined, { perAddress: 1_000 });
  const { factorId } = await mfa.beginCode(actor, ada.id, { method: 'sms', to: ADAS }, from);
  await mfa.confirm(actor, ada.id, factorId, lastCode());
  for (const at of [1, 2, 3]) {
    const { error } = await spend((each) =>
      mfa.beginCode(actor, personId(`s${at}-${each}`), { method: 'sms', to: ADAS }, from),
    );
    assert.ok(fault('MFA_BUDGET_SPENT')(error));
  }
  for (let each = 0; each < 3; each++) await mfa.sendCode(actor, ada.id, factorId, from);
});

// Attack: dear ranges behind a calling code that is allowed.
test('what lies apart behind +44 and +7, and dear ranges of both, are refused', () => {
  const allowed = ['44', '7', '49', '77'];
  for (const bad of [
    '+447012345678',
    '+447612345678',
    '+4970012345678',
    '+441534123456',
    '+447624123456',
    '+76001234567',
  ])
    assert.throws(() => prefixOf(bad, allowed), fault('MFA_NUMBER_REFUSED'), bad);
  assert.equal(prefixOf('+447712345678', allowed), '447712');
  assert.equal(prefixOf('+77012345678', allowed), '770123');
  assert.equal(prefixOf('+79161234567', allowed), '79161');
  assert.equal(prefixOf('+441534123456', ['441534']), '4415341234');
});

test('what could not be sent is not counted, and leaves nothing', async () => {
  let isFull = true;
  const { mfa, clock, actions } = await createMfaKit(
    undefined,
    { email: { perMailbox: 1 } },
    {
      delivery: {
        enqueue: async () => {
          if (isFull) throw deliveryFault('DELIVERY_BACKLOG_FULL');
          return 'message';
        },
        publish: async () => undefined,
      },
    },
  );
  const ask = () => mfa.beginCode(actor, ada.id, { method: 'email', to: 'ada@b.example' }, from);
  for (let at = 0; at < 3; at++) await assert.rejects(ask(), fault('DELIVERY_BACKLOG_FULL'));
  assert.deepEqual([await mfa.list(ada.id), actions()], [[], []]);
  isFull = false;
  await ask();
  await assert.rejects(ask(), fault('MFA_BUDGET_SPENT'));
  clock.advance(hours(2));
  await ask();
});

test('a channel that is off says so, and a factor of it is asked for all the same', async () => {
  const channels = { sms: true, email: true };
  const { mfa, lastCode } = await createMfaKit(undefined, {}, { channels });
  const wish = { method: 'sms', to: ADAS } as const;
  const { factorId } = await mfa.beginCode(actor, ada.id, wish, from);
  await mfa.confirm(actor, ada.id, factorId, lastCode());
  channels.sms = false;
  await assert.rejects(mfa.beginCode(actor, bob.id, wish, from), fault('MFA_CHANNEL_OFF'));
  await assert.rejects(mfa.sendCode(actor, ada.id, factorId, from), fault('MFA_CHANNEL_OFF'));
  const methods = (await mfa.offered(ada.id)).map(({ method }) => method);
  assert.deepEqual(methods, ['sms', 'backup'], 'or a sign-in would pass without');
});

test('one number is set up once, five at most, and by each person for themselves', async () => {
  const { mfa, lastCode } = await createMfaKit(undefined, { perPerson: 100 });
  const add = async (to: string, person = ada) => {
    const { factorId } = await mfa.beginCode(actor, person.id, { method: 'email', to }, from);
    await mfa.confirm(actor, person.id, factorId, lastCode());
  };
  await add('a0@b.example');
  await assert.rejects(add('a0@b.example'), fault('MFA_TAKEN'));
  await add('a0@b.example', bob);
  for (let at = 1; at < 5; at++) await add(`a${at}@b.example`);
  await assert.rejects(add('a5@b.example'), fault('MFA_FACTORS_FULL'));
});

const stored = statement({
  reach: 'platform',
  sql: 'select details, code_digest from mfa_factor',
  returns: { details: 'text', code_digest: 'bytes?' },
});

// Attack: a copy of the database is searched for numbers and codes.
test('neither destination, label nor code is stored in the clear', async () => {
  const { mfa, storage, lastCode } = await createMfaKit();
  await mfa.beginCode(actor, ada.id, { method: 'sms', to: ADAS, label: 'my phone' }, from);
  const rows = await storage.read(platform, (tx) => tx.all(stored, {}));
  const [row] = rows;
  assert.match(row?.details ?? '', /^tks1\./);
  assert.notDeepEqual(Buffer.from(row?.code_digest ?? []), sha256(lastCode()));
  assert.equal(row?.code_digest?.length, 32);
});

test('what nobody confirmed is forgotten', async () => {
  const { mfa, storage, clock } = await createMfaKit();
  await mfa.beginTotp(actor, ada);
  clock.advance(days(1));
  await mfa.prune();
  assert.deepEqual(await storage.read(platform, (tx) => tx.all(stored, {})), []);
});

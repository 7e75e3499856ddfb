import assert from 'node:assert/strict';
import { test } from 'node:test';
import { auditMigrations, createAudit, memoryHead } from '../audit/index.ts';
import type { AuditEntry, AuditSink } from '../kernel/audit.ts';
import { personId } from '../kernel/brand.ts';
import { type Actor, anonymous } from '../kernel/principal.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { createTestClock, type TestClock } from '../testing/index.ts';
import { createMasterKey, openVault, singleMaster, type Vault, vaultMigrations } from '../vault/index.ts';
import { passkeyMigrations } from './migrations/passkey.ts';
import { createSoftAuthenticator, type SoftAuthenticator } from './passkey-authenticator.contract.ts';
import type { RelyingParty } from './passkey-party.ts';
import { createPasskeys, type PasskeyDeps, type Passkeys } from './passkeys.ts';

export const PARTY: RelyingParty = { id: 'twin.example', name: 'Twin', origins: ['https://twin.example'] };
export const ada = { id: personId('ada'), username: 'ada.lovelace' };
export const bob = { id: personId('bob'), username: 'bob' };
export const actor: Actor = { principal: anonymous };

/** The passkeys of a database, seen from two processes. */
export interface PasskeysKit {
  readonly clock: TestClock;
  readonly storage: Storage;
  readonly vault: Vault;
  readonly passkeys: Passkeys;
  readonly elsewhere: Passkeys;
  readonly entries: AuditEntry[];
  /** Registers a passkey of ada's. */
  enrol(device?: SoftAuthenticator, passwordless?: boolean): Promise<SoftAuthenticator>;
  /** What a device answers to options for ada, or for whoever it is. */
  answer(device: SoftAuthenticator, making?: object, person?: typeof ada.id): Promise<object>;
}

export async function createPasskeysKit(storage: Storage, more: Partial<PasskeyDeps> = {}): Promise<PasskeysKit> {
  await storage.migrate([...vaultMigrations, ...auditMigrations, ...passkeyMigrations]);
  const clock = createTestClock();
  const random = createSystemRandom();
  const masters = singleMaster(createMasterKey(random.bytes(32), random));
  const vault = await openVault({ storage, clock, random, masters });
  const onError = (error: unknown) => assert.fail(String(error));
  const log = await createAudit({ storage, vault, clock, random, holder: 'test', head: memoryHead(), onError });
  const entries: AuditEntry[] = [];
  const audit: AuditSink = {
    record: async (tx, entry) => {
      await log.record(tx, entry);
      tx.afterCommit(() => entries.push(entry));
    },
  };
  const deps: PasskeyDeps = { storage, vault, audit, clock, random, party: PARTY, ...more };
  const passkeys = createPasskeys(deps);
  const elsewhere = createPasskeys(deps);
  return {
    ...{ clock, storage, vault, passkeys, elsewhere, entries },
    enrol: async (device = createSoftAuthenticator(), passwordless = false) => {
      const options = await passkeys.registrationOptions(ada, { passwordless });
      await passkeys.register(actor, ada.id, device.create(options));
      return device;
    },
    answer: async (device, making = {}, person) => device.get(await passkeys.authenticationOptions(person), making),
  };
}

/** What holds on either database. */
export function passkeysContract(open: () => Promise<Storage>): void {
  // Attack: one answer is caught and sent from twenty places at once.
  test('of twenty answers to one challenge, over two processes, one passes', async () => {
    const storage = await open();
    const { passkeys, elsewhere, enrol, answer, entries } = await createPasskeysKit(storage);
    const given = await answer(await enrol());
    const asked = Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? passkeys : elsewhere).authenticate(given));
    const passed = (await Promise.all(asked)).filter((outcome) => outcome !== undefined);
    assert.deepEqual(
      passed.map(({ personId }) => personId),
      ['ada'],
    );
    const told = entries
      .filter(({ action }) => action.startsWith('mfa.'))
      .map(({ action, facts }) => facts?.['reason'] ?? action);
    assert.deepEqual(told.slice(0, 1), ['mfa.factor_added']);
    assert.deepEqual(told.slice(1).sort(), ['mfa.passed', ...Array(19).fill('replay')].sort());
    await storage.close();
  });

  // Attack: a cloned authenticator answers a fresh challenge with a counter that the true one has used up.
  test('a counter that does not go up is refused and recorded, also of two answers at once', async () => {
    const storage = await open();
    const { passkeys, enrol, answer, entries } = await createPasskeysKit(storage);
    const device = await enrol();
    assert.ok(await passkeys.authenticate(await answer(device, { counter: 7 })));
    const twice = [await answer(device, { counter: 8 }), await answer(device, { counter: 8 })];
    const outcomes = await Promise.all(twice.map((given) => passkeys.authenticate(given)));
    assert.equal(outcomes.filter((outcome) => outcome !== undefined).length, 1);
    for (const counter of [8, 7, 0])
      assert.equal(await passkeys.authenticate(await answer(device, { counter })), undefined);
    const refused = entries.filter(({ action }) => action === 'mfa.refused');
    assert.deepEqual(
      refused.map(({ facts }) => facts?.['reason']),
      Array(4).fill('counter'),
    );
    await storage.close();
  });

  // Attack: a person fills the table with passkeys, many at once.
  test('a person has at most twenty, also when more are registered at once', async () => {
    const storage = await open();
    const { passkeys } = await createPasskeysKit(storage);
    const made = await Promise.all(
      Array.from({ length: 23 }, async () => createSoftAuthenticator().create(await passkeys.registrationOptions(ada))),
    );
    const outcomes = await Promise.allSettled(made.map((response) => passkeys.register(actor, ada.id, response)));
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 20);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') assert.equal(outcome.reason.code, 'MFA_PASSKEY_LIMIT');
    assert.equal((await passkeys.list(ada.id)).length, 20);
    await assert.rejects(passkeys.registrationOptions(ada), { code: 'MFA_PASSKEY_LIMIT' });
    assert.equal(await storage.write(platform, (tx) => passkeys.removeAll(tx, ada.id)), 20);
    assert.equal(await passkeys.isEnrolled(ada.id), false);
    await storage.close();
  });
}

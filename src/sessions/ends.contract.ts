import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { tenantId } from '../kernel/brand.ts';
import { minutes } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import { platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { createTestClock, type TestClock } from '../testing/index.ts';
import type { Grant } from './session.ts';
import {
  actor,
  ada,
  bob,
  createSessionsKit,
  expectRefused,
  type KitSettings,
  type SessionsKit,
} from './sessions-kit.contract.ts';
import { endStore } from './store-ends.ts';

type Open = (clock: TestClock) => Promise<Storage>;

/** How many sessions there may be, and how many are ended at once, on any database. */
export function endsContract(name: string, open: Open): void {
  const start = async (more?: KitSettings): Promise<SessionsKit> => {
    const clock = createTestClock();
    return createSessionsKit(clock, await open(clock), more);
  };
  describe(name, () => {
    limitTests(start);
    describe('ended at once', () => {
      let kit: SessionsKit;
      before(async () => {
        kit = await start();
      });
      after(() => kit.storage.close());
      scopeTests(() => kit);
    });
  });
}

type Start = (more?: KitSettings) => Promise<SessionsKit>;

function limitTests(start: Start): void {
  // Attack: more sessions than are allowed, by twenty sign-ins at the same moment.
  test('of twenty sign-ins at once as many begin a session as are allowed', async () => {
    const kit = await start({ settings: { maxPerPerson: 3 } });
    try {
      const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => kit.start()));
      const refused = outcomes.filter(({ status }) => status === 'rejected');
      for (const one of refused)
        assert.ok(one.status === 'rejected' && isFault(one.reason, 'SESSION_LIMIT'), JSON.stringify(one));
      assert.equal(refused.length, 17);
      assert.equal((await kit.sessions.list(ada.personId)).length, 3);
      const told = kit.entries.filter(({ action }) => action === 'session.limit_reached');
      assert.deepEqual([told.length, told[0]?.outcome, told[0]?.facts], [17, 'refused', { most: 3, ended: 0 }]);
      await kit.start(undefined, bob);
    } finally {
      await kit.storage.close();
    }
  });

  test('where the oldest is to make room it ends, with its tokens', async () => {
    const kit = await start({ settings: { maxPerPerson: 2, whenFull: 'end-oldest' } });
    try {
      const grants: Grant[] = [];
      for (let i = 0; i < 3; i++) {
        kit.clock.advance(1_000);
        grants.push(await kit.start());
      }
      const [first, second, third] = grants;
      await expectRefused('SESSION_REVOKED', () => kit.native.verify(first?.accessToken ?? ''));
      for (const one of [second, third]) await kit.native.verify(one?.accessToken ?? '');
      const at = await Promise.allSettled(Array.from({ length: 20 }, () => kit.start()));
      assert.deepEqual(new Set(at.map(({ status }) => status)), new Set(['fulfilled']));
      assert.equal((await kit.sessions.list(ada.personId)).length, 2);
    } finally {
      await kit.storage.close();
    }
  });

  test('a session that ran out or was ended leaves its place', async () => {
    const kit = await start({ settings: { maxPerPerson: 1 } });
    try {
      const { sessionId } = await kit.start();
      await expectRefused('SESSION_LIMIT', () => kit.start());
      await kit.sessions.end(actor, ada.personId, sessionId, 'logout');
      await kit.start();
      await expectRefused('SESSION_LIMIT', () => kit.start());
      await kit.wait(minutes(60));
      await kit.start();
    } finally {
      await kit.storage.close();
    }
  });
}

function scopeTests(given: () => SessionsKit): void {
  const other = { ...bob, tenantId: tenantId('plant-2') };
  const refresh = (kit: SessionsKit, { refreshToken = '', deviceSecret }: Grant): Promise<Grant> =>
    kit.sessions.refresh(actor, refreshToken, deviceSecret);

  test('a person ends all their sessions but the one they are in', async () => {
    const kit = given();
    const [here, there, stranger] = [await kit.start(), await kit.start(), await kit.start(undefined, bob)];
    const scope = { kind: 'own', personId: ada.personId, except: here.sessionId } as const;
    assert.equal(await kit.sessions.endScope(actor, scope, 'logout everywhere'), 1);
    await expectRefused('SESSION_REVOKED', () => kit.native.verify(there.accessToken));
    await expectRefused('SESSION_REVOKED', () => refresh(kit, there));
    for (const one of [here, stranger]) await kit.native.verify(one.accessToken);
    await kit.wait(1);
    assert.equal(await kit.sessions.endScope(actor, { kind: 'user', personId: ada.personId }, 'x'), 1);
    await expectRefused('SESSION_REVOKED', () => kit.native.verify(here.accessToken));
    await kit.wait(1);
  });

  test('a tenant ends at once, and no other', async () => {
    const kit = given();
    const [ours, theirs] = [await kit.start(), await kit.start(undefined, other)];
    await kit.wait(1);
    const tenant = { kind: 'tenant', tenantId: ada.tenantId } as const;
    const ended = await kit.sessions.endScope({ ...actor, tenantId: ada.tenantId }, tenant, 'break-in');
    assert.ok(ended >= 1);
    await expectRefused('SESSION_REVOKED', () => kit.native.verify(ours.accessToken));
    await expectRefused('SESSION_REVOKED', () => refresh(kit, ours));
    await kit.native.verify(theirs.accessToken);
    await refresh(kit, theirs);
    assert.deepEqual(await kit.sessions.list(ada.personId), []);
    const [intended, done] = kit.entries.filter(({ action }) => action === 'session.all_ended').slice(-2);
    assert.deepEqual([intended?.outcome, done?.outcome], ['intended', 'done']);
    assert.deepEqual(done?.facts, { reason: 'break-in', scope: 'tenant', ended });
    await kit.wait(1);
    await kit.native.verify((await kit.start()).accessToken);
  });

  // Attack: the process is killed after the end of everybody was written and before any row was marked.
  test('what was ended at once is over before its rows are marked, and is marked later', async () => {
    const kit = given();
    const grant = await kit.start();
    await kit.wait(1);
    const cutoff = { kind: 'everyone', subject: '*', before: kit.clock.now(), reason: 'killed' };
    await kit.storage.write(platform, (tx) => endStore.cutOff(tx, cutoff));
    await kit.wait(minutes(20)); // longer than any revocation is kept
    assert.equal(await kit.sessions.proof(grant.sessionId), undefined);
    assert.deepEqual(await kit.sessions.list(ada.personId), []);
    await expectRefused('SESSION_REVOKED', () => refresh(kit, grant));
    await expectRefused('SESSION_NOT_FOUND', () => kit.sessions.end(actor, ada.personId, grant.sessionId, 'x'));
    await kit.sessions.prune();
    assert.deepEqual(await kit.storage.read(platform, endStore.unswept), []);
    await kit.start();
  });

  // Attack: a token is refreshed in the very moment in which everybody is put out.
  test('no refresh that races the end of everybody leaves a token that is good', async () => {
    const kit = given();
    const grants = await Promise.all(Array.from({ length: 10 }, () => kit.start()));
    await kit.wait(1);
    const [ended, ...raced] = await Promise.allSettled([
      kit.sessions.endScope(actor, { kind: 'everyone' }, 'break-in'),
      ...grants.map((grant) => refresh(kit, grant)),
    ]);
    assert.equal(ended.status, 'fulfilled');
    kit.clock.advance(5);
    for (const one of [...grants, ...raced.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))]) {
      await expectRefused('SESSION_REVOKED', () => kit.native.verify(one.accessToken));
      await assert.rejects(refresh(kit, one));
    }
  });
}

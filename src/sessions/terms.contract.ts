import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { days, hours, minutes, seconds } from '../kernel/clock.ts';
import { type Storage, statement } from '../storage/index.ts';
import { createTestClock, type TestClock } from '../testing/index.ts';
import type { Grant } from './session.ts';
import type { SessionsKit } from './sessions-kit.contract.ts';
import {
  actor,
  ada,
  bob,
  createSessionsKit,
  EMS_MS,
  emsTerms,
  expectRefused,
  ISSUER,
} from './sessions-kit.contract.ts';
import type { Terms } from './terms.ts';
import type { Tokens } from './tokens.ts';

const forgetProfile = statement({
  reach: 'platform',
  sql: 'update session set profile = null, idle_ms = null where id = :id',
  params: { id: 'text' },
});

/** How sessions of profiles are begun, listed, refreshed and ended, on any database. */
export function termsContract(name: string, open: (clock: TestClock) => Promise<Storage>): void {
  describe(name, () => {
    let kit: SessionsKit;
    let ems: Tokens;
    let campus: Terms;
    before(async () => {
      const clock = createTestClock();
      kit = await createSessionsKit(clock, await open(clock));
      ems = kit.shared();
      const tokens = kit.shared({ profile: 'campus', issuer: `${ISSUER}/campus`, accessMs: minutes(30) });
      campus = { profile: 'campus', tokens, absoluteMs: days(7), idleMs: days(7) };
    });
    after(() => kit.storage.close());

    listTests(() => ({ kit, ems, campus }));
    refreshTests(() => ({ kit, ems, campus }));
  });
}

type Given = () => { readonly kit: SessionsKit; readonly ems: Tokens; readonly campus: Terms };

function listTests(given: Given): void {
  test('a session without refresh has neither refresh token nor device secret, and lives as long as its token', async () => {
    const { kit, ems } = given();
    const grant = await kit.start(emsTerms(ems), bob);
    const startedAt = kit.clock.now();
    assert.deepEqual([grant.refreshToken, grant.deviceSecret, grant.expiresInS], [undefined, undefined, 86_400]);
    await kit.wait(EMS_MS - 1);
    await ems.verify(grant.accessToken);
    const [live, ...others] = await kit.sessions.list(bob.personId);
    assert.deepEqual(others, []);
    assert.deepEqual(live, {
      id: grant.sessionId,
      profile: 'ems',
      startedAt,
      lastUsedAt: startedAt,
      expiresAt: startedAt + EMS_MS,
      device: { userAgent: 'test/1', address: '192.0.2.7' },
      knownDeviceId: undefined,
      ...{ amr: ['pwd'], provedAt: startedAt, secondFactorAt: undefined },
    });
    await kit.wait(1);
    assert.deepEqual(await kit.sessions.list(bob.personId), []);
    await expectRefused('SESSION_EXPIRED', () => ems.verify(grant.accessToken));
  });

  test('the list names the profile of each session, and its own idle end', async () => {
    const { kit, ems, campus } = given();
    const startedAt = kit.clock.now();
    for (const terms of [emsTerms(ems), campus, undefined]) await kit.start(terms, bob);
    const ends = new Map(
      (await kit.sessions.list(bob.personId)).map((live) => [live.profile, live.expiresAt - startedAt]),
    );
    assert.deepEqual(
      ends,
      new Map(
        [...ends.keys()].map((profile) => [profile, { ems: EMS_MS, campus: days(7), twinkeep: hours(1) }[profile]]),
      ),
    );
    assert.equal(ends.size, 3);
    await kit.wait(hours(1));
    const profiles = (await kit.sessions.list(bob.personId)).map(({ profile }) => profile);
    assert.deepEqual(profiles.sort(), ['campus', 'ems'], 'the native one has gone idle');
  });

  test('whoever ends all sessions of a person ends those of every profile', async () => {
    const { kit, ems, campus } = given();
    const grants = [await kit.start(emsTerms(ems)), await kit.start(campus), await kit.start()];
    await kit.storage.write({ kind: 'platform' }, (tx) => kit.sessions.endAll(tx, actor, ada.personId, 'dismissed'));
    for (const [index, tokens] of [ems, campus.tokens, kit.native].entries()) {
      await expectRefused('SESSION_REVOKED', () => tokens.verify(grants[index]?.accessToken ?? ''));
    }
    assert.deepEqual(await kit.sessions.list(ada.personId), []);
    await kit.wait(1);
  });
}

function refreshTests(given: Given): void {
  const refresh = (kit: SessionsKit, grant: Grant, terms?: Terms): Promise<Grant> =>
    kit.sessions.refresh(actor, grant.refreshToken ?? '', grant.deviceSecret, terms);

  test('a profile refreshes its sessions under its own issuer and lives', async () => {
    const { kit, campus } = given();
    const first = await kit.start(campus);
    assert.equal(first.expiresInS, 1_800);
    await kit.wait(days(6)); // far past the native idle end
    const second = await refresh(kit, first, campus);
    assert.equal((await campus.tokens.verify(second.accessToken)).sessionId, first.sessionId);
    await expectRefused('SESSION_TOKEN_INVALID', () => kit.native.verify(second.accessToken));
    await kit.wait(days(1) - minutes(10));
    const last = await refresh(kit, { ...second, deviceSecret: first.deviceSecret }, campus);
    assert.equal(last.expiresInS, 600, 'no access token outlives its session');
    await kit.wait(minutes(10));
    await expectRefused('SESSION_EXPIRED', () => refresh(kit, last, campus));
  });

  // Attack: the refresh token of an old system is traded for an access token of the native API, or of another system.
  test('a refresh token of one profile is unknown in another, and still good in its own', async () => {
    const { kit, campus } = given();
    const other: Terms = {
      ...campus,
      profile: 'twins',
      tokens: kit.shared({ profile: 'twins', issuer: `${ISSUER}/twins` }),
    };
    const [ours, native] = [await kit.start(campus), await kit.start()];
    const before_ = kit.entries.length;
    await expectRefused('SESSION_UNKNOWN', () => refresh(kit, ours));
    await expectRefused('SESSION_UNKNOWN', () => refresh(kit, ours, other));
    await expectRefused('SESSION_UNKNOWN', () => refresh(kit, native, campus));
    assert.deepEqual(
      kit.entries.slice(before_).map(({ action, outcome, facts }) => [action, outcome, facts]),
      Array.from({ length: 3 }, () => ['session.refresh_refused', 'refused', { outcome: 'foreign-profile' }]),
    );
    await campus.tokens.verify((await refresh(kit, ours, campus)).accessToken);
    await kit.native.verify((await refresh(kit, native)).accessToken);
  });

  test('a profile without refresh tokens refreshes nothing', async () => {
    const { kit, ems } = given();
    const native = await kit.start();
    await expectRefused('SESSION_UNKNOWN', () => refresh(kit, native, emsTerms(ems)));
    await refresh(kit, native);
  });

  test('a profile that gives no refresh tokens any more takes none that it gave', async () => {
    const { kit, campus } = given();
    const grant = await kit.start(campus);
    await expectRefused('SESSION_UNKNOWN', () => refresh(kit, grant, { ...campus, refresh: false }));
  });

  test('a session from before there were profiles is one of the native API', async () => {
    const { kit, campus } = given();
    const grant = await kit.start();
    await kit.storage.write({ kind: 'platform' }, (tx) => tx.run(forgetProfile, { id: grant.sessionId }));
    const live = (await kit.sessions.list(ada.personId)).find(({ id }) => id === grant.sessionId);
    assert.deepEqual([live?.profile, live?.expiresAt], ['twinkeep', kit.clock.now() + hours(1)]);
    await expectRefused('SESSION_UNKNOWN', () => refresh(kit, grant, campus));
    await kit.native.verify((await refresh(kit, grant)).accessToken);
  });

  // Attack: an old system's sign-in is set up with the native issuer, and its 24-hour sessions open /v1.
  test('a profile that has no issuer of its own begins no session', async () => {
    const { kit, ems } = given();
    for (const terms of [
      { profile: 'ems', tokens: kit.native },
      { profile: 'twinkeep', tokens: ems },
    ]) {
      await assert.rejects(kit.start(terms), TypeError);
      await assert.rejects(kit.sessions.refresh(actor, '', undefined, terms), TypeError);
    }
  });

  test('a token is never promised for longer than it lives', async () => {
    const { kit, ems } = given();
    const long = await kit.start({ ...emsTerms(ems), absoluteMs: days(7) });
    assert.equal(long.expiresInS, 86_400);
    const listed = (await kit.sessions.list(ada.personId)).find(({ id }) => id === long.sessionId);
    assert.equal(listed?.expiresAt, kit.clock.now() + EMS_MS, 'nor does its session');
    for (const [accessMs, wanted] of [
      [seconds(90), 90],
      [hours(48), 86_400],
    ] as const) {
      const { expiresInS, accessToken, sessionId } = await kit.start({ ...emsTerms(ems), accessMs });
      assert.equal(expiresInS, wanted);
      const live = (await kit.sessions.list(ada.personId)).find(({ id }) => id === sessionId);
      assert.equal(live?.expiresAt, kit.clock.now() + wanted * 1_000);
      await ems.verify(accessToken);
    }
  });

  test('a person who may not sign in any more refreshes nothing, and the session is over', async () => {
    const { kit, campus } = given();
    const grant = await kit.start(campus);
    kit.barred.add(ada.personId);
    await expectRefused('SESSION_REVOKED', () => refresh(kit, grant, campus));
    assert.deepEqual(kit.entries.at(-1)?.facts, { outcome: 'barred' });
    kit.barred.clear();
    await expectRefused('SESSION_REVOKED', () => refresh(kit, grant, campus));
    await expectRefused('SESSION_REVOKED', () => campus.tokens.verify(grant.accessToken));
  });
}

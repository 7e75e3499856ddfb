import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { decodeJwt } from 'jose';
import { tenantId } from '../kernel/brand.ts';
import { days, hours, minutes } from '../kernel/clock.ts';
import { platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { createTestClock, type TestClock } from '../testing/index.ts';
import {
  actor,
  ada,
  bob,
  createSessionsKit,
  emsTerms,
  expectRefused,
  type SessionsKit,
} from './sessions-kit.contract.ts';

/** What a session says of how its person proved who they are, which devices are known, and what is noted, on any database. */
export function proofContract(name: string, open: (clock: TestClock) => Promise<Storage>): void {
  describe(name, () => {
    let kit: SessionsKit;
    before(async () => {
      const clock = createTestClock();
      kit = await createSessionsKit(clock, await open(clock));
    });
    after(() => kit.storage.close());

    proofTests(() => kit);
    deviceTests(() => kit);
    useTests(() => kit);
  });
}

type Given = () => SessionsKit;

function proofTests(given: Given): void {
  test('a token says how and when its session was proved, before and after a step-up', async () => {
    const kit = given();
    const first = await kit.start();
    const startedAt = kit.clock.now();
    const claims = decodeJwt(first.accessToken);
    assert.deepEqual(
      [claims['amr'], claims['acr'], claims['auth_time']],
      [['pwd'], 'urn:twinkeep:acr:password', startedAt / 1_000],
    );
    await kit.wait(minutes(5));
    await kit.storage.write(platform, (tx) =>
      kit.sessions.stepUp(tx, actor, first.sessionId, { amr: ['otp'], secondFactor: true }),
    );
    const at = kit.clock.now();
    assert.deepEqual(await kit.sessions.proof(first.sessionId), {
      ...{ provedAt: at, secondFactorAt: at, amr: ['pwd', 'otp', 'mfa'] },
    });
    assert.equal(kit.entries.at(-1)?.action, 'session.stepped_up');
    const second = await kit.sessions.grantFor(await kit.native.verify(first.accessToken));
    const stronger = decodeJwt(second.accessToken);
    assert.deepEqual(
      [stronger['amr'], stronger['acr'], stronger['auth_time'], stronger['sid']],
      [['pwd', 'otp', 'mfa'], 'urn:twinkeep:acr:mfa', at / 1_000, first.sessionId],
    );
    assert.equal(second.refreshToken, undefined);
    const refreshed = await kit.sessions.refresh(actor, first.refreshToken ?? '', first.deviceSecret);
    assert.deepEqual(decodeJwt(refreshed.accessToken)['amr'], ['pwd', 'otp', 'mfa'], 'a refresh keeps it');
  });

  test('a session that a remembered device stood in for is not proved until something was given', async () => {
    const kit = given();
    const { sessionId } = await kit.start(undefined, { ...ada, proved: false });
    assert.deepEqual(await kit.sessions.proof(sessionId), {
      ...{ provedAt: undefined, secondFactorAt: undefined, amr: ['pwd'] },
    });
    await kit.storage.write(platform, (tx) =>
      kit.sessions.stepUp(tx, actor, sessionId, { amr: ['pwd'], secondFactor: false }),
    );
    assert.equal((await kit.sessions.proof(sessionId))?.provedAt, kit.clock.now());
  });

  // Attack: a session that is over is stepped up, or asked for one token more.
  test('a session that has ended proves nothing and gives no token', async () => {
    const kit = given();
    const grant = await kit.start();
    const principal = await kit.native.verify(grant.accessToken);
    await kit.sessions.end(actor, ada.personId, grant.sessionId, 'logout');
    assert.equal(await kit.sessions.proof(grant.sessionId), undefined);
    await expectRefused('SESSION_REVOKED', () => kit.sessions.grantFor(principal));
    await expectRefused('SESSION_REVOKED', () =>
      kit.storage.write(platform, (tx) =>
        kit.sessions.stepUp(tx, actor, grant.sessionId, { amr: ['otp'], secondFactor: true }),
      ),
    );
  });

  // Attack: the token of an old system is traded for one of the native API.
  test('no profile gets a token for the session of another', async () => {
    const kit = given();
    const ems = kit.shared();
    const old = await kit.start(emsTerms(ems));
    const principal = await ems.verify(old.accessToken);
    await expectRefused('SESSION_REVOKED', () => kit.sessions.grantFor(principal));
    const more = await kit.sessions.grantFor(principal, emsTerms(ems));
    assert.equal((await ems.verify(more.accessToken)).sessionId, old.sessionId);
  });

  // Attack: an administrator of another tenant has seen the id of a token in some log.
  test('one token is called back by its id in its tenant alone, and the session goes on', async () => {
    const kit = given();
    const grant = await kit.start();
    const jti = String(decodeJwt(grant.accessToken)['jti']);
    await kit.native.verify(grant.accessToken);
    assert.equal(await kit.sessions.revokeToken(actor, tenantId('elsewhere'), jti), true, 'of nobody there');
    await kit.native.verify(grant.accessToken);
    assert.equal(await kit.sessions.revokeToken(actor, ada.tenantId, jti), true);
    await expectRefused('SESSION_REVOKED', () => kit.native.verify(grant.accessToken));
    const next = await kit.sessions.refresh(actor, grant.refreshToken ?? '', grant.deviceSecret);
    await kit.native.verify(next.accessToken);
    for (const other of ['', 'x', `${jti}\n`, jti.toUpperCase(), '00000000-0000-4000-8000-000000000000'])
      assert.equal(await kit.sessions.revokeToken(actor, ada.tenantId, other), false, other);
  });
}

function deviceTests(given: Given): void {
  const laptop = { userAgent: 'laptop/1', address: '192.0.2.7' };
  const keep = (kit: SessionsKit, person: typeof ada.personId, token?: string, rememberMs?: number) =>
    kit.storage.write(platform, (tx) =>
      kit.sessions.devices.keep(tx, actor, person, { token, rememberMs, device: laptop }),
    );

  test('a device is known by its secret to its person alone, also where several share it', async () => {
    const kit = given();
    const first = await keep(kit, ada.personId);
    const both = await keep(kit, bob.personId, first.token);
    assert.notEqual(both.id, first.id);
    const { devices } = kit.sessions;
    assert.equal((await devices.known(ada.personId, both.token))?.id, first.id, "ada's secret is still in the cookie");
    assert.equal((await devices.known(bob.personId, both.token))?.id, both.id);
    assert.equal(await devices.known(bob.personId, first.token), undefined);
    assert.equal((await keep(kit, ada.personId, both.token)).id, first.id, 'no second device for the same browser');
    for (const bad of [undefined, '', '.', 'x'.repeat(10_000), `${'A'.repeat(43)}.`, '\0', '..'.repeat(100)])
      assert.equal(await devices.known(ada.personId, bad), undefined);
  });

  // Attack: a secret that the attacker knows is planted in the victim's browser before they sign in there.
  test('a secret that was planted is never taken on', async () => {
    const kit = given();
    const planted = Buffer.alloc(32, 7).toString('base64url');
    const mallory = await keep(kit, bob.personId, undefined, days(30));
    for (const token of [planted, mallory.token]) {
      const kept = await keep(kit, ada.personId, token, days(30));
      assert.equal(await kit.sessions.devices.known(ada.personId, token), undefined);
      assert.ok((await kit.sessions.devices.known(ada.personId, kept.token))?.rememberedUntil);
    }
  });

  test('a device is remembered for its time, and no longer once everything of the person was ended', async () => {
    const kit = given();
    const { devices } = kit.sessions;
    const until = async (token: string) => (await devices.known(ada.personId, token))?.rememberedUntil;
    const kept = await keep(kit, ada.personId, undefined, days(1));
    assert.equal(await until(kept.token), kit.clock.now() + days(1));
    await kit.wait(days(1));
    assert.equal(await until(kept.token), undefined);
    for (const end of [
      () => kit.sessions.endScope(actor, { kind: 'own', personId: ada.personId }, 'logout'),
      () => kit.sessions.endScope(actor, { kind: 'everyone' }, 'theft'),
    ]) {
      await keep(kit, ada.personId, kept.token, days(1));
      assert.ok(await until(kept.token));
      await kit.wait(1);
      await end();
      assert.equal(await until(kept.token), undefined);
      assert.ok(await devices.known(ada.personId, kept.token), 'it stays known');
      await kit.wait(1);
    }
  });

  test("a person forgets their own device, and nobody else's", async () => {
    const kit = given();
    const { devices } = kit.sessions;
    const kept = await keep(kit, ada.personId);
    await expectRefused('SESSION_DEVICE_UNKNOWN', () => devices.forget(actor, bob.personId, kept.id));
    const grant = await kit.start(undefined, { ...ada, knownDeviceId: kept.id });
    const shown = { secret: grant.deviceSecret, known: kept.token };
    const { refreshToken = '' } = await kit.sessions.refresh(actor, grant.refreshToken ?? '', shown);
    await devices.forget(actor, ada.personId, kept.id);
    const another = { ...shown, secret: 'of a later sign-in' };
    await expectRefused('SESSION_DEVICE', () => kit.sessions.refresh(actor, refreshToken, another));
    await kit.sessions.refresh(actor, refreshToken, shown); // by its own secret it goes on
    assert.equal(await devices.known(ada.personId, kept.token), undefined);
    await kit.storage.write(platform, (tx) => devices.forgetAll(tx, ada.personId));
    assert.deepEqual(await devices.list(ada.personId), []);
  });

  test('a person has fifty devices at most, those seen last', async () => {
    const kit = given();
    for (let i = 0; i < 53; i++) {
      kit.clock.advance(1);
      await keep(kit, ada.personId);
    }
    const listed = await kit.sessions.devices.list(ada.personId);
    assert.equal(listed.length, 50);
    assert.deepEqual(listed[0]?.device, laptop);
    assert.equal(listed[0]?.lastSeenAt, kit.clock.now());
  });

  for (const keepsSecret of [false, true]) {
    const script = keepsSecret ? 'that refresh by their own device secret' : 'that never refresh';
    test(`fifty sign-ins without a cookie, ${script}, do not log the browser out that goes on by tk_known`, async () => {
      const kit = given();
      const begin = async () => {
        const { id, token } = await keep(kit, ada.personId);
        const { refreshToken = '', deviceSecret } = await kit.start(undefined, { ...ada, knownDeviceId: id });
        return { token, refreshToken, deviceSecret };
      };
      const browser = await begin();
      kit.clock.advance(1);
      const shown = { secret: browser.deviceSecret, known: browser.token };
      const bound = await kit.sessions.refresh(actor, browser.refreshToken, shown);
      for (let i = 0; i < 50; i++) {
        kit.clock.advance(1);
        const other = await begin();
        if (keepsSecret) await kit.sessions.refresh(actor, other.refreshToken, other.deviceSecret);
      }
      await keep(kit, bob.personId, browser.token); // whose sign-in has put his secret where ada's was
      const next = await kit.sessions.refresh(actor, bound.refreshToken ?? '', { secret: 'x', known: browser.token });
      assert.ok(next.refreshToken);
      assert.equal((await kit.sessions.devices.list(ada.personId)).length, 50);
    });
  }
}

function useTests(given: Given): void {
  test('a session that requests use does not go idle, and no request is a write', async () => {
    const kit = given();
    const [used, idle] = [await kit.start(undefined, bob), await kit.start(undefined, bob)];
    for (let i = 0; i < 4; i++) {
      await kit.wait(minutes(20));
      for (let n = 0; n < 1_000; n++) kit.sessions.used(used.sessionId);
      await kit.sessions.flushUse();
    }
    const listed = (await kit.sessions.list(bob.personId)).map(({ id }) => id);
    assert.deepEqual([listed.includes(used.sessionId), listed.includes(idle.sessionId)], [true, false]);
    await kit.sessions.refresh(actor, used.refreshToken ?? '', used.deviceSecret);
    await expectRefused('SESSION_EXPIRED', () =>
      kit.sessions.refresh(actor, idle.refreshToken ?? '', idle.deviceSecret),
    );
  });

  test('what has gone idle is not brought back by a late request', async () => {
    const kit = given();
    const grant = await kit.start(undefined, bob);
    await kit.wait(hours(1));
    kit.sessions.used(grant.sessionId);
    await kit.sessions.flushUse();
    await expectRefused('SESSION_EXPIRED', () =>
      kit.sessions.refresh(actor, grant.refreshToken ?? '', grant.deviceSecret),
    );
  });

  // Attack: a session that its owner left open is asked for tokens, or for a proof, after it went idle.
  test('a session that went idle gives no token, proves nothing and takes no step-up', async () => {
    const kit = given();
    const grant = await kit.start(undefined, bob);
    const principal = await kit.native.verify(grant.accessToken);
    await kit.wait(hours(1));
    assert.equal(await kit.sessions.proof(grant.sessionId), undefined);
    await expectRefused('SESSION_REVOKED', () => kit.sessions.grantFor(principal));
    const proved = { amr: ['otp'], secondFactor: true };
    await expectRefused('SESSION_REVOKED', () =>
      kit.storage.write(platform, (tx) => kit.sessions.stepUp(tx, actor, grant.sessionId, proved)),
    );
  });

  test('the numbers of a tenant are those of its own sessions', async () => {
    const kit = given();
    await kit.sessions.endScope(actor, { kind: 'everyone' }, 'from here');
    await kit.wait(hours(2));
    await kit.sessions.flushUse();
    for (const [terms, count] of [
      [undefined, 3],
      [emsTerms(kit.shared()), 2],
    ] as const)
      for (let i = 0; i < count; i++) await kit.start(terms);
    await kit.sessions.end(actor, ada.personId, (await kit.start()).sessionId, 'logout');
    await kit.sessions.flushUse();
    const found = await kit.sessions.analytics(ada.tenantId);
    assert.deepEqual(
      [found.live, found.active, found.byProfile, found.byDevice],
      [5, 5, { ems: 2, twinkeep: 3 }, { unknown: 5 }],
    );
    const now = found.hours.at(-1);
    assert.deepEqual([found.hours.length, now?.started, now?.ended, now?.refused], [25, 6, 1, 0]);
  });
}

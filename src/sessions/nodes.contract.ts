import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import { type EpochMs, epochMs } from '../kernel/brand.ts';
import { hours, minutes, seconds } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import { platform } from '../kernel/tx.ts';
import { createMemoryBus, type Storage } from '../storage/index.ts';
import { createTestClock, type TestClock } from '../testing/index.ts';
import { sessionConfig } from './config.ts';
import { createRevocationFeed } from './feed.ts';
import { createRevocations, type Revocations } from './revocations.ts';
import { revocationDigest } from './revocations-log.ts';
import type { Grant } from './session.ts';
import { createSessions, type Sessions } from './sessions.ts';
import { actor, ada, createSessionsKit, expectRefused, ISSUER, type SessionsKit } from './sessions-kit.contract.ts';
import { type NativeTokens, openTokens } from './tokens.ts';

interface Node {
  readonly revocations: Revocations;
  readonly tokens: NativeTokens;
  readonly sessions: Sessions;
}

interface NodeSettings {
  /** How far its clock is ahead of the kit's. */
  readonly aheadMs?: number;
  readonly accessMs?: number;
}

const DEVICE = { userAgent: 'test/1', address: '192.0.2.7' };

/** One more node on the kit's database: the others hear of it by that database alone. */
async function startNode(kit: SessionsKit, { aheadMs = 0, accessMs = minutes(15) }: NodeSettings): Promise<Node> {
  const { storage, random, vault, audit } = kit;
  const clock = { now: (): EpochMs => epochMs(kit.clock.now() + aheadMs) };
  const bus = { ...createMemoryBus(), canLose: true };
  const onError = (error: unknown) => assert.fail(String(error));
  const revocations = createRevocations({ storage, bus, clock, random, accessMs, onError });
  await revocations.start();
  const config = sessionConfig.parse({ accessMs, idleMs: hours(24), absoluteMs: hours(24) });
  const { rotateKeysEveryMs: rotateEveryMs } = config;
  const keyDeps = { storage, vault, audit, bus, clock, random, issuer: ISSUER, rotateEveryMs };
  const tokens = await openTokens({ ...keyDeps, revocations, accessMs });
  const sessions = createSessions({
    ...{ storage, audit, tokens, revocations, clock, random, config },
    ...{ subjects: vault.subjects, fields: vault.fields, usernameOf: async () => 'ada.lovelace' },
  });
  return { revocations, tokens, sessions };
}

/** Nodes on any database whose clocks or configurations are not the same. */
export function nodesContract(name: string, open: (clock: TestClock) => Promise<Storage>): void {
  describe(name, () => {
    let kit: SessionsKit;
    const started: Node[] = [];
    const node = async (settings: NodeSettings = {}): Promise<Node> => {
      const one = await startNode(kit, settings);
      started.push(one);
      return one;
    };
    before(async () => {
      const clock = createTestClock();
      kit = await createSessionsKit(clock, await open(clock));
    });
    after(async () => {
      for (const { revocations } of started) revocations.stop();
      await pause(50); // what was being read
      await kit.storage.close();
    });
    lifeTests(() => kit, node);
    cutoffTests(() => kit, node);
    feedTests(() => kit, node);
  });
}

type Start = (settings?: NodeSettings) => Promise<Node>;

const begin = ({ sessions }: Node): Promise<Grant> => sessions.start(actor, ada, DEVICE);

/** Lets time pass, at the end of which the nodes have read: a feed not heard of for so long lets nobody in. */
async function pass(kit: SessionsKit, ms: number): Promise<void> {
  kit.clock.advance(ms);
  await pause(700);
}

/** By a clock that jumps, a node has not heard of revocations for long: it takes tokens again once it has read them. */
async function verified(tokens: NativeTokens, token: string): Promise<void> {
  for (const until = performance.now() + 10_000; ; await pause(20)) {
    try {
      await tokens.verify(token);
      return;
    } catch (error) {
      if (!isFault(error, 'SESSION_FEED_STALE') || performance.now() > until) throw error;
    }
  }
}

async function refusedSoon(code: string, work: () => unknown): Promise<void> {
  const until = performance.now() + 5_000;
  for (;;) {
    try {
      return await expectRefused(code, work);
    } catch (error) {
      if (performance.now() > until) throw error;
      await pause(20);
    }
  }
}

function lifeTests(given: () => SessionsKit, start: Start): void {
  // Attack: the life of tokens is made shorter, and a stolen one of before outlives the memory of its revocation.
  test('a token of before its life was made shorter does not come back when its revocation is forgotten', async () => {
    const kit = given();
    const generous = await start({ accessMs: hours(12) });
    const { accessToken, sessionId } = await begin(generous);
    generous.revocations.stop();
    const strict = await start();
    await strict.tokens.verify(accessToken);
    await strict.sessions.end(actor, ada.personId, sessionId, 'logout');
    await expectRefused('SESSION_REVOKED', () => strict.tokens.verify(accessToken));
    kit.clock.advance(minutes(17));
    await strict.sessions.prune();
    const next = await start();
    await assert.rejects(async () => next.tokens.verify(accessToken));
    const long = await start({ accessMs: hours(12) });
    await expectRefused('SESSION_REVOKED', () => long.tokens.verify(accessToken));
  });

  // Attack: of two nodes the one with the shorter lives forgets what the other still has to refuse.
  test('a node keeps a revocation for as long as tokens of any other node live', async () => {
    const kit = given();
    const strict = await start();
    const generous = await start({ accessMs: hours(12) });
    const { accessToken, sessionId } = await begin(generous);
    await pause(1_200); // by now it was read
    await strict.sessions.end(actor, ada.personId, sessionId, 'logout');
    kit.clock.advance(hours(2));
    await strict.sessions.prune();
    const again = await start({ accessMs: hours(12) });
    await expectRefused('SESSION_REVOKED', () => again.tokens.verify(accessToken));
  });

  test('a token of a time when lives were longer ends when one of today would', async () => {
    const kit = given();
    const { accessToken } = await begin(await start({ accessMs: hours(12) }));
    kit.clock.advance(minutes(14));
    const strict = await start();
    await strict.tokens.verify(accessToken);
    await pass(kit, minutes(1));
    await expectRefused('SESSION_EXPIRED', () => strict.tokens.verify(accessToken));
  });
}

function cutoffTests(given: () => SessionsKit, start: Start): void {
  const ends = [{ kind: 'tenant', tenantId: ada.tenantId }, { kind: 'everyone' }] as const;

  // Attack: an answer is asked for again at a node whose clock is ahead, just before all sessions of the tenant end.
  test('what a repeated answer or a step-up gave at a node ahead ends with its tenant, or with everybody', async () => {
    const kit = given();
    const [here, ahead] = [await start(), await start({ aheadMs: 300 })];
    for (const scope of ends) {
      const grant = await begin(here);
      const { refreshToken = '', deviceSecret } = grant;
      kit.clock.advance(seconds(1));
      await here.sessions.refresh(actor, refreshToken, deviceSecret);
      await pass(kit, seconds(10));
      const repeated = await ahead.sessions.refresh(actor, refreshToken, deviceSecret);
      const principal = await here.tokens.verify(grant.accessToken);
      const stepped = await ahead.sessions.grantFor(principal);
      kit.clock.advance(100);
      await here.sessions.endScope(actor, scope, 'break-in');
      kit.clock.advance(seconds(2));
      for (const { accessToken } of [repeated, stepped, grant])
        for (const { tokens } of [here, ahead]) await refusedSoon('SESSION_REVOKED', () => tokens.verify(accessToken));
    }
  });

  // Attack: the server's clock is set back, and everybody is put out: but for whoever came before that.
  test('the end of all sessions ends those that were begun before the clock was set back, and lets nobody new wait', async () => {
    const kit = given();
    const here = await start();
    for (const scope of ends) {
      const grant = await begin(here);
      kit.clock.advance(-minutes(2));
      await here.sessions.endScope(actor, scope, 'break-in');
      await expectRefused('SESSION_REVOKED', () => here.tokens.verify(grant.accessToken));
      await assert.rejects(here.sessions.refresh(actor, grant.refreshToken ?? '', grant.deviceSecret));
      assert.equal(await here.sessions.proof(grant.sessionId), undefined);
      await assertGoesOn(here, await begin(here));
      kit.clock.advance(minutes(2));
    }
  });

  test('a sign-in after the clock was set back is none of those that were ended before', async () => {
    const kit = given();
    const here = await start();
    for (const scope of [...ends, { kind: 'user', personId: ada.personId } as const]) {
      await here.sessions.endScope(actor, scope, 'all');
      await assertGoesOn(here, await begin(here)); // in the same millisecond, too
      kit.clock.advance(-minutes(1));
      await assertGoesOn(here, await begin(here));
      kit.clock.advance(minutes(1));
    }
  });
}

async function assertGoesOn({ tokens, sessions }: Node, grant: Grant): Promise<void> {
  await verified(tokens, grant.accessToken);
  const next = await sessions.refresh(actor, grant.refreshToken ?? '', grant.deviceSecret);
  await verified(tokens, next.accessToken);
  assert.ok(await sessions.proof(grant.sessionId));
}

function feedTests(given: () => SessionsKit, start: Start): void {
  // Attack: a session ends at a node whose clock is far behind, where the bus is down: the others never read of it.
  test('what ends at a node whose clock is minutes off is refused at the others within five seconds', async () => {
    const kit = given();
    const here = await start();
    for (const aheadMs of [-minutes(5), minutes(5)]) {
      const off = await start({ aheadMs });
      const { accessToken, sessionId } = await begin(here);
      await here.tokens.verify(accessToken);
      await pause(700); // read at least once since
      await kit.storage.write(platform, (tx) => off.revocations.add(tx, 'session', sessionId));
      await refusedSoon('SESSION_REVOKED', () => here.tokens.verify(accessToken));
      off.revocations.stop();
    }
  });

  // Attack: a follower of the feed is sent on to another node, and what a node with a slow clock ended is left out.
  test('a follower that changes nodes is told what a node whose clock is minutes behind has ended', async () => {
    const kit = given();
    const [here, there] = [await start(), await start()];
    const { clock, random } = kit;
    const slow = await start({ aheadMs: -minutes(5) });
    const [feed, next] = [here, there].map(({ revocations, tokens: { keys } }) =>
      createRevocationFeed({ revocations, keys, clock, random, accessMs: () => hours(1) }),
    );
    await pause(700);
    const place = (await feed?.page(undefined, { most: 1_000 }))?.next;
    await kit.storage.write(platform, (tx) => slow.revocations.add(tx, 'session', 'ended there'));
    const digest = revocationDigest('session', 'ended there');
    const until = performance.now() + 3_000;
    let told = false;
    while (!told && performance.now() < until) {
      await pause(50);
      const { signed = '' } = (await next?.page(place, { most: 1_000 })) ?? {};
      told = JSON.stringify(decodeJwt(signed)['items']).includes(digest);
    }
    assert.ok(told);
  });
}

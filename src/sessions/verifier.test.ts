import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { hours, minutes } from '../kernel/clock.ts';
import { platform } from '../kernel/tx.ts';
import { type FeedServer, startFeedServer } from './feed-server.contract.ts';
import { tokenSubject } from './revocations-log.ts';
import { actor, ada, expectRefused } from './sessions-kit.contract.ts';
import { createTokenVerifier } from './verifier.ts';
import { FeedError } from './verifier-feed.ts';

async function serverFor(t: TestContext): Promise<FeedServer> {
  const server = await startFeedServer(({ revocations }) => revocations);
  t.after(server.close);
  return server;
}

/** Asks until the verifier says so, and tells how long that took. */
async function refusedWithin(ms: number, code: string, ask: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  while (performance.now() - begun < ms) {
    try {
      await ask();
    } catch {
      await expectRefused(code, ask);
      return performance.now() - begun;
    }
    await pause(5);
  }
  return assert.fail(`still good after ${ms} ms`);
}

const revoke = (
  { kit }: FeedServer,
  ...which: Parameters<typeof kit.revocations.add> extends [unknown, ...infer R] ? R : never
) => kit.storage.write(platform, (tx) => kit.revocations.add(tx, ...which));

test('a verifier elsewhere says who a native token stands for', async (t) => {
  const server = await serverFor(t);
  const { accessToken, sessionId } = await server.kit.start();
  const verifier = server.verifier();
  await verifier.ready();
  const caller = await verifier.verify(accessToken);
  assert.deepEqual(
    [caller.personId, caller.sessionId, caller.tenantId, caller.username],
    [ada.personId, sessionId, ada.tenantId, ada.username],
  );
  server.kit.clock.advance(minutes(15));
  await expectRefused('SESSION_EXPIRED', () => verifier.verify(accessToken));
});

// Attack: what was called back at Twinkeep is used at a back end that verifies by itself.
test('what ends at Twinkeep is refused elsewhere within a second: token, session, person, tenant, everyone', async (t) => {
  const server = await serverFor(t);
  const verifier = server.verifier();
  await verifier.ready();
  for (const kind of ['token', 'session', 'person', 'tenant', 'everyone'] as const) {
    const { accessToken } = await server.kit.start();
    const { tokenId, sessionId } = await verifier.verify(accessToken);
    const token = tokenSubject(ada.tenantId, tokenId);
    const subject = { token, session: sessionId, person: ada.personId, tenant: ada.tenantId, everyone: '*' };
    await revoke(server, kind, subject[kind]);
    const ms = await refusedWithin(1_000, 'SESSION_REVOKED', () => verifier.verify(accessToken));
    t.diagnostic(`${kind}: ${ms.toFixed(1)} ms`);
    await server.kit.wait(1); // what is issued from now on is good
  }
  await verifier.verify((await server.kit.start()).accessToken);
});

test('a token called back alone leaves its session, and what is refreshed of it, alive', async (t) => {
  const server = await serverFor(t);
  const { kit } = server;
  const first = await kit.start();
  const verifier = server.verifier();
  await verifier.ready();
  const { tokenId } = await verifier.verify(first.accessToken);
  await revoke(server, 'token', tokenSubject(ada.tenantId, tokenId));
  await refusedWithin(1_000, 'SESSION_REVOKED', () => verifier.verify(first.accessToken));
  const next = await kit.sessions.refresh(actor, first.refreshToken ?? '', undefined);
  assert.equal((await verifier.verify(next.accessToken)).sessionId, first.sessionId);
});

test('what was called back before a verifier came is in its snapshot', async (t) => {
  const server = await serverFor(t);
  const { accessToken, sessionId } = await server.kit.start();
  await revoke(server, 'session', sessionId);
  const verifier = server.verifier();
  await verifier.ready();
  await expectRefused('SESSION_REVOKED', () => verifier.verify(accessToken));
});

// Attack: the line to Twinkeep is cut, so that a stolen token goes on being good.
test('a verifier whose feed is cut refuses every token after its limit, and goes on when it is back', async (t) => {
  const server = await serverFor(t);
  const { accessToken } = await server.kit.start();
  const verifier = server.verifier({ maxBehindMs: 2_000 });
  await expectRefused('SESSION_FEED_STALE', () => verifier.verify(accessToken));
  await verifier.ready();
  await verifier.verify(accessToken);
  server.tamper = () => undefined;
  const ms = await refusedWithin(3_500, 'SESSION_FEED_STALE', () => verifier.verify(accessToken));
  assert.ok(ms > 500, 'not at the first lost answer');
  server.tamper = (_, text) => text;
  const until = performance.now() + 5_000;
  while (verifier.behindMs() > 2_000 && performance.now() < until) await pause(20);
  await verifier.verify(accessToken);
});

// Attack: somebody on the way answers with what the feed said before the session ended.
test('an answer of before, of another question or with a changed byte is not believed', async (t) => {
  const server = await serverFor(t);
  const { accessToken, sessionId } = await server.kit.start();
  const errors: unknown[] = [];
  const verifier = server.verifier({ maxBehindMs: 2_000, onError: (error) => errors.push(error) });
  await verifier.ready();
  const before = server.answers.filter((answer) => answer.includes('"revocations"')).at(-1) ?? '';
  const attacks: ((text: string) => string)[] = [
    () => before,
    (text) => text.replace('"revocations":"', '"revocations":"x'),
    (text) => changed(text, (claims) => ({ ...claims, items: [] })),
    (text) => changed(text, (claims) => ({ ...claims, whole_to: 0 })),
    () => '{"revocations":"","next":"x","more":false}',
    () => '[',
  ];
  await revoke(server, 'session', sessionId);
  let turn = 0;
  server.tamper = (path, text) => (path.startsWith('/v1/') ? (attacks[turn++ % attacks.length]?.(text) ?? '') : text);
  await pause(2_600);
  await expectRefused('SESSION_FEED_STALE', () => verifier.verify(accessToken));
  assert.ok(turn >= 2 && errors.length >= 2);
  assert.ok(errors.every((error) => error instanceof FeedError));
  server.tamper = (_, text) => text;
  const until = performance.now() + 5_000;
  while (verifier.behindMs() > 2_000 && performance.now() < until) await pause(20);
  await expectRefused('SESSION_REVOKED', () => verifier.verify(accessToken));
});

/** The same answer with other claims, under the same signature. */
function changed(text: string, change: (claims: object) => object): string {
  const { revocations, ...rest } = JSON.parse(text);
  const [head, claims, signature] = String(revocations).split('.');
  const read: object = JSON.parse(Buffer.from(claims ?? '', 'base64url').toString());
  const written = Buffer.from(JSON.stringify(change(read))).toString('base64url');
  return JSON.stringify({ ...rest, revocations: [head, written, signature].join('.') });
}

// Attack: the key that signs tokens was stolen, and replaced in an emergency.
test('after an emergency rotation a verifier refuses what the old key has signed', async (t) => {
  const server = await serverFor(t);
  const { accessToken } = await server.kit.start();
  const verifier = server.verifier();
  await verifier.ready();
  await verifier.verify(accessToken);
  await server.kit.native.keys.rotate(actor, { emergency: true });
  await refusedWithin(2_500, 'SESSION_REVOKED', () => verifier.verify(accessToken));
  const { accessToken: fresh } = await server.kit.start();
  const until = performance.now() + 5_000;
  while (
    performance.now() < until &&
    !(await verifier.verify(fresh).then(
      () => true,
      () => false,
    ))
  )
    await pause(20);
  await verifier.verify(fresh);
});

// Attack: the verifier's clock is set back, or its process stopped, so that old word looks new.
test('neither a clock that is set back nor a process that stood still makes old word young', async (t) => {
  const server = await serverFor(t);
  const { accessToken } = await server.kit.start();
  let tick = 0;
  const verifier = server.verifier({ monotonic: () => tick });
  await verifier.ready();
  await verifier.verify(accessToken);
  server.tamper = () => undefined;
  server.kit.clock.advance(-hours(1));
  tick = 5_001;
  assert.ok(verifier.behindMs() > 5_000);
  await expectRefused('SESSION_FEED_STALE', () => verifier.verify(accessToken));
});

test('options that are not safe are refused', () => {
  const issuer = 'https://twin.example';
  const apiKey = 'k';
  for (const options of [
    { issuer: 'http://twin.example', apiKey },
    { issuer, address: 'http://twin.example', apiKey },
    { issuer },
    { issuer, apiKey, authorization: () => 'Bearer x' },
    { issuer, apiKey, maxBehindMs: 0 },
    { issuer, apiKey, maxBehindMs: Number.NaN },
    { issuer, apiKey, maxBehindMs: minutes(2) },
  ]) {
    assert.throws(() => createTokenVerifier(options), TypeError);
  }
});

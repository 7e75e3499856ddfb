import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { epochMs } from '../kernel/brand.ts';
import { days, minutes, seconds } from '../kernel/clock.ts';
import type { Storage } from '../storage/index.ts';
import { actor, ada, createSessionsKit, expectRefused, ISSUER, type SessionsKit } from './sessions-kit.contract.ts';
import { type NativeTokens, openTokens } from './tokens.ts';

/** Another process on the same database, which hears nothing of the bus unless told. */
const secondProcess = (kit: SessionsKit): Promise<NativeTokens> => {
  const { storage, vault, audit, bus, clock, random, revocations, rotateEveryMs } = kit;
  const deaf = { ...bus, subscribe: () => () => undefined, onGap: () => () => undefined };
  const deps = { storage, vault, audit, bus: deaf, clock, random, issuer: ISSUER, rotateEveryMs };
  return openTokens({ ...deps, revocations, accessMs: minutes(15) });
};

const kidOf = (token: string): string =>
  String(JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid);

test('a new key is published before it signs, and what the old one signed is good until it runs out', async () => {
  const kit = await createSessionsKit();
  const { native } = kit;
  const before = (await kit.start()).accessToken;
  const made = await native.keys.rotate(actor, { emergency: false });

  assert.equal(made.state, 'published');
  assert.equal(native.jwks.keys.length, 2);
  const during = (await kit.start()).accessToken;
  assert.equal(kidOf(during), kidOf(before));

  await kit.wait(minutes(10));
  const after = (await kit.start()).accessToken;
  assert.equal(kidOf(after), made.kid);
  assert.deepEqual(
    native.keys.list().map(({ state }) => state),
    ['retiring', 'current'],
  );
  for (const token of [during, after]) assert.equal((await native.verify(token)).personId, ada.personId);

  await kit.wait(minutes(20));
  assert.equal(native.jwks.keys.length, 1);
  await expectRefused('SESSION_EXPIRED', () => native.verify(during));
});

test('a verifier with a key set fetched before the rotation takes every token that is signed while it may keep it', async () => {
  const kit = await createSessionsKit();
  const kept = createLocalJWKSet(JSON.parse(JSON.stringify(kit.native.jwks)));
  await kit.native.keys.rotate(actor, { emergency: false });
  await kit.wait(minutes(5) - 1);
  const token = (await kit.start()).accessToken;
  await jwtVerify(token, kept, { currentDate: new Date(kit.clock.now()) });
});

test('two processes that rotate at once make one key', async () => {
  const kit = await createSessionsKit();
  const other = await secondProcess(kit);
  const [one, two] = await Promise.all([
    kit.native.keys.rotate(actor, { emergency: false }),
    other.keys.rotate(actor, { emergency: false }),
  ]);
  assert.equal(one.kid, two.kid);
  assert.equal(kit.entries.filter(({ action }) => action === 'token_key.rotated').length, 1);
});

// Attack: somebody has got hold of the signing key and makes tokens for whomever they like.
test('in an emergency nothing is good any more that another key signed, also what was verified before', async () => {
  const kit = await createSessionsKit();
  const old = (await kit.start()).accessToken;
  await kit.native.verify(old);
  const made = await kit.native.keys.rotate(actor, { emergency: true });

  await expectRefused('SESSION_REVOKED', () => kit.native.verify(old));
  assert.deepEqual(
    kit.native.keys.list().map(({ kid }) => kid),
    [made.kid],
  );
  assert.equal(kidOf((await kit.start()).accessToken), made.kid);
});

test('a process that heard nothing of a new key looks for it when it meets it, and refuses old tokens after its next look', async () => {
  const kit = await createSessionsKit();
  const other = await secondProcess(kit);
  const old = (await kit.start()).accessToken;
  await other.verify(old);
  await kit.native.keys.rotate(actor, { emergency: true });
  const fresh = (await kit.start()).accessToken;

  assert.equal((await other.verify(fresh)).personId, ada.personId);
  await expectRefused('SESSION_REVOKED', () => other.verify(old));
});

test('a process whose clock is a little behind refuses old tokens once its own clock has come that far', async () => {
  const kit = await createSessionsKit();
  let behindMs = 20;
  const clock = { now: () => epochMs(kit.clock.now() - behindMs) };
  const other = await secondProcess({ ...kit, clock: { ...kit.clock, ...clock } });
  const old = (await kit.start()).accessToken;
  await other.verify(old);
  await kit.native.keys.rotate(actor, { emergency: true });
  await other.keys.refresh();
  behindMs = 0;
  await expectRefused('SESSION_REVOKED', () => other.verify(old));
});

test('whoever meets a new key while it is being looked for waits for the same look', async () => {
  const kit = await createSessionsKit();
  const other = await secondProcess(kit);
  const made = await kit.native.keys.rotate(actor, { emergency: true });
  const found = await Promise.all(Array.from({ length: 5 }, () => other.keys.find(made.kid)));
  assert.ok(found.every((key) => key !== undefined));
});

// Attack: tokens that name keys nobody has, to make the server ask its database for each.
test('made-up key ids cost one look at the database a second', async () => {
  const kit = await createSessionsKit();
  let reads = 0;
  const read: Storage['read'] = (scope, work) => {
    reads++;
    return kit.storage.read(scope, work);
  };
  const storage = { ...kit.storage, read };
  const { keys } = await secondProcess({ ...kit, storage });
  reads = 0;
  for (let i = 0; i < 50; i++) assert.equal(await keys.find(`made-up-${i}`), undefined);
  assert.equal(reads, 1);
  kit.clock.advance(seconds(1));
  await keys.find('made-up');
  assert.equal(reads, 2);
});

test('a key is followed by the next when its time has come, and forgotten when its last token is dead', async () => {
  const kit = await createSessionsKit();
  const { keys } = kit.native;
  const first = keys.current().kid;
  await keys.upkeep();
  assert.equal(keys.list().length, 1);

  await kit.wait(days(90));
  await keys.upkeep();
  assert.deepEqual(
    keys.list().map(({ state }) => state),
    ['current', 'published'],
  );
  await keys.upkeep();
  assert.equal(keys.list().length, 2);

  await kit.wait(days(2));
  await keys.upkeep();
  assert.equal(keys.list().length, 1);
  assert.notEqual(keys.current().kid, first);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { epochMs, sessionId } from '../kernel/brand.ts';
import { minutes } from '../kernel/clock.ts';
import { platform } from '../kernel/tx.ts';
import { createTestClock } from '../testing/index.ts';
import { tokenSubject } from './revocations-log.ts';
import { ada, createSessionsKit, expectRefused } from './sessions-kit.contract.ts';
import { createVerifiedCache } from './verified-cache.ts';

const { personId, realmId, tenantId, username } = ada;

async function verifier(fresh: () => boolean = () => true) {
  const clock = createTestClock();
  const { revocations, storage } = await createSessionsKit(clock);
  const reads: string[] = [];
  const verify = createVerifiedCache({
    clock,
    revocations: { ...revocations, fresh },
    read: async (token) => {
      reads.push(token);
      const at = clock.now();
      const ids = { personId, realmId, tenantId, sessionId: sessionId('s') };
      const principal = { kind: 'person', ...ids, username, authenticatedAt: at } as const;
      return { principal, issuedAt: at, tokenId: `jti of ${token}`, expiresAt: epochMs(at + minutes(15)) };
    },
  });
  const revoke = (jti: string) =>
    storage.write(platform, (tx) => revocations.add(tx, 'token', tokenSubject(tenantId, jti)));
  return { clock, verify, reads, revoke };
}

test('a token is read once, and its expiry asked at each use', async () => {
  const { clock, verify, reads } = await verifier();
  await verify('a');
  clock.advance(minutes(15) - 1);
  assert.equal((await verify('a')).personId, personId);
  clock.advance(1);
  await expectRefused('SESSION_EXPIRED', () => verify('a'));
  assert.deepEqual(reads, ['a']);
});

// Attack: the node is cut off from the others, so that it can't hear that a token was called back.
test('without word of revocations no token is good, seen or not', async () => {
  let heard = true;
  const { verify } = await verifier(() => heard);
  await verify('seen');
  heard = false;
  for (const token of ['seen', 'unseen']) await expectRefused('SESSION_FEED_STALE', () => verify(token));
  heard = true;
  await verify('seen');
});

// Attack: one client presents ever new tokens until the memory is full.
test('no more than 10,000 tokens are kept, the newest', async () => {
  const { verify, reads } = await verifier();
  for (let i = 0; i < 10_000; i++) await verify(`token ${i}`);
  assert.equal(verify('token 0') instanceof Promise, false);
  await verify('one too many');
  assert.equal(verify('token 1') instanceof Promise, false);
  assert.ok(verify('token 0') instanceof Promise);
  assert.equal(reads.length, 10_002);
});

// Attack: a token is made to stand at the place of somebody else's good one, to be taken for it.
test('a token that ends as a good one does is another token', async () => {
  const { verify, reads } = await verifier();
  const ending = 'the same ending of a signature';
  await verify(`one ${ending}`);
  assert.ok(verify(`two ${ending}`) instanceof Promise);
  await verify(`two ${ending}`);
  for (const name of ['one', 'two', 'one']) assert.equal(verify(`${name} ${ending}`) instanceof Promise, false);
  assert.deepEqual(new Set(reads), new Set([`one ${ending}`, `two ${ending}`]));
});

// Attack: a token was called back alone, after it was verified and is in the cache.
test('a token that was called back is refused from the cache too, and its neighbour is not', async () => {
  const { verify, revoke } = await verifier();
  await verify('a');
  await verify('b');
  await revoke('jti of a');
  await expectRefused('SESSION_REVOKED', () => verify('a'));
  await verify('b');
});

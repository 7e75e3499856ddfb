import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { realmId, tenantId } from '../kernel/brand.ts';
import { hours, minutes, seconds } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import { anonymous } from '../kernel/principal.ts';
import { createKit, type Kit } from '../testing/index.ts';
import type { Grant } from './session.ts';

const GRACE_MS = seconds(30);
const BARE_GRACE_MS = seconds(10);
const IDLE_MS = hours(1);
const ABSOLUTE_MS = hours(12);

type Party = 'owner' | 'thief';

/** What happens to one session, in any order. */
type Step =
  | { readonly kind: 'refresh' | 'lose'; readonly by: Party } // `lose`: the answer never arrives, the client asks again
  | { readonly kind: 'race' } // two tabs of the owner at once
  | { readonly kind: 'steal' } // the thief copies what the owner holds now; the device secret is out of his reach
  | { readonly kind: 'wait'; readonly ms: number };

const by = fc.constantFrom<Party>('owner', 'owner', 'thief');
const waits = [0, 1, seconds(9), BARE_GRACE_MS, seconds(11), GRACE_MS, GRACE_MS + 1, minutes(14), IDLE_MS - 1, IDLE_MS];
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('refresh' as const), by }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('lose' as const), by }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'race' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'steal' as const }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(...waits) }) },
);

let kit: Kit;
before(async () => {
  kit = await createKit();
});
after(() => kit.close());

interface Rotated {
  readonly by: Party;
  readonly at: number;
  readonly successor: string;
}

/** One session as an observer sees it: what was asked and answered, nothing of how it is stored. */
interface Story {
  readonly device: string | undefined;
  readonly startedAt: number;
  readonly held: Record<Party, string | undefined>;
  readonly rotations: Map<string, Rotated>;
  readonly accessTokens: string[];
  lastRotationAt: number;
  proved: boolean;
  thiefTried: boolean;
  ended: boolean;
}

async function begin(keepsCookie: boolean): Promise<Story> {
  const { identity, sessions } = kit.twinkeep.house;
  const person = await identity.find(realmId('main'), 'admin');
  assert.ok(person);
  const subject = {
    confirm: async () => undefined,
    personId: person.id,
    username: 'admin',
    realmId: person.realmId,
    tenantId: tenantId('main'),
    amr: ['pwd'],
    proved: true,
  };
  const grant = await sessions.start({ principal: anonymous }, subject, { userAgent: '', address: '' });
  const now = kit.clock.now();
  return {
    device: keepsCookie ? grant.deviceSecret : undefined,
    startedAt: now,
    held: { owner: grant.refreshToken, thief: undefined },
    rotations: new Map(),
    accessTokens: [grant.accessToken],
    lastRotationAt: now,
    proved: false,
    thiefTried: false,
    ended: false,
  };
}

type Answer = { readonly kind: 'granted'; readonly grant: Grant } | { readonly kind: 'refused'; readonly code: string };

async function present(token: string, device: string | undefined): Promise<Answer> {
  try {
    const grant = await kit.twinkeep.house.sessions.refresh({ principal: anonymous }, token, device);
    return { kind: 'granted', grant };
  } catch (error) {
    if (!isFault(error) || error.kind !== 'unauthenticated') throw error;
    return { kind: 'refused', code: error.code };
  }
}

async function refresh(story: Story, party: Party, arrives: boolean): Promise<void> {
  const token = story.held[party];
  if (token === undefined) return;
  const answer = await present(token, party === 'owner' ? story.device : undefined);
  await judge(story, party, token, answer);
  if (party === 'thief') story.thiefTried = true;
  if (answer.kind === 'granted' && arrives) story.held[party] = answer.grant.refreshToken;
}

/** Holds one answer to the promises of ARCHITECTURE 5.6. */
async function judge(story: Story, party: Party, token: string, answer: Answer): Promise<void> {
  const now = kit.clock.now();
  const earlier = story.rotations.get(token);
  const expired = now - story.lastRotationAt >= IDLE_MS || now - story.startedAt >= ABSOLUTE_MS;
  const next = earlier && story.rotations.get(earlier.successor);
  const past = next !== undefined && next.by !== party; // the other one went on from what both held

  if (story.ended) assert.equal(answer.kind, 'refused', 'a family that was ended stays ended');
  if (expired) assert.equal(answer.kind, 'refused', 'a session that has run out gives nothing');
  if (party === 'thief' && story.proved)
    assert.equal(answer.kind, 'refused', 'without the device a token is worth nothing');
  if (past) assert.equal(answer.kind, 'refused', 'a theft is caught once the other party went past the fork');

  if (answer.kind === 'granted') return noteGrant(story, party, token, answer.grant, earlier);
  if (mustBeGranted(story, party, earlier, now, expired)) assert.fail(`an honest client was refused: ${answer.code}`);
  if (past && !expired && !story.ended) assert.equal(answer.code, 'SESSION_REVOKED');
  if (answer.code === 'SESSION_REVOKED') await end(story);
}

function noteGrant(story: Story, party: Party, token: string, grant: Grant, earlier: Rotated | undefined): void {
  story.accessTokens.push(grant.accessToken);
  if (earlier !== undefined) {
    assert.equal(grant.refreshToken, earlier.successor, 'one token has one successor, whoever asks and how often');
    return;
  }
  const at = kit.clock.now();
  story.rotations.set(token, { by: party, at, successor: grant.refreshToken ?? '' });
  story.lastRotationAt = at;
  if (party === 'owner' && story.device !== undefined) story.proved = true;
}

/** Nobody but the owner has asked: then only time may log out, or an answer asked for again too late. */
function mustBeGranted(
  story: Story,
  party: Party,
  earlier: Rotated | undefined,
  now: number,
  expired: boolean,
): boolean {
  if (party === 'thief' || expired || story.ended) return false;
  if (earlier === undefined) return story.proved || !story.thiefTried;
  if (story.thiefTried) return false;
  const graceMs = story.device === undefined ? BARE_GRACE_MS : GRACE_MS;
  return now - earlier.at <= graceMs && !story.rotations.has(earlier.successor);
}

/** With the family all that came of it is dead at once: refresh tokens and access tokens, whoever holds them. */
async function end(story: Story): Promise<void> {
  if (story.ended) return;
  story.ended = true;
  for (const token of story.accessTokens) {
    await assert.rejects(async () => kit.twinkeep.house.tokens.verify(token), { kind: 'unauthenticated' });
  }
}

async function race(story: Story): Promise<void> {
  const token = story.held.owner ?? '';
  const isNew = !story.rotations.has(token);
  const answers = await Promise.all([present(token, story.device), present(token, story.device)]);
  for (const answer of answers) await judge(story, 'owner', token, answer);
  const [one, other] = answers;
  if (isNew) assert.equal(one?.kind, other?.kind, 'losing a race logs nobody out');
  if (one?.kind === 'granted') story.held.owner = one.grant.refreshToken;
}

async function play(story: Story, steps: readonly Step[]): Promise<void> {
  for (const each of steps) {
    if (each.kind === 'wait') kit.clock.advance(each.ms);
    else if (each.kind === 'steal') story.held.thief = story.held.owner;
    else if (each.kind === 'race') await race(story);
    else await refresh(story, each.by, each.kind === 'refresh');
  }
}

const stories = fc.array(step, { minLength: 4, maxLength: 30 });

// Attack: a thief copies refresh tokens at any moment, and uses them before, after and between the owner.
for (const keepsCookie of [true, false]) {
  const who = keepsCookie ? 'that keeps its cookie' : 'without cookies';
  test(`whatever happens, no client ${who} is logged out for nothing and no theft goes on unseen`, async () => {
    const seen = { granted: 0, ended: 0 };
    const story = fc.asyncProperty(stories, async (steps) => {
      const told = await begin(keepsCookie);
      await play(told, steps);
      seen.granted += told.rotations.size;
      seen.ended += told.ended ? 1 : 0;
    });
    await fc.assert(story, { numRuns: 250 });
    assert.ok(seen.granted > 250 && seen.ended > 25, 'the stories must be worth telling');
  });
}

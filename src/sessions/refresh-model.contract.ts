import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { type PersonId, personId } from '../kernel/brand.ts';
import { hours, minutes, seconds } from '../kernel/clock.ts';
import type { Storage } from '../storage/index.ts';
import type { TestClock } from '../testing/index.ts';
import {
  type Answer,
  BARE_GRACE_MS,
  createMachine,
  GRACE_MS,
  IDLE_MS,
  type Machine,
} from './refresh-machine.contract.ts';
import { type Asked, copyOf, explain, type Family, type Presentation } from './refresh-rules.contract.ts';
import type { ShownDevice } from './session.ts';

/** What the cookies of a browser hold, in which several people may have signed in. */
interface Browser {
  secret: string;
  known: string;
}

/** One session of the owner, the browser that has it and what a thief has of it. */
interface Story {
  readonly family: Family;
  readonly person: PersonId;
  readonly browser: Browser;
  /** False for a client that keeps no cookie. */
  readonly keepsDevice: boolean;
  /** What all tabs share; undefined after a logout. */
  held: string | undefined;
  /** When the owner asked with what is held, and got no answer that was kept. */
  lostAt: number | undefined;
  readonly owned: string[];
  readonly stolen: string[];
  /** The cookies as they were when the thief copied them. */
  thiefShows: ShownDevice;
  thiefAsked: boolean;
  late: boolean;
}

interface World {
  readonly stories: Story[];
}

const NOTHING: ShownDevice = { secret: undefined, known: undefined };

/** What has happened in all histories, so that they are known to be worth telling. */
export interface Tally {
  histories: number;
  granted: number;
  repeated: number;
  thefts: number;
  caught: number;
  stolenWithDevice: number;
  lostTwice: number;
  crashes: number;
  stepsBack: number;
  expired: number;
  sharedBrowsers: number;
  crowdedOut: number;
}

const newTally = (): Tally => ({
  ...{ histories: 0, granted: 0, repeated: 0, thefts: 0, caught: 0 },
  ...{ stolenWithDevice: 0, lostTwice: 0, crashes: 0, stepsBack: 0, expired: 0, sharedBrowsers: 0, crowdedOut: 0 },
});

/** The two promises, held against what was answered and nothing that the machine says of itself. */
function promise(story: Story, before: Family, asked: readonly Asked[], now: number): void {
  for (const { by, token, answer } of asked) {
    const earlier = before.traded.get(token);
    const next = earlier && before.traded.get(earlier.successor);
    // Both had this token, and one of them has gone on from what came of it: the fork is past.
    const forked = earlier !== undefined && next !== undefined && (earlier.by !== by || next.by !== by);
    if (forked && answer.kind !== 'expired') {
      assert.ok(story.family.ended, 'a theft goes on behind the fork');
      assert.equal(answer.token, undefined, 'a theft pays behind the fork');
    }
    const honest = by === 'owner' && !story.thiefAsked;
    const patience = story.keepsDevice ? GRACE_MS : BARE_GRACE_MS;
    // A lost answer that is asked for again only after the grace costs a sign-in: docs/refresh.md says why.
    if (by === 'owner' && story.lostAt !== undefined && now - story.lostAt > patience) story.late = true;
    if (honest && !story.late && answer.kind !== 'expired')
      assert.notEqual(answer.token, undefined, `nobody but the owner ever asked, and got: ${answer.kind}`);
  }
}

async function ask(machine: Machine, story: Story, presented: readonly Presentation[], tally: Tally): Promise<Asked[]> {
  const now = machine.clock.now();
  const before = copyOf(story.family);
  if (presented.some(({ by }) => by === 'thief')) story.thiefAsked = true;
  const asked = await Promise.all(
    presented.map(async (one): Promise<Asked> => {
      const answer = await machine.present(one.token, one.device);
      return { ...one, answer };
    }),
  );
  explain(story.family, asked, now);
  promise(story, before, asked, now);
  for (const { by, answer } of asked) {
    if (answer.kind === 'rotated') tally.granted++;
    if (answer.kind === 'repeated') tally.repeated++;
    if (answer.kind === 'expired') tally.expired++;
    if (answer.token !== undefined && by === 'thief') tally.thefts++;
    if (answer.kind === 'replayed' && story.thiefAsked) tally.caught++;
  }
  return asked;
}

/** What the owner does with an answer that arrives: all tabs share what is stored. */
function keep(story: Story, answer: Answer): void {
  story.held = answer.token;
  story.lostAt = undefined;
  if (answer.token !== undefined) story.owned.push(answer.token);
}

const byOwner = (story: Story, token: string): Presentation => ({
  ...{ by: 'owner', token, device: story.keepsDevice ? { ...story.browser } : NOTHING },
});
const byThief = (story: Story, token: string): Presentation => ({
  ...{ by: 'thief', token, device: story.thiefShows },
});

type Act = (machine: Machine, story: Story, tally: Tally) => Promise<void>;

/** The owner refreshes, in so many tabs at once; of their answers so many are lost, and the others arrive in any order. */
const refresh =
  (tabs: number, lost: number): Act =>
  async (machine, story, tally) => {
    const { held } = story;
    if (held === undefined) return;
    const presented = Array.from({ length: tabs }, () => byOwner(story, held));
    const asked = await ask(machine, story, presented, tally);
    const arrived = asked.slice(lost);
    for (const { answer } of arrived) keep(story, answer);
    if (arrived.length > 0) return;
    if (story.lostAt !== undefined) tally.lostTwice++;
    const now = machine.clock.now();
    story.lostAt = Math.min(story.lostAt ?? now, now);
  };

/** The process dies within the owner's refresh, before its write is durable: as if nobody had asked. */
const crash: Act = async (machine, story, tally) => {
  if (story.held === undefined) return;
  const { token, device } = byOwner(story, story.held);
  await machine.crashWithin(token, device);
  tally.crashes++;
};

const use =
  (which: number): Act =>
  async (machine, story, tally) => {
    const token = story.stolen.at(which % Math.max(1, story.stolen.length));
    if (token === undefined) return;
    const [asked] = await ask(machine, story, [byThief(story, token)], tally);
    if (asked?.answer.token !== undefined) story.stolen.push(asked.answer.token);
  };

/** Both at once, of which either may be first. */
const both: Act = async (machine, story, tally) => {
  const [held, token] = [story.held, story.stolen.at(-1)];
  if (held === undefined || token === undefined) return;
  const asked = await ask(machine, story, [byOwner(story, held), byThief(story, token)], tally);
  for (const { by, answer } of asked) {
    if (by === 'owner') keep(story, answer);
    else if (answer.token !== undefined) story.stolen.push(answer.token);
  }
};

const steal =
  (what: 'token' | 'all' | 'old'): Act =>
  async (_, story, tally) => {
    const token = what === 'old' ? story.owned[0] : story.held;
    if (token !== undefined) story.stolen.push(token);
    if (what !== 'all') return;
    story.thiefShows = { ...story.browser };
    tally.stolenWithDevice++;
  };

const STEPS = [0, 1, seconds(9), BARE_GRACE_MS, seconds(11), GRACE_MS, GRACE_MS + 1, minutes(14), IDLE_MS - 1, IDLE_MS];
const BACK = [1, seconds(11), minutes(2), hours(1)];

const wait =
  (ms: number): Act =>
  async (machine, _, tally) => {
    machine.clock.advance(ms);
    if (ms < 0) tally.stepsBack++;
  };

type Command = fc.AsyncCommand<World, Machine>;

const stepOf = (which: number, name: string, act: Act, tally: Tally): Command => ({
  check: () => true,
  run: async ({ stories }, machine) => {
    const story = stories[which % stories.length];
    if (story !== undefined) await act(machine, story, tally);
  },
  toString: () => `${name} #${which}`,
});

const MOST_STORIES = 7; // at most five people of one browser, whom its cookie holds

/** Somebody signs in once more in a browser that has a session, which goes on: the same person, or another. */
const signInAgain = (which: number, another: boolean, tally: Tally): Command => ({
  check: ({ stories }) => stories.length < MOST_STORIES,
  run: async ({ stories }, machine) => {
    const story = stories[which % stories.length];
    if (!story?.keepsDevice) return;
    stories.push(await begin(machine, true, another ? newPerson() : story.person, story.browser));
    tally.sharedBrowsers++;
  },
  toString: () => `sign in again as ${another ? 'another' : 'the same'} #${which}`,
});

/** A script signs in as the owner, without cookies, until their devices are too many: no session may notice. */
const crowdOut = (which: number, tally: Tally): Command => ({
  check: () => true,
  run: async ({ stories }, machine) => {
    const told = stories[which % stories.length];
    if (told === undefined) return;
    await machine.crowdOut(told.person);
    tally.crowdedOut++;
  },
  toString: () => `crowd out #${which}`,
});

/** Histories: a few steps, each about one of the owner's sessions. */
function histories(tally: Tally) {
  const which = fc.nat(MOST_STORIES - 1);
  const step = (name: string, act: Act) => which.map((one) => stepOf(one, name, act, tally));
  const fixed = [
    ...[step('refresh', refresh(1, 0)), step('refresh', refresh(1, 0)), step('refresh', refresh(1, 0))],
    ...[step('lost', refresh(1, 1)), step('two tabs', refresh(2, 0)), step('two tabs, one answer lost', refresh(2, 1))],
    ...[step('three tabs, all lost', refresh(3, 3)), step('crash before the write is durable', crash)],
    ...[step('crash before the answer', refresh(1, 1)), step('steal', steal('token')), step('steal all', steal('all'))],
    ...[step('steal an old one', steal('old')), step('both at once', both), step('both at once', both)],
  ];
  const used = fc.tuple(which, fc.nat(5)).map(([one, at]) => stepOf(one, `use ${at}`, use(at), tally));
  const waited = fc.constantFrom(...STEPS).map((ms) => stepOf(0, `wait ${ms}`, wait(ms), tally));
  const back = fc.constantFrom(...BACK).map((ms) => stepOf(0, `clock back ${ms}`, wait(-ms), tally));
  const again = fc.tuple(which, fc.boolean()).map(([one, another]) => signInAgain(one, another, tally));
  const crowded = which.map((one) => crowdOut(one, tally));
  return fc.commands([...fixed, again, crowded, used, used, waited, waited, back], { size: '+1', maxCommands: 24 });
}

/** Tells one history on the machine: two sessions that keep the device secret, and one that does not. */
async function tell(machine: Machine, steps: Iterable<Command>, tally: Tally) {
  tally.histories++;
  const stories = await Promise.all([true, false, true].map((keepsDevice) => begin(machine, keepsDevice, newPerson())));
  await fc.asyncModelRun(() => ({ model: { stories }, real: machine }), steps);
}

const newPerson = (): PersonId => personId(randomUUID());

/** @param browser another sign-in of which puts its secret where the last one's was */
async function begin(machine: Machine, keepsDevice: boolean, person: PersonId, browser?: Browser): Promise<Story> {
  const now = machine.clock.now();
  const { token, secret, known } = await machine.begin(person, browser?.known);
  const [own = ''] = known.split('.');
  return {
    family: { secret, known: own, startedAt: now, traded: new Map(), usedAt: now, proved: false, ended: false },
    ...{ person, browser: Object.assign(browser ?? {}, { secret, known }) },
    ...{ keepsDevice, held: token, lostAt: undefined, owned: [token], stolen: [] },
    ...{ thiefShows: NOTHING, thiefAsked: false, late: false },
  };
}

/** Tells so many histories on an empty database. @throws where one breaks a promise, with the shortest that does */
export async function tellMany(storage: Storage, clock: TestClock, numRuns: number): Promise<Tally> {
  const machine = await createMachine(storage, clock);
  const tally = newTally();
  const property = fc.asyncProperty(histories(tally), (steps) => tell(machine, steps, tally));
  await fc.assert(property, { numRuns });
  return tally;
}

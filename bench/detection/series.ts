import { honestKinds } from './benign/own.ts';
import { CARRIERS, type Carrier } from './carry.ts';
import { attacksOf, benignOf, type PathOf } from './corpora.ts';
import { crsAttacks, crsHarmless } from './crs-requests.ts';
import { ownAttacks } from './fresh/own.ts';
import { MUTATIONS } from './mutate.ts';
import { atLeast, atMost, type Bar, type Probe, type Series, valueProbe } from './probe.ts';
import { createDice } from './random.ts';
import type { Subject, WholeRequest } from './subject.ts';
import { WRAPPING_NAMES, wrapped } from './wrap.ts';

/** How many of a class are tried in each way: enough to see a hole, few enough to wait for. */
export interface Effort {
  readonly wrapped: number;
  readonly mutated: number;
  readonly carried: number;
  readonly carriedHeavy: number;
}

export const FULL: Effort = { wrapped: 250, mutated: 60, carried: 12, carriedHeavy: 2 };
export const QUICK: Effort = { wrapped: 40, mutated: 12, carried: 4, carriedHeavy: 1 };

interface AttackClass {
  readonly name: string;
  readonly bar?: Bar;
  /** Wrapped in sentences. */
  readonly wrappedBar?: Bar;
}

/** Those without a bar are looked at all the same. */
const CLASSES: readonly AttackClass[] = [
  { name: 'sqli', bar: atLeast(98.5), wrappedBar: atLeast(90) },
  { name: 'xss', bar: atLeast(98.5), wrappedBar: atLeast(90) },
  { name: 'traversal', bar: atLeast(96), wrappedBar: atLeast(85) },
  { name: 'rce', bar: atLeast(94), wrappedBar: atLeast(90) },
  { name: 'ssti', bar: atLeast(96), wrappedBar: atLeast(90) },
  { name: 'xxe', bar: atLeast(96), wrappedBar: atLeast(90) },
  { name: 'nosql' },
  { name: 'ldap' },
  { name: 'open_redirect' },
];

const BENIGN: Readonly<Record<string, Bar>> = {
  text: atMost(0.1),
  url: atMost(0.1),
  text_technical: atMost(1.5),
  text_hard: atMost(4),
  user_agent: atMost(0.05),
  meter_json: atMost(0),
  request: atMost(0),
};

const MUTATED = atLeast(95);
/** Of links and plain texts in the clothes of an attack. */
const MUTATED_HONEST = atMost(1);
const NOTHING_WALKS_PAST = atLeast(100);
const CRS_ATTACKS = atLeast(75);
const CRS_HARMLESS = atMost(3);
/** What is carried is honest as it is, so a refusal is the carrier's. */
const CARRIED_HONEST = atMost(0);

/** All that is measured, in the order of the issue. */
export function allSeries(pathOf: PathOf, subject: Subject, effort: Effort): readonly Series[] {
  const corpora = CLASSES.map((one) => ({ ...one, probes: attacksOf(pathOf, one.name) })).filter(
    ({ probes }) => probes.length > 0,
  );
  const seeds = corpora.flatMap(({ name, bar, probes }) =>
    bar === undefined ? [] : [{ name, probes: seedsOf(subject, probes, Math.max(effort.mutated, effort.carried)) }],
  );
  return [
    ...corpora.map(({ name, bar, probes }) => attackSeries('attacks', name, bar, () => probes)),
    ...ownAttacks().map(({ name, bar, probes }) =>
      attackSeries('attacks, our own', `own-attacks/${name}`, bar, () => probes),
    ),
    ...Object.entries(BENIGN).map(([name, bar]) => honestSeries('honest', name, bar, () => benignOf(pathOf, name))),
    ...honestKinds().map(({ name, bar, probes }) => honestSeries('honest, our own', `own/${name}`, bar, () => probes)),
    ...corpora.flatMap(({ name, wrappedBar, probes }) =>
      wrappedBar === undefined
        ? []
        : [attackSeries('wrapped', `wrapped/${name}`, wrappedBar, () => wrappedOf(name, probes, effort.wrapped))],
    ),
    ...ownAttacks().flatMap(({ name, wrappedBar, probes }) =>
      wrappedBar === undefined
        ? []
        : [
            attackSeries('wrapped', `wrapped/own/${name}`, wrappedBar, () =>
              wrappedOf(name, probes, effort.wrapped / 3),
            ),
          ],
    ),
    ...mutationNames().map((name) =>
      attackSeries('mutated', `mutated/${name}`, barOf(name), () => mutatedOf(name, seeds, effort.mutated)),
    ),
    honestSeries('mutated', 'mutated-honest', MUTATED_HONEST, () => mutatedHonest(pathOf, effort.mutated)),
    ...CARRIERS.map((carrier) =>
      attackSeries('walk past', `past/${carrier.name}`, carrier.isExtra === true ? undefined : NOTHING_WALKS_PAST, () =>
        carriedOf(subject, carrier, seeds, effort),
      ),
    ),
    honestSeries('walk past', 'past/honest', CARRIED_HONEST, carriedHonest),
    attackSeries('CRS', 'crs/attack', CRS_ATTACKS, () => crsAttacks(pathOf)),
    honestSeries('CRS', 'crs/harmless', CRS_HARMLESS, () => crsHarmless(pathOf)),
  ];
}

const attackSeries = (table: string, id: string, bar: Bar | undefined, probes: Series['probes']): Series => ({
  id,
  table,
  kind: 'attack',
  bar,
  probes,
});

const honestSeries = (table: string, id: string, bar: Bar | undefined, probes: Series['probes']): Series => ({
  id,
  table,
  kind: 'benign',
  bar,
  probes,
});

interface Seeds {
  readonly name: string;
  readonly probes: readonly Probe[];
}

/**
 * Attacks that are blocked as they are: what a mutation or a carrier then lets pass is its doing. At most as many of
 * a source as its share, so that one long list does not speak for all.
 */
function seedsOf(subject: Subject, probes: readonly Probe[], count: number): readonly Probe[] {
  const found: Probe[] = [];
  for (const probe of createDice('seeds').shuffle(probes)) {
    if (found.length === count) break;
    const { input } = probe;
    if (probe.weak || input.kind !== 'value') continue;
    if (subject.judgeValue(input.text, input.channel).attack) found.push(probe);
  }
  return found;
}

function* wrappedOf(name: string, probes: readonly Probe[], count: number): Generator<Probe> {
  const chosen = createDice(`wrapped ${name}`)
    .shuffle(probes)
    .filter(({ weak }) => !weak)
    .slice(0, count);
  for (const { id, source, fold, input } of chosen) {
    if (input.kind !== 'value') continue;
    for (const wrapping of WRAPPING_NAMES)
      yield { ...valueProbe(`${id} ${wrapping}`, source, wrapped(wrapping, input.text)), fold, group: wrapping };
  }
}

const barOf = (mutation: string): Bar | undefined =>
  MUTATIONS.some(({ name, isExtra }) => name === mutation && isExtra !== true) ? MUTATED : undefined;

const mutationNames = (): readonly string[] => [...new Set(MUTATIONS.map(({ name }) => name))];

function* mutatedOf(mutation: string, seeds: readonly Seeds[], count: number): Generator<Probe> {
  const dice = createDice(`mutated ${mutation}`);
  for (const { classes, apply } of MUTATIONS.filter(({ name }) => name === mutation)) {
    for (const { name, probes } of seeds.filter(({ name }) => classes.includes(name))) {
      for (const { id, source, input } of probes.slice(0, count)) {
        const text = input.kind === 'value' ? apply(input.text, dice) : undefined;
        if (text !== undefined) yield { ...valueProbe(id, source, text), group: name };
      }
    }
  }
}

/** No client escapes the letters of a scheme: that is a sign by itself. */
const NEVER_HONEST = 'url, all letters';

/** Honest texts in the same clothes: an escape alone is no attack. */
function* mutatedHonest(pathOf: PathOf, count: number): Generator<Probe> {
  const honest = ['text', 'url'].flatMap((name) => createDice(name).shuffle(benignOf(pathOf, name)).slice(0, count));
  const dice = createDice('mutated honest');
  for (const { name, isExtra, apply } of MUTATIONS) {
    if (isExtra === true || name === NEVER_HONEST) continue;
    for (const { id, source, input } of honest) {
      const text = input.kind === 'value' ? apply(input.text, dice) : undefined;
      if (text !== undefined) yield { ...valueProbe(`${id} ${name}`, source, text), group: name };
    }
  }
}

function* carriedOf(subject: Subject, carrier: Carrier, seeds: readonly Seeds[], effort: Effort): Generator<Probe> {
  const { heavy, shortly, carry } = carrier;
  const count = heavy === true ? effort.carriedHeavy : effort.carried;
  for (const { name, probes } of seeds) {
    for (const { id, source, input } of probes.slice(0, count)) {
      if (input.kind !== 'value') continue;
      if (shortly !== undefined && !subject.judgeValue(shortly(input.text), 'value').attack) continue;
      yield { ...carried(id, source, carry(input.text)), group: name };
    }
  }
}

/** The same ways with honest values: a walk that refuses what it can't follow must not refuse what it can. */
function* carriedHonest(): Generator<Probe> {
  for (const { name, carry, heavy, oddByItself } of CARRIERS) {
    if (oddByItself === true) continue;
    for (const text of heavy === true ? HONEST.slice(0, 1) : HONEST)
      yield { ...carried(`${name}: ${text}`, name, carry(text)), group: name };
  }
}

const HONEST = ['pump 3', 'Roof, north side', 'kWh per month', '2024-01-01T00:00:00Z', 'Müller'];

function carried(id: string, source: string, request: WholeRequest): Probe {
  const start = Buffer.from(request.body.subarray(0, 400)).toString('latin1');
  const shown = `${request.method} ${request.uri} ${start}`;
  return { id, source, weak: false, input: { kind: 'request', request, shown } };
}

import assert from 'node:assert/strict';
import { readingConfig } from '../../src/readings/index.ts';
import { attempt } from './call.ts';
import type { Dice } from './dice.ts';
import { emptied, emptyMeter, grown, type Meter, type MeterState, type Promises, type Reading } from './promises.ts';

/** Where writers write, and until when. */
export interface Site {
  readonly address: string;
  readonly token: string;
  readonly key: string;
  readonly promises: Promises;
  readonly running: () => boolean;
}

export type ReadingWriter = 'single' | 'array' | 'lines';

const FIRST_AT = Date.UTC(2020, 0, 1);
const ARRAY = 50;
const LINES = [500, 500, 500, 2_300] as const;
/** Lines that the server stores together, all or none. */
const BATCH_LINES = readingConfig.parse({}).batchLines;
const REQUESTS_PER_METER: Readonly<Record<ReadingWriter, number>> = { single: 40, array: 12, lines: 6 };

/** Fills meters of its own one after another, and now and then deletes what it has filled. */
export async function writeReadings(kind: ReadingWriter, name: string, dice: Dice, site: Site): Promise<void> {
  for (let count = 0; site.running(); count++) {
    const meter: Meter = { id: `${name}-${count}`, states: [emptyMeter] };
    site.promises.meters.set(meter.id, meter);
    const requests = dice.between(1, REQUESTS_PER_METER[kind]);
    for (let request = 0; request < requests && site.running() && meter.states.length === 1; request++) {
      const [state = emptyMeter] = meter.states;
      if (state.readings.size > 0 && dice.chance(0.12)) meter.states = await remove(meter, state, site);
      else meter.states = await post(kind, meter, state, { dice, site, request });
      if (meter.states.length === 1) site.promises.acknowledged++;
      else site.promises.unanswered++;
    }
  }
}

async function remove(meter: Meter, state: MeterState, { address, key }: Site): Promise<readonly MeterState[]> {
  const outcome = await attempt(address, 'DELETE', `/v1/readings/${meter.id}`, { key });
  const after = emptied(state);
  if (outcome.kind === 'unknown') return [state, after];
  assert.deepEqual(outcome.answer.json, { deleted: state.readings.size });
  return [after];
}

interface Turn {
  readonly dice: Dice;
  readonly site: Site;
  readonly request: number;
}

async function post(kind: ReadingWriter, meter: Meter, state: MeterState, turn: Turn): Promise<readonly MeterState[]> {
  const { address, key } = turn.site;
  const readings = series(meter.id, countOf(kind, turn.dice), turn);
  const stored = readings.length;
  if (kind === 'lines') {
    const lines = readings.map((reading) => JSON.stringify(reading));
    const outcome = await attempt(address, 'POST', '/v1/readings', { key, lines });
    const states = prefixes(state, readings);
    if (outcome.kind === 'unknown') return atLeast(states, outcome.refusal?.json?.stored ?? 0, state);
    const { lines: looked, accepted, stored: taken, repeated } = outcome.answer.json;
    assert.deepEqual(
      { looked, accepted, taken, repeated },
      { looked: stored, accepted: stored, taken: stored, repeated: 0 },
    );
    return states.slice(-1);
  }
  const outcome = await attempt(address, 'POST', '/v1/readings', {
    key,
    body: kind === 'single' ? readings[0] : readings,
  });
  if (outcome.kind === 'unknown') return [state, grown(state, readings)];
  assert.deepEqual(outcome.answer.json, { stored, repeated: 0 });
  return [grown(state, readings)];
}

function countOf(kind: ReadingWriter, dice: Dice): number {
  switch (kind) {
    case 'single':
      return 1;
    case 'array':
      return ARRAY;
    case 'lines':
      return dice.pick(LINES);
  }
}

/** A stream may be cut between its batches, never within one. */
function prefixes(state: MeterState, readings: readonly Reading[]): readonly MeterState[] {
  const states = [state];
  for (let from = 0; from < readings.length; from += BATCH_LINES) {
    states.push(grown(states.at(-1) ?? state, readings.slice(from, from + BATCH_LINES)));
  }
  return states;
}

/** A refused stream says how much of it is stored, and that is an acknowledgement. */
function atLeast(states: readonly MeterState[], stored: number, before: MeterState): readonly MeterState[] {
  return states.filter(({ readings }) => readings.size - before.readings.size >= stored);
}

function series(meterId: string, count: number, { dice, request }: Turn): readonly Reading[] {
  return Array.from({ length: count }, (_, index) => ({
    meter_id: meterId,
    timestamp: new Date(FIRST_AT + request * 86_400_000 + index * 15_000 + dice.between(0, 999)).toISOString(),
    energy_consumption: dice.next() * 1_000, // all of its digits must come back
    power_factor: dice.chance(0.5) ? dice.next() : null,
    location: dice.chance(0.2) ? `Gwangyang ${dice.between(1, 99)}` : null,
  }));
}

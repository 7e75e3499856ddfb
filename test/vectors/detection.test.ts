import assert from 'node:assert/strict';
import { after } from 'node:test';
import { isMet, judgesOf, measure, type Outcome, percentOf } from '../../bench/detection/measure.ts';
import type { Series } from '../../bench/detection/probe.ts';
import { allSeries, type Effort } from '../../bench/detection/series.ts';
import { openTwinkeep } from '../../bench/detection/twinkeep.ts';
import { vectorFoldersTest } from './vectors.ts';

/** Enough for a test. `npm run bench:detection` tries more, and with models that have not seen what they judge. */
const SAMPLE: Effort = { wrapped: 60, mutated: 8, carried: 3, carriedHeavy: 0 };

/**
 * What does not meet its bar yet, and what it reaches (attacks) or refuses (honest texts) in percent, with half a
 * percent to spare. What meets its bar is held to it, and to stand here then is a failure.
 */
const SHORT: Readonly<Record<string, number>> = {};

/** What a series is held to: its bar, or what it reached before where that is short of it. */
function assertHeld(outcome: Outcome): void {
  const { id, bar, strong, wrong } = outcome;
  if (bar === undefined || strong.n === 0) return;
  const floor = SHORT[id];
  const got = `${id}: ${percentOf(strong).toFixed(2)} % of ${strong.n} blocked`;
  if (floor === undefined) {
    const some = wrong.slice(0, 3).map(({ probe, verdict }) => `${probe.id} ${verdict.why ?? ''}`);
    assert.ok(isMet(outcome), `${got}, the bar is ${bar.kind} ${bar.percent} %; ${some.join('; ')}`);
    return;
  }
  assert.ok(!isMet(outcome), `${got}, which meets its bar: take it out of SHORT`);
  const holds = bar.kind === 'at least' ? percentOf(strong) >= floor : percentOf(strong) <= floor;
  assert.ok(holds, `${got}, which is worse than the ${floor} % that were reached before`);
}

const TABLES = ['attacks', 'attacks, our own', 'honest', 'honest, our own', 'wrapped', 'mutated', 'walk past', 'CRS'];

const subject = openTwinkeep();
after(() => subject.dispose());
const judgeOf = judgesOf(subject);
/** The corpora are read and spun out once for all tables. */
let all: readonly Series[] | undefined;

for (const table of TABLES) {
  vectorFoldersTest(`detection meets its bars, or is no worse than before: ${table}`, async (pathOf, t) => {
    all ??= allSeries(pathOf, subject, SAMPLE);
    const series = all.filter((one) => one.table === table);
    assert.ok(series.length > 0);
    const outcomes = series.map((one) => measure(one, judgeOf));
    t.diagnostic(outcomes.map(({ id, strong }) => `${id} ${percentOf(strong).toFixed(2)}`).join(', '));
    const faults = outcomes.flatMap((outcome) => faultOf(() => assertHeld(outcome)));
    assert.deepEqual(faults, []);
  });
}

/** All that is wrong is told at once, so that one run says what to do. */
function faultOf(check: () => void): readonly string[] {
  try {
    check();
    return [];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

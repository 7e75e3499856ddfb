import { createHash } from 'node:crypto';
import { METERS, type MeterPlan, momentOf, occupancyOf } from './meters.ts';

/** Who told a meter what, and when. */
export interface Setpoint {
  readonly value: number;
  readonly by: string | null;
  readonly at: string | null;
}

export interface Reading {
  readonly at: string;
  readonly kw: number;
}

/** The live state of one meter. */
export interface Meter {
  readonly plan: MeterPlan;
  readonly kw: number;
  readonly kwh: number;
  readonly setpoint: Setpoint | undefined;
  /** One a second, the newest last, five minutes long. */
  readonly readings: readonly Reading[];
}

/** The same, as the building itself writes it. */
interface Running extends Meter {
  kw: number;
  kwh: number;
  noise: number;
  setpoint: Setpoint | undefined;
  readonly readings: Reading[];
}

/** One tenant's building. It advances when told to, and from the same seed and time always in the same way. */
export interface Building {
  readonly meters: ReadonlyMap<string, Meter>;
  advance(toMs: number): void;
  command(meterId: string, value: number, by: string): Setpoint;
  live(): Live;
}

/** What is streamed each second. Powers in kW by meter; drawn from the grid is positive, fed into it negative. */
export interface Live {
  readonly at: string;
  readonly indoorC: number;
  readonly outdoorC: number;
  readonly kw: Readonly<Record<string, number>>;
}

const KEPT_READINGS = 300;
const WARM_UP_S = 6 * 3_600;
const SECOND = 1_000;

export function createBuilding(seed: string, startMs: number): Building {
  const random = createNormal(seed);
  const meters = new Map(METERS.map((plan) => [plan.id, newMeter(plan)]));
  let timeMs = startMs - WARM_UP_S * SECOND;
  let indoorC = 20;
  let moment = momentOf(timeMs);

  /** A room that loses heat through its walls, gains it from people, and a heat pump that works against both. */
  function climateKw(setpointC: number, seconds: number): number {
    const wantedKw = Math.max(-90, Math.min(90, 30 * (setpointC - indoorC) + 2.4 * (setpointC - moment.outdoorC)));
    const gainsKw = 2.4 * (moment.outdoorC - indoorC) + 14 * occupancyOf(moment) + wantedKw;
    indoorC += (gainsKw / 45_000) * seconds; // 45 MJ warm the air and what stands in it by one degree
    return 1.8 + Math.abs(wantedKw) / 3.2; // fans, and a coefficient of performance
  }

  function meanKw({ plan, setpoint }: Running, seconds: number): number {
    if (plan.id === 'hvac') return climateKw(setpoint?.value ?? indoorC, seconds);
    return plan.curveKw?.(moment) ?? 0;
  }

  function step(seconds: number): void {
    timeMs += seconds * SECOND;
    moment = momentOf(timeMs);
    let gridKw = 0;
    for (const meter of meters.values()) {
      if (meter.plan.kind === 'grid') continue;
      meter.noise = 0.95 * meter.noise + 0.02 * random();
      const kw = Math.max(0, meanKw(meter, seconds) * (1 + meter.noise));
      const isCapped = meter.setpoint !== undefined && meter.plan.command?.unit === 'kW';
      record(meter, isCapped ? Math.min(kw, meter.setpoint?.value ?? kw) : kw, seconds);
      gridKw += meter.plan.kind === 'source' ? -meter.kw : meter.kw;
    }
    const grid = meters.get('grid');
    if (grid !== undefined) record(grid, gridKw, seconds);
  }

  function record(meter: Running, kw: number, seconds: number): void {
    meter.kw = round(kw);
    meter.kwh += (kw * seconds) / 3_600;
    meter.readings.push({ at: new Date(timeMs).toISOString(), kw: meter.kw });
    if (meter.readings.length > KEPT_READINGS) meter.readings.shift();
  }

  while (timeMs < startMs - KEPT_READINGS * SECOND) step(60);
  for (const { readings } of meters.values()) readings.length = 0; // those were minutes apart
  while (timeMs < startMs) step(1);

  return {
    meters,
    advance: (toMs) => {
      const seconds = Math.floor((toMs - timeMs) / SECOND);
      for (let passed = 0; passed < Math.min(seconds, KEPT_READINGS); passed++) step(1);
      if (seconds > KEPT_READINGS) timeMs = toMs; // the machine slept; nobody metered that
    },
    command: (meterId, value, by) => {
      const setpoint = { value, by, at: new Date(timeMs).toISOString() };
      const meter = meters.get(meterId);
      if (meter !== undefined) meter.setpoint = setpoint;
      return setpoint;
    },
    live: () => ({
      at: new Date(timeMs).toISOString(),
      indoorC: round(indoorC),
      outdoorC: round(moment.outdoorC),
      kw: Object.fromEntries([...meters].map(([id, { kw }]) => [id, kw])),
    }),
  };
}

function newMeter(plan: MeterPlan): Running {
  const setpoint = plan.command && { value: plan.command.start, by: null, at: null };
  return { plan, kw: 0, kwh: 0, noise: 0, setpoint, readings: [] };
}

const round = (value: number): number => Math.round(value * 100) / 100;

/** Normally distributed numbers that repeat for the same seed (mulberry32, Box-Muller). Noise, never a secret. */
function createNormal(seed: string): () => number {
  let state = createHash('sha256').update(seed).digest().readUInt32LE(0);
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

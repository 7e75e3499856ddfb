/**
 * What a server has acknowledged and so must keep. A thing whose last request was not answered has several states that
 * are all right; it is left alone from then on, so that everything else about it is certain.
 */
export interface Promises {
  readonly meters: Map<string, Meter>;
  /** By user name. */
  readonly people: Map<string, PromisedPerson>;
  /** By session id. */
  readonly sessions: Map<string, PromisedSession>;
  /** Sign-ins that were not answered: so many sessions may be there that nobody was told of. */
  unansweredSignIns: number;
  /** Signed notes that the server has handed out. */
  readonly checkpoints: string[];
  acknowledged: number;
  unanswered: number;
}

export interface Meter {
  readonly id: string;
  /** Those that are all right; one, unless the last request was not answered. */
  states: readonly MeterState[];
}

export interface MeterState {
  /** Values by time. */
  readonly readings: ReadonlyMap<number, string>;
  /** What the audit log must say of this meter, `action count` each. */
  readonly entries: readonly string[];
}

export interface PromisedPerson {
  readonly roles: readonly string[];
  certain: boolean;
}

export interface PromisedSession {
  readonly id: string;
  accessToken: string;
  refreshToken: string;
  readonly cookie: string;
  refreshed: number;
  ended: boolean;
  /** A request that was not answered. */
  open: 'refresh' | 'logout' | undefined;
}

export interface Reading {
  readonly meter_id: string;
  readonly timestamp: string;
  readonly energy_consumption: number;
  readonly power_factor: number | null;
  readonly location: string | null;
}

export function createPromises(): Promises {
  return {
    meters: new Map(),
    people: new Map(),
    sessions: new Map(),
    unansweredSignIns: 0,
    checkpoints: [],
    acknowledged: 0,
    unanswered: 0,
  };
}

export const emptyMeter: MeterState = { readings: new Map(), entries: [] };

export const valueText = (reading: Reading): string =>
  `${reading.energy_consumption} ${reading.power_factor} ${reading.location}`;

/** A meter after a batch that was stored whole. */
export function grown(state: MeterState, batch: readonly Reading[]): MeterState {
  const readings = new Map(state.readings);
  for (const reading of batch) readings.set(Date.parse(reading.timestamp), valueText(reading));
  return { readings, entries: [...state.entries, `readings.stored ${batch.length}`] };
}

/** A meter after it was deleted. */
export const emptied = (state: MeterState): MeterState => ({
  readings: new Map(),
  entries: [...state.entries, `readings.deleted ${state.readings.size}`],
});

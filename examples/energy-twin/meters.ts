/** Where the power of a building goes, hour by hour: curves that a facility manager would recognise. */

/** The weather and the clock at one moment of the building. */
export interface Moment {
  /** 0 to 24, in the machine's time zone. */
  readonly hour: number;
  readonly isWorkday: boolean;
  readonly outdoorC: number;
  /** Sine of the sun's elevation: 1 overhead, 0 and below at night. */
  readonly sun: number;
}

/** What a meter may be told to do, and within which bounds. */
export interface Command {
  readonly what: string;
  readonly unit: 'kW' | '°C';
  readonly min: number;
  readonly max: number;
  readonly start: number;
}

export interface MeterPlan {
  readonly id: string;
  readonly name: string;
  readonly floor: string;
  readonly kind: 'grid' | 'load' | 'source';
  readonly command?: Command;
  /** Mean power in kW before noise; what depends on other meters or on a setpoint is computed by the building. */
  readonly curveKw?: (moment: Moment) => number;
}

/** A soft step from 0 to 1 around an hour. */
const after = (hour: number, start: number): number => 1 / (1 + Math.exp(-2.2 * (hour - start)));
const between = (hour: number, start: number, end: number): number => after(hour, start) - after(hour, end);
const around = (hour: number, peak: number, width: number): number => Math.exp(-(((hour - peak) / width) ** 2));

/** Who is at their desk, 0 to 1: in by nine, a dip at lunch, the last out at seven. */
export function occupancyOf({ hour, isWorkday }: Moment): number {
  return (isWorkday ? 1 : 0.08) * (between(hour, 8.2, 17.8) - 0.3 * around(hour, 12.5, 0.6));
}

const offices = (idleKw: number, busyKw: number) => (moment: Moment) => idleKw + busyKw * occupancyOf(moment);

export const METERS: readonly MeterPlan[] = [
  { id: 'grid', name: 'Grid connection', floor: 'Basement', kind: 'grid' },
  {
    id: 'pv-roof',
    name: 'Solar roof',
    floor: 'Roof',
    kind: 'source',
    command: { what: 'At most', unit: 'kW', min: 0, max: 60, start: 60 },
    curveKw: ({ sun }) => 60 * Math.max(0, sun) ** 1.15,
  },
  {
    id: 'hvac',
    name: 'Heating and cooling',
    floor: 'Roof',
    kind: 'load',
    command: { what: 'Rooms at', unit: '°C', min: 16, max: 28, start: 21 },
  },
  {
    id: 'chargers',
    name: 'Car chargers',
    floor: 'Basement',
    kind: 'load',
    command: { what: 'At most', unit: 'kW', min: 0, max: 44, start: 44 },
    curveKw: ({ hour, isWorkday }) => 2 + (isWorkday ? 38 : 9) * (around(hour, 10, 2.2) + 0.5 * around(hour, 15, 1.8)),
  },
  { id: 'servers', name: 'Server room', floor: 'Basement', kind: 'load', curveKw: offices(7.5, 1.2) },
  {
    id: 'canteen',
    name: 'Canteen kitchen',
    floor: 'Ground',
    kind: 'load',
    curveKw: ({ hour, isWorkday }) => 1.1 + (isWorkday ? 16 : 1) * around(hour, 11.6, 1.3),
  },
  {
    id: 'lobby',
    name: 'Lobby and lifts',
    floor: 'Ground',
    kind: 'load',
    curveKw: (moment) => 1.4 + 4 * occupancyOf(moment) + (moment.sun < 0.1 ? 0.9 : 0),
  },
  { id: 'floor-1', name: 'Offices 1', floor: '1st', kind: 'load', curveKw: offices(1.2, 7.4) },
  { id: 'floor-2', name: 'Offices 2', floor: '2nd', kind: 'load', curveKw: offices(1, 6.8) },
  { id: 'floor-3', name: 'Laboratory', floor: '3rd', kind: 'load', curveKw: offices(4.2, 9.5) },
  { id: 'floor-4', name: 'Offices 4', floor: '4th', kind: 'load', curveKw: offices(0.9, 6.1) },
  { id: 'floor-5', name: 'Meeting rooms', floor: '5th', kind: 'load', curveKw: offices(0.6, 4.3) },
];

const LATITUDE = (48.2 * Math.PI) / 180;
const DAY_MS = 86_400_000;

/** The weather of a time, from the calendar alone: the year's and the day's swing, and where the sun stands. */
export function momentOf(timeMs: number): Moment {
  const date = new Date(timeMs);
  const hour = date.getHours() + date.getMinutes() / 60 + date.getSeconds() / 3_600;
  const day = (timeMs - Date.UTC(date.getUTCFullYear(), 0, 1)) / DAY_MS;
  const declination = -0.4093 * Math.cos((2 * Math.PI * (day + 10)) / 365.25);
  const hourAngle = (Math.PI / 12) * (hour - 12);
  const sun =
    Math.sin(LATITUDE) * Math.sin(declination) + Math.cos(LATITUDE) * Math.cos(declination) * Math.cos(hourAngle);
  const outdoorC =
    10.5 - 10 * Math.cos((2 * Math.PI * (day - 20)) / 365.25) + 4 * Math.cos((Math.PI / 12) * (hour - 15));
  return { hour, isWorkday: date.getDay() % 6 !== 0, outdoorC, sun };
}

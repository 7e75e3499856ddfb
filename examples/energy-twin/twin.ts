import type { Caller } from './assertion.ts';
import { type Building, createBuilding, type Meter } from './building.ts';
import type { Message, Viewers } from './live.ts';
import { Refusal } from './refusal.ts';

/** The buildings that are mirrored: each tenant has its own and sees no other. */
export interface Twin {
  of(tenant: string): Building;
  /** Every building forward to now, and news to whoever watches. */
  tick(): void;
}

const MOST_BUILDINGS = 32;

/** @param now the time in the buildings, epoch ms */
export function createTwin(viewers: Viewers, now: () => number): Twin {
  const buildings = new Map<string, Building>();

  function of(tenant: string): Building {
    const building = buildings.get(tenant) ?? createBuilding(tenant, now());
    buildings.delete(tenant);
    buildings.set(tenant, building); // the last asked for is the last to leave
    for (const oldest of buildings.keys()) if (buildings.size > MOST_BUILDINGS) buildings.delete(oldest);
    return building;
  }

  return {
    of,
    tick: () => {
      for (const building of buildings.values()) building.advance(now());
      for (const tenant of viewers.tenants()) viewers.tell(tenant, { type: 'readings', ...of(tenant).live() });
    },
  };
}

const COMMANDING_ROLES = ['admin', 'analyst'];
const COMMANDING_SCOPES = ['write', 'write:twin'];

/** Whether a caller may command a machine. The gateway has asked for `write:twin` already; this is the second lock. */
export const mayCommand = ({ roles, scopes }: Caller): boolean =>
  roles.some((role) => COMMANDING_ROLES.includes(role)) || scopes.some((scope) => COMMANDING_SCOPES.includes(scope));

export function meterOf(building: Building, id: string): Meter {
  const meter = building.meters.get(id);
  if (meter === undefined) throw new Refusal(404, 'There is no such meter.');
  return meter;
}

/** Tells one meter of the caller's building what to do. @returns what to tell whoever watches */
export function command(building: Building, id: string, value: number, caller: Caller): Message {
  const { command: bounds } = meterOf(building, id).plan;
  if (!mayCommand(caller))
    throw new Refusal(403, 'Commands need the role admin or analyst, or a key for `write:twin`.');
  if (bounds === undefined) throw new Refusal(409, 'This meter only measures; it takes no commands.');
  if (value < bounds.min || value > bounds.max)
    throw new Refusal(422, `The value must lie between ${bounds.min} and ${bounds.max} ${bounds.unit}.`);
  const setpoint = building.command(id, value, caller.name);
  return { type: 'command', meter: id, ...setpoint };
}

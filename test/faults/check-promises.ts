import assert from 'node:assert/strict';
import { type Books, entriesOf } from './books.ts';
import { call } from './call.ts';
import { emptyMeter, type Meter, type MeterState, type Promises, valueText } from './promises.ts';
import { refresh } from './write-people.ts';
import type { Site } from './write-readings.ts';

const PAGE = 10_000;
const SESSIONS_TRIED = 8;

type Found = Map<string, Map<number, string>>;

/**
 * Holds what a server gives back against what it has promised, and settles what was open: from then on the state that
 * was found is the promised one.
 *
 * @returns what is lost, halved or made up, a sentence each
 */
export async function checkPromises(site: Omit<Site, 'running'>, books: Books): Promise<readonly string[]> {
  return [
    ...checkReadings(await listReadings(site), books, site.promises),
    ...checkPeople(await listPeople(site), site.promises),
    ...(await checkSessions(site, books)),
  ];
}

/** A client whose refresh was not answered asks again, and must not be logged out for it. */
export async function repeatRefreshes(site: Omit<Site, 'running'>): Promise<void> {
  for (const session of site.promises.sessions.values()) {
    if (session.open !== 'refresh') continue;
    session.open = undefined;
    await refresh(session, site);
    assert.equal(session.open, undefined, 'a refresh that is repeated after a crash must be answered');
  }
}

/** All readings, page by page, as a client gets them. */
export async function listReadings({ address, key }: Pick<Site, 'address' | 'key'>): Promise<Found> {
  const found: Found = new Map();
  for (let cursor = ''; ; ) {
    const answer = await call(address, 'GET', `/v1/readings?limit=${PAGE}${cursor}`, { key });
    assert.equal(answer.status, 200, answer.text);
    for (const item of answer.json.items) {
      const meter = found.get(item.meter_id) ?? new Map<number, string>();
      found.set(item.meter_id, meter.set(Date.parse(item.timestamp), valueText(item)));
    }
    if (answer.json.next_cursor === null) return found;
    cursor = `&cursor=${encodeURIComponent(answer.json.next_cursor)}`;
  }
}

function checkReadings(found: Found, books: Books, { meters }: Promises): readonly string[] {
  const flaws = [...found.keys()].filter((id) => !meters.has(id)).map((id) => `meter ${id} was never written`);
  const entries = Map.groupBy(
    books.entries.filter(({ action }) => action.startsWith('readings.')),
    ({ object }) => object,
  );
  for (const meter of meters.values()) {
    const readings = found.get(meter.id) ?? new Map<number, string>();
    const state = meter.states.find((one) => sameReadings(one.readings, readings));
    if (state === undefined) {
      flaws.push(differenceOf(meter, readings));
      continue;
    }
    meter.states = [state];
    const told = (entries.get(meter.id) ?? []).map(({ action, facts }) => `${action} ${facts['count']}`);
    if (told.toSorted().join() !== state.entries.toSorted().join()) {
      flaws.push(`meter ${meter.id}: the entries are ${told.join()}, they must be ${state.entries.join()}`);
    }
  }
  return flaws;
}

function sameReadings(promised: MeterState['readings'], found: MeterState['readings']): boolean {
  if (promised.size !== found.size) return false;
  for (const [at, value] of promised) if (found.get(at) !== value) return false;
  return true;
}

function differenceOf({ id, states }: Meter, found: MeterState['readings']): string {
  const { readings } = states[0] ?? emptyMeter;
  const lost = [...readings.keys()].filter((at) => !found.has(at)).length;
  const altered = [...readings].filter(([at, value]) => found.has(at) && found.get(at) !== value).length;
  const sizes = states.map((state) => state.readings.size).join(' or ');
  return `meter ${id} holds ${found.size} readings, promised were ${sizes}; ${lost} are lost, ${altered} altered`;
}

async function listPeople({ address, token }: Pick<Site, 'address' | 'token'>): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (let after = ''; ; ) {
    const answer = await call(address, 'GET', `/v1/users?limit=1000&after=${encodeURIComponent(after)}`, { token });
    assert.equal(answer.status, 200, answer.text);
    for (const { username, roles } of answer.json.items) found.set(username, roles.toSorted().join(' '));
    if (answer.json.next_after === null) return found;
    after = answer.json.next_after;
  }
}

function checkPeople(found: Map<string, string>, { people }: Promises): readonly string[] {
  const flaws = [...found.keys()]
    .filter((name) => name !== 'admin' && !people.has(name))
    .map((name) => `${name} was never created`);
  for (const [name, promised] of people) {
    const roles = found.get(name);
    if (roles === undefined) {
      if (promised.certain) flaws.push(`${name} is lost`);
      people.delete(name); // was never made, and will not be
      continue;
    }
    promised.certain = true;
    const wanted = promised.roles.toSorted().join(' ');
    if (roles !== wanted) flaws.push(`${name} has the roles ${roles}, promised were ${wanted}`);
  }
  return flaws;
}

async function checkSessions(site: Omit<Site, 'running'>, books: Books): Promise<readonly string[]> {
  const { promises } = site;
  const flaws: string[] = [];
  const refreshed = entriesOf(books, 'session.refreshed');
  for (const session of promises.sessions.values()) {
    const ended = books.sessions.get(session.id);
    const rotated = refreshed.get(session.id)?.filter(({ facts }) => facts['outcome'] === 'rotated').length ?? 0;
    if (ended === undefined) flaws.push(`session ${session.id} is lost`);
    else if (session.open === 'logout') session.ended = ended;
    else if (ended !== session.ended) flaws.push(`session ${session.id} is ${ended ? '' : 'not '}ended`);
    if (rotated !== session.refreshed) {
      flaws.push(`session ${session.id} was refreshed ${session.refreshed} times, ${rotated} rotations are there`);
    }
    session.open = undefined;
  }
  // An ended session's access token must be dead, another's alive, and go on being refreshed.
  for (const session of [...promises.sessions.values()].slice(-SESSIONS_TRIED)) {
    const { status } = await call(site.address, 'GET', '/v1/me', { token: session.accessToken });
    const wanted = session.ended ? 401 : 200;
    if (status !== wanted) flaws.push(`/v1/me with session ${session.id} answers ${status}, it must be ${wanted}`);
    if (!session.ended) await refresh(session, site);
  }
  return flaws;
}

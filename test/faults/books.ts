import type { Place } from './places.ts';

/** What the tables hold and what the audit log says of it, for the one to be held against the other. */
export interface Books {
  /** Stored readings by meter. */
  readonly readings: ReadonlyMap<string, number>;
  readonly people: ReadonlyMap<string, number>;
  readonly members: ReadonlyMap<string, number>;
  /** Roles by person, in order, with a space between. */
  readonly roles: ReadonlyMap<string, string>;
  readonly keys: ReadonlyMap<string, number>;
  /** True for those that were ended. */
  readonly sessions: ReadonlyMap<string, boolean>;
  readonly revocations: ReadonlyMap<string, number>;
  readonly refreshTokens: ReadonlyMap<string, number>;
  readonly entries: readonly Entry[];
}

export interface Entry {
  readonly action: string;
  readonly object: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

const ACTIONS = [
  ...['readings.stored', 'readings.deleted', 'person.created', 'roles.granted', 'api_key.created'],
  ...['session.started', 'session.refreshed', 'session.refresh_refused', 'session.ended', 'session.all_ended'],
];

/** Reads them from the database itself. Nothing may be writing but what writes entries of other kinds. */
export async function readBooks({ query }: Pick<Place, 'query'>): Promise<Books> {
  const counts = async (sql: string): Promise<Map<string, number>> =>
    new Map((await query(sql)).map((row) => [String(row['id']), Number(row['count'])]));
  const actions = ACTIONS.map((action) => `'${action}'`).join(', ');
  const sessions = await query('select id, ended_at from session');
  const roles = await query('select person_id, role from role_grant order by person_id, role');
  const entries = await query(`select body from audit_entry where action in (${actions}) order by id`);
  return {
    readings: await counts('select meter_id as id, count(*) as count from reading group by meter_id'),
    people: await counts('select id, count(*) as count from person group by id'),
    members: await counts('select person_id as id, count(*) as count from membership group by person_id'),
    keys: await counts('select id, count(*) as count from api_key group by id'),
    revocations: await counts(
      `select subject as id, count(*) as count from revocation where kind = 'session' group by subject`,
    ),
    refreshTokens: await counts('select session_id as id, count(*) as count from refresh_token group by session_id'),
    sessions: new Map(sessions.map((row) => [String(row['id']), row['ended_at'] !== null])),
    roles: joined(roles.map((row) => [String(row['person_id']), String(row['role'])] as const)),
    entries: entries.map((row) => entryOf(String(row['body']))),
  };
}

function entryOf(body: string): Entry {
  const { action, object, facts } = JSON.parse(body);
  return { action, object: object?.id ?? '', facts: facts ?? {} };
}

function joined(pairs: readonly (readonly [string, string])[]): Map<string, string> {
  const lists = Map.groupBy(pairs, ([id]) => id);
  return new Map([...lists].map(([id, list]) => [id, list.map(([, value]) => value).join(' ')]));
}

/** No action without its entry, no entry without its action. @returns what does not agree, a sentence each */
export function reconcile(books: Books): readonly string[] {
  return [...reconcileReadings(books), ...reconcilePeople(books), ...reconcileSessions(books)];
}

/** The entries of one action by the object that they are about. */
export const entriesOf = ({ entries }: Books, action: string): Map<string, Entry[]> =>
  Map.groupBy(
    entries.filter((entry) => entry.action === action),
    ({ object }) => object,
  );

function reconcileReadings(books: Books): readonly string[] {
  const stored = entriesOf(books, 'readings.stored');
  const deleted = entriesOf(books, 'readings.deleted');
  const sum = (entries: readonly Entry[] | undefined, fact: string): number =>
    (entries ?? []).reduce((total, { facts }) => total + Number(facts[fact]), 0);
  return flawsAmong([...stored.keys(), ...deleted.keys(), ...books.readings.keys()], (meter) => {
    const told = sum(stored.get(meter), 'stored') - sum(deleted.get(meter), 'count');
    const there = books.readings.get(meter) ?? 0;
    return told === there ? undefined : `meter ${meter} holds ${there} readings, its entries say ${told}`;
  });
}

function reconcilePeople(books: Books): readonly string[] {
  const created = entriesOf(books, 'person.created');
  const granted = entriesOf(books, 'roles.granted');
  const keys = entriesOf(books, 'api_key.created');
  const people = flawsAmong(
    [...created.keys(), ...granted.keys(), ...books.people.keys(), ...books.roles.keys()],
    (id) => {
      const facts = [books.people.get(id), books.members.get(id), created.get(id)?.length, granted.get(id)?.length];
      if (facts.some((count) => count !== 1))
        return `person ${id}: rows, members, created, granted are ${facts.join()}`;
      const told = [Object(granted.get(id)?.[0]?.facts['roles'])].flat().toSorted().join(' ');
      const there = books.roles.get(id) ?? '';
      return told === there ? undefined : `person ${id} has the roles ${there}, the entry says ${told}`;
    },
  );
  const ofKeys = flawsAmong([...keys.keys(), ...books.keys.keys()], (id) =>
    keys.get(id)?.length === books.keys.get(id) ? undefined : `key ${id} and its entry don't agree`,
  );
  return [...people, ...ofKeys];
}

function reconcileSessions(books: Books): readonly string[] {
  const started = entriesOf(books, 'session.started');
  const ended = entriesOf(books, 'session.ended');
  const refreshed = entriesOf(books, 'session.refreshed');
  const refused = entriesOf(books, 'session.refresh_refused');
  return flawsAmong(
    [...started.keys(), ...ended.keys(), ...refreshed.keys(), ...refused.keys(), ...books.sessions.keys()],
    (id) => {
      const isEnded = books.sessions.get(id);
      if (isEnded === undefined || started.get(id)?.length !== 1) return `session ${id} and its start don't agree`;
      const ends = [Number(isEnded), ended.get(id)?.length ?? 0, books.revocations.get(id) ?? 0];
      if (new Set(ends).size > 1) return `session ${id}: ended, entry, revocation are ${ends.join()}`;
      const rotated = refreshed.get(id)?.filter(({ facts }) => facts['outcome'] === 'rotated').length ?? 0;
      const tokens = books.refreshTokens.get(id) ?? 0;
      return tokens === 1 + rotated ? undefined : `session ${id} has ${tokens} refresh tokens and ${rotated} rotations`;
    },
  );
}

function flawsAmong(ids: readonly string[], flawOf: (id: string) => string | undefined): readonly string[] {
  return [...new Set(ids)].flatMap((id) => flawOf(id) ?? []);
}

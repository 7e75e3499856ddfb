import { type EpochMs, type PersonId, personId } from '../kernel/brand.ts';
import type { RowOf, Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';

const device = {
  id: 'text',
  person_id: 'text',
  digest: 'bytes',
  device: 'text?',
  created_at: 'int',
  last_seen_at: 'int',
  used_at: 'int?',
  remembered_at: 'int?',
  remembered_until: 'int?',
} as const;

const found = { ...device, cutoff: 'int?' } as const;
const columns = Object.keys(device).join(', ');
const withCutoff = `${columns}, (select max(before) from session_cutoff where kind = 'everyone') as cutoff`;

const insertDevice = insertion({ reach: 'platform', table: 'known_device', columns: device });

const selectDevice = statement({
  reach: 'platform',
  sql: `select ${withCutoff} from known_device where digest = :digest and person_id = :person`,
  params: { digest: 'bytes', person: 'text' },
  returns: found,
});

const selectDevices = statement({
  reach: 'platform',
  sql: `select ${withCutoff} from known_device where person_id = :person order by last_seen_at desc, id limit 100`,
  params: { person: 'text' },
  returns: found,
});

const seeDevice = statement({
  reach: 'platform',
  sql: 'update known_device set last_seen_at = :now, device = :device where id = :id',
  params: { id: 'text', now: 'int', device: 'text' },
});

/** `used_at is null` says that no session was begun with it yet. */
const useDevice = statement({
  reach: 'platform',
  sql: 'update known_device set used_at = :now where id = :id and person_id = :person and used_at is null',
  params: { id: 'text', person: 'text', now: 'int' },
});

const rememberDevice = statement({
  reach: 'platform',
  sql: 'update known_device set remembered_at = :now, remembered_until = :until where id = :id',
  params: { id: 'text', now: 'int', until: 'int' },
});

const unrememberDevices = statement({
  reach: 'platform',
  sql: 'update known_device set remembered_until = null where person_id = :person and remembered_until is not null',
  params: { person: 'text' },
});

/** To the hour, so that few refreshes write it; the first use at once, for from then on it is one that shows its cookie. */
const showDevice = statement({
  reach: 'platform',
  sql: `update known_device set last_seen_at = :now where id = :id and person_id = :person and digest = :digest
    and (last_seen_at = created_at or last_seen_at < :now - 3600000 or last_seen_at > :now)`,
  params: { id: 'text', person: 'text', digest: 'bytes', now: 'int' },
});

/** Those that have shown their cookie stay longest: a script that signs in without one never does, however often. */
const dropOldDevices = statement({
  reach: 'platform',
  sql: `delete from known_device where person_id = :person and id not in (
    select id from known_device where person_id = :person 
      order by case when last_seen_at <> created_at then 0 else 1 end, last_seen_at desc, id limit :most)`,
  params: { person: 'text', most: 'int' },
});

const forgetDevice = statement({
  reach: 'platform',
  sql: 'delete from known_device where id = :id and person_id = :person',
  params: { id: 'text', person: 'text' },
});

const selectOwner = statement({
  reach: 'platform',
  sql: 'select person_id from known_device where id = :id',
  params: { id: 'text' },
  returns: { person_id: 'text' },
});

/** What a session goes on by; the device's row is gone with it. */
const unbindSessions = statement({
  reach: 'platform',
  sql: 'update session set known_digest = null where person_id = :person and known_device = :id and ended_at is null',
  params: { id: 'text', person: 'text' },
});

const selectDigest = statement({
  reach: 'platform',
  sql: 'select digest from known_device where id = :id and person_id = :person',
  params: { id: 'text', person: 'text' },
  returns: { digest: 'bytes' },
});

const forgetDevices = statement({
  reach: 'platform',
  sql: 'delete from known_device where person_id = :person',
  params: { person: 'text' },
});

const boundaryOfDevices = statement({
  reach: 'platform',
  sql: 'select last_seen_at from known_device where last_seen_at <= :before order by last_seen_at limit 1 offset :most',
  params: { before: 'int', most: 'int' },
  returns: { last_seen_at: 'int' },
});

const dropDevices = statement({
  reach: 'platform',
  sql: 'delete from known_device where last_seen_at <= :before',
  params: { before: 'int' },
});

const habit = { person_id: 'text', seen: 'text', updated_at: 'int' } as const;

const insertHabit = insertion({
  reach: 'platform',
  table: 'session_habit',
  columns: habit,
  unless: ['person_id'],
});

const selectHabit = statement({
  reach: 'platform',
  sql: 'select person_id, seen, updated_at from session_habit where person_id = :person',
  params: { person: 'text' },
  returns: habit,
});

const updateHabit = statement({
  reach: 'platform',
  sql: 'update session_habit set seen = :seen, updated_at = :now where person_id = :person',
  params: { person: 'text', seen: 'text', now: 'int' },
});

const forgetHabit = statement({
  reach: 'platform',
  sql: 'delete from session_habit where person_id = :person',
  params: { person: 'text' },
});

export type KnownDeviceRow = RowOf<typeof found>;

export const deviceStore = {
  add: (tx: Tx, row: RowOf<typeof device>) => tx.insert(insertDevice, [row]),
  find: (tx: Tx, person: PersonId, digest: Uint8Array) => tx.one(selectDevice, { digest, person }),
  ownerOf: async (tx: Tx, id: string): Promise<PersonId | undefined> => {
    const row = await tx.one(selectOwner, { id });
    return row && personId(row.person_id);
  },
  of: (tx: Tx, person: PersonId) => tx.all(selectDevices, { person }),
  seen: (tx: Tx, id: string, now: EpochMs, sealed: string) => tx.run(seeDevice, { id, now, device: sealed }),
  /** @returns whether this is the first session with it; false too for a device that is none of the person's */
  firstUse: async (tx: Tx, person: PersonId, id: string, now: EpochMs): Promise<boolean> =>
    (await tx.run(useDevice, { id, person, now })) > 0,
  remember: (tx: Tx, id: string, now: EpochMs, until: EpochMs) => tx.run(rememberDevice, { id, now, until }),
  unremember: async (tx: Tx, person: PersonId): Promise<void> => void (await tx.run(unrememberDevices, { person })),
  /** Notes that a session of that device was refreshed by whoever has its secret. */
  shown: (tx: Tx, person: PersonId, id: string, digest: Uint8Array, now: EpochMs) =>
    tx.run(showDevice, { id, person, digest, now }),
  /** Leaves so many: those that were seen again, of these and of the others those that were seen last. */
  dropOldest: (tx: Tx, person: PersonId, most: number) => tx.run(dropOldDevices, { person, most }),
  /** @returns `undefined` also for a device of somebody else */
  digestOf: async (tx: Tx, person: PersonId, id: string | undefined): Promise<Uint8Array | undefined> =>
    id === undefined ? undefined : (await tx.one(selectDigest, { id, person }))?.digest,
  /** Its sessions no longer go on by it either. */
  forget: async (tx: Tx, person: PersonId, id: string): Promise<boolean> => {
    await tx.run(unbindSessions, { id, person });
    return (await tx.run(forgetDevice, { id, person })) > 0;
  },
  forgetAll: async (tx: Tx, person: PersonId): Promise<void> => {
    await tx.run(forgetDevices, { person });
    await tx.run(forgetHabit, { person });
  },
  /** Forgets about so many of those not seen since. @returns whether there are more */
  prune: async (tx: Tx, before: number, most: number): Promise<boolean> => {
    const reaches = await tx.one(boundaryOfDevices, { before, most });
    await tx.run(dropDevices, { before: reaches?.last_seen_at ?? before });
    return reaches !== undefined;
  },

  habit: async (tx: Tx, person: PersonId) => (await tx.one(selectHabit, { person }))?.seen,
  setHabit: async (tx: Tx, person: PersonId, seen: string, now: EpochMs): Promise<void> => {
    const held = await tx.insert(insertHabit, [{ person_id: person, seen, updated_at: now }]);
    if (held.length > 0) await tx.run(updateHabit, { person, seen, now });
  },
};

import { decodeBase64url, encodeBase64url, equalBytes } from '../crypto/index.ts';
import type { AuditSink } from '../kernel/audit.ts';
import { type EpochMs, epochMs, type PersonId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import { days } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import { newUuid, type Random } from '../kernel/random.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { SubjectKeys } from '../vault/index.ts';
import { sessionFault } from './errors.ts';
import { withBlock } from './habits.ts';
import { openKnownDevice, sealKnownDevice } from './live-session.ts';
import { digestOf } from './refresh-token.ts';
import type { Device, SessionRow } from './session.ts';
import { deviceStore, type KnownDeviceRow } from './store-devices.ts';
import { habitsOf, keepHabits } from './unusual.ts';

/** A browser that a person has signed in with before. */
export interface KnownDevice {
  readonly id: string;
  /** Until then it stands in for the second factor; `undefined` when it does not. */
  readonly rememberedUntil: EpochMs | undefined;
  /** Since when, so that a time that was made shorter holds for it too. */
  readonly rememberedAt: EpochMs | undefined;
}

export interface ListedDevice extends KnownDevice {
  readonly firstSeenAt: EpochMs;
  readonly lastSeenAt: EpochMs;
  readonly device: Device | undefined;
}

export interface DeviceWish {
  /** What the browser's cookie held. */
  readonly token?: string | undefined;
  /** For how long it is to stand in for the second factor: only after one was given. 90 days at most. */
  readonly rememberMs?: number | undefined;
  readonly device: Device;
}

/** The devices of people: a cookie with a secret of 256 bits for each of up to five people who share a browser. */
export interface Devices {
  known(person: PersonId, token: string | undefined): Promise<KnownDevice | undefined>;
  /** Whether a person has signed in from that address block lately: for clients that keep no cookie. */
  knowsAddress(person: PersonId, addressBlock: string): Promise<boolean>;
  /** Of one who has proved there otherwise who they are, as by a link in a mail. */
  learnAddress(tx: Tx, person: PersonId, addressBlock: string): Promise<void>;
  /**
   * Keeps a device, new or known. A secret is only ever made here: one that somebody planted in the browser, or that
   * another person of it knows, is not taken on.
   *
   * @returns the value for the cookie
   */
  keep(tx: Tx, actor: Actor, person: PersonId, wish: DeviceWish): Promise<{ id: string; token: string }>;
  list(person: PersonId): Promise<readonly ListedDevice[]>;
  /** Whose device it is: asked by the operator, and of blocks. */
  ownerOf(id: string): Promise<PersonId | undefined>;
  /** @throws SESSION_DEVICE_UNKNOWN also for one of somebody else */
  forget(actor: Actor, person: PersonId, id: string): Promise<void>;
  /** All of a person, and what is usual for them: an erasure. */
  forgetAll(tx: Tx, person: PersonId): Promise<void>;
  /** Lets none of a person's devices stand in for a second factor any more; they stay known. */
  unremember(tx: Tx, person: PersonId): Promise<void>;
}

export interface DeviceDeps {
  readonly storage: Storage;
  readonly audit: AuditSink;
  readonly subjects: SubjectKeys;
  readonly clock: Clock;
  readonly random: Random;
  /** How many a person has at most; fifty unless told. */
  readonly mostKnown?: number | undefined;
}

const SECRET_BYTES = 32;
const MAX_SHARED = 5; // people of one browser
const MAX_KNOWN = 50; // devices of one person
const MAX_REMEMBER_MS = days(90);
const KNOWN_ADDRESS_MS = days(90);

export function createDevices(deps: DeviceDeps): Devices {
  const { storage, audit, subjects, clock, random, mostKnown = MAX_KNOWN } = deps;

  /** The device among the cookie's secrets that is this person's. */
  async function find(tx: Tx, person: PersonId, token: string | undefined): Promise<Found | undefined> {
    for (const secret of secretsIn(token)) {
      const row = await deviceStore.find(tx, person, digestOf(secret));
      if (row !== undefined) return { row, secret };
    }
    return undefined;
  }

  async function make(tx: Tx, actor: Actor, person: PersonId, device: string): Promise<{ id: string; secret: string }> {
    const [id, secret] = [newUuid(clock, random), encodeBase64url(random.bytes(SECRET_BYTES))];
    await deviceStore.dropOldest(tx, person, mostKnown - 1);
    const now = clock.now();
    await deviceStore.add(tx, {
      ...{ id, person_id: person, digest: digestOf(secret), device, created_at: now, last_seen_at: now },
      ...{ remembered_at: null, remembered_until: null, used_at: null },
    });
    const object = { type: 'device', id };
    await audit.record(tx, { ...actor, action: 'device.added', outcome: 'done', object, facts: { person } });
    return { id, secret };
  }

  async function remember(tx: Tx, actor: Actor, id: string, rememberMs: number): Promise<void> {
    const now = clock.now();
    const until = epochMs(now + Math.min(rememberMs, MAX_REMEMBER_MS));
    await deviceStore.remember(tx, id, now, until);
    const object = { type: 'device', id };
    const facts = { until };
    await audit.record(tx, { ...actor, action: 'device.remembered', outcome: 'done', object, facts });
  }

  return {
    known: (person, token) =>
      storage.read(platform, async (tx) => {
        const found = await find(tx, person, token);
        return found && { id: found.row.id, ...rememberedOf(found.row, clock.now()) };
      }),
    knowsAddress: (person, addressBlock) =>
      storage.read(platform, async (tx) => {
        const { blocks } = await habitsOf(tx, subjects, person);
        return blocks.some(([block, at]) => block === addressBlock && at > clock.now() - KNOWN_ADDRESS_MS);
      }),
    learnAddress: async (tx, person, addressBlock) => {
      const [habits, now] = [await habitsOf(tx, subjects, person), clock.now()];
      await keepHabits(tx, subjects, person, withBlock(habits, addressBlock, now), now);
    },
    keep: async (tx, actor, person, { token, rememberMs, device }) => {
      const found = await find(tx, person, token);
      const sealed = await sealKnownDevice(tx, subjects, person, device);
      const { id, secret } =
        found === undefined ? await make(tx, actor, person, sealed) : { id: found.row.id, secret: found.secret };
      if (found !== undefined) await deviceStore.seen(tx, id, clock.now(), sealed);
      if (rememberMs !== undefined && rememberMs > 0) await remember(tx, actor, id, rememberMs);
      const others = secretsIn(token).filter((other) => other !== secret);
      return { id, token: [secret, ...others].slice(0, MAX_SHARED).join('.') };
    },
    ownerOf: (id) => storage.read(platform, (tx) => deviceStore.ownerOf(tx, id)),
    list: (person) =>
      storage.read(platform, async (tx) => {
        const now = clock.now();
        const rows = await deviceStore.of(tx, person);
        return Promise.all(
          rows.map(async (row) => ({
            id: row.id,
            ...rememberedOf(row, now),
            firstSeenAt: epochMs(row.created_at),
            lastSeenAt: epochMs(row.last_seen_at),
            device: await openKnownDevice(tx, subjects, person, row.device),
          })),
        );
      }),
    forget: (actor, person, id) =>
      storage.write(platform, async (tx) => {
        if (!(await deviceStore.forget(tx, person, id))) throw sessionFault('SESSION_DEVICE_UNKNOWN');
        const object = { type: 'device', id };
        await audit.record(tx, { ...actor, action: 'device.forgotten', outcome: 'done', object });
      }),
    forgetAll: (tx, person) => deviceStore.forgetAll(tx, person),
    unremember: (tx, person) => deviceStore.unremember(tx, person),
  };
}

interface Found {
  readonly row: KnownDeviceRow;
  readonly secret: string;
}

/** Whether a cookie names the device that a session was begun on. */
export async function isDeviceOf(
  tx: Tx,
  { personId, knownDeviceId, knownDigest }: Pick<SessionRow, 'personId' | 'knownDeviceId' | 'knownDigest'>,
  token: string | undefined,
): Promise<boolean> {
  if (knownDeviceId === undefined) return false;
  if (knownDigest !== undefined) return secretsIn(token).some((secret) => equalBytes(digestOf(secret), knownDigest));
  for (const secret of secretsIn(token))
    if ((await deviceStore.find(tx, personId, digestOf(secret)))?.id === knownDeviceId) return true;
  return false;
}

/** Notes that the device of a session was there, where its cookie says so. */
export async function noteShown(
  tx: Tx,
  { personId, knownDeviceId }: Pick<SessionRow, 'personId' | 'knownDeviceId'>,
  token: string | undefined,
  now: EpochMs,
): Promise<void> {
  if (knownDeviceId === undefined) return;
  await Promise.all(
    secretsIn(token).map((secret) => deviceStore.shown(tx, personId, knownDeviceId, digestOf(secret), now)),
  );
}

/** The secrets of a cookie in their order; what is none of ours is passed over, and so is what stands behind the fifth. */
function secretsIn(token: string | undefined): readonly string[] {
  if (token === undefined || token.length > 256) return [];
  const secrets = token.split('.').filter((part) => decodeBase64url(part)?.length === SECRET_BYTES);
  return [...new Set(secrets)].slice(0, MAX_SHARED);
}

/** The end of everybody's sessions is the end of what was remembered before it too. */
function rememberedOf(row: KnownDeviceRow, now: EpochMs): Pick<KnownDevice, 'rememberedAt' | 'rememberedUntil'> {
  const { remembered_at: at, remembered_until: until, cutoff } = row;
  if (at === null || until === null || until <= now || (cutoff !== null && at <= cutoff))
    return { rememberedAt: undefined, rememberedUntil: undefined };
  return { rememberedAt: epochMs(at), rememberedUntil: epochMs(until) };
}

import { addressBlock } from '../http/index.ts';
import type { AuditSink } from '../kernel/audit.ts';
import type { EpochMs, PersonId, SessionId, TenantId } from '../kernel/brand.ts';
import type { Actor } from '../kernel/principal.ts';
import type { Tx } from '../kernel/tx.ts';
import type { SubjectKeys } from '../vault/index.ts';
import { agentOf, wordsOf } from './agent.ts';
import type { SessionConfig } from './config.ts';
import {
  type Habits,
  NO_HABITS,
  networkOf,
  type Reason,
  readHabits,
  reasonsOf,
  type Traits,
  withTraits,
} from './habits.ts';
import { openOrNothing } from './live-session.ts';
import type { Place } from './places.ts';
import type { Device } from './session.ts';
import { deviceStore } from './store-devices.ts';

/** A sign-in from a new device that is unlike those before it. */
export interface UnusualSignIn {
  readonly personId: PersonId;
  readonly tenantId: TenantId;
  readonly sessionId: SessionId;
  readonly profile: string;
  readonly at: EpochMs;
  readonly reasons: readonly Reason[];
  /** `Firefox on Windows`. */
  readonly device: string;
  readonly address: string;
  readonly place: Place | undefined;
}

/**
 * Who hears of it, inside the write that begins the session. What can't be told must not refuse the sign-in: a port
 * throws nothing over a channel that is off or a queue that is full.
 */
export interface SessionNotices {
  /** For webhooks and alerts. */
  publish(tx: Tx, signIn: UnusualSignIn): Promise<void>;
  /** For the person, by e-mail; not asked where `noticeNewDevice` is off. */
  notify(tx: Tx, signIn: UnusualSignIn, text: string): Promise<void>;
  /** For both, once: a session ends but once. */
  replayed?(tx: Tx, session: ReplayedSession): Promise<void>;
}

/** A refresh token that two parties hold: its session was ended in the write that tells of it. */
export interface ReplayedSession {
  readonly personId: PersonId;
  readonly tenantId: TenantId;
  readonly sessionId: SessionId;
  readonly profile: string;
  readonly at: EpochMs;
}

export interface UnusualDeps {
  readonly subjects: SubjectKeys;
  readonly audit: AuditSink;
  readonly config: SessionConfig;
  readonly notices?: SessionNotices | undefined;
}

/** One sign-in that is about to be. */
export interface Beginning {
  readonly sessionId: SessionId;
  readonly personId: PersonId;
  readonly tenantId: TenantId;
  readonly profile: string;
  readonly knownDeviceId: string | undefined;
  readonly device: Device;
  readonly place: Place | undefined;
  readonly at: EpochMs;
}

const HABIT_COLUMN = 'session_habit.seen';

/** What is usual for a person, as far as it opens. */
export async function habitsOf(tx: Tx, subjects: SubjectKeys, person: PersonId): Promise<Habits> {
  const text = await deviceStore.habit(tx, person);
  const plain = text && (await openOrNothing(tx, subjects, person, { column: HABIT_COLUMN, text }));
  return plain ? readHabits(plain) : NO_HABITS;
}

export async function keepHabits(
  tx: Tx,
  subjects: SubjectKeys,
  person: PersonId,
  habits: Habits,
  at: EpochMs,
): Promise<void> {
  await deviceStore.setHabit(tx, person, await subjects.seal(tx, person, HABIT_COLUMN, JSON.stringify(habits)), at);
}

/** Holds a sign-in against what is usual for its person, and learns from it. @returns whether it was unusual */
export function createUnusual({ subjects, audit, config, notices }: UnusualDeps) {
  async function tell(tx: Tx, actor: Actor, signIn: UnusualSignIn): Promise<void> {
    const { sessionId: id, tenantId, personId, profile, reasons } = signIn;
    const object = { type: 'session', id };
    const facts = { profile, person: personId, reasons: ['device', ...reasons] };
    await audit.record(tx, { ...actor, tenantId, action: 'session.suspicious', outcome: 'done', object, facts });
    await notices?.publish(tx, signIn);
    if (config.noticeNewDevice) await notices?.notify(tx, signIn, noticeOf(signIn));
  }

  return async function watch(tx: Tx, actor: Actor, beginning: Beginning): Promise<boolean> {
    const { personId, knownDeviceId, device, place, at } = beginning;
    const agent = wordsOf(agentOf(device.userAgent));
    const [network, block] = [networkOf(device.address), addressBlock(device.address)];
    const traits: Traits = { network, block, agent, country: place?.country };
    const habits = await habitsOf(tx, subjects, personId);
    await keepHabits(tx, subjects, personId, withTraits(habits, traits, at), at);
    const isNew = knownDeviceId === undefined || (await deviceStore.firstUse(tx, personId, knownDeviceId, at));
    const reasons = isNew ? reasonsOf(habits, traits) : [];
    if (reasons.length === 0) return false;
    const { sessionId, tenantId, profile } = beginning;
    const { address } = device;
    await tell(tx, actor, { sessionId, personId, tenantId, profile, at, reasons, device: agent, address, place });
    return true;
  };
}

/** What the person reads; they may be told by any channel. */
function noticeOf({ device, address, place, at }: UnusualSignIn): string {
  const where = place?.name ?? place?.country;
  return [
    `There was a sign-in to your account from a device that we had not seen before: ${device}, from ${address}`,
    `${where === undefined ? '' : ` (about ${where})`}, at ${new Date(at).toISOString()}.`,
    '\n\nIf that was you, there is nothing to do. If it was not: change your password now, and then end all sessions',
    ' ("log out everywhere"). Whoever signed in is out from that moment on.',
  ].join('');
}

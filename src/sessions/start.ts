import type { AuditSink } from '../kernel/audit.ts';
import { type EpochMs, epochMs, type PersonId, type RealmId, sessionId, type TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Actor, PersonPrincipal } from '../kernel/principal.ts';
import type { Random } from '../kernel/random.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { SubjectKeys } from '../vault/index.ts';
import { agentOf } from './agent.ts';
import type { SessionConfig } from './config.ts';
import type { Ends } from './ends.ts';
import { sessionFault } from './errors.ts';
import { sealDevice } from './live-session.ts';
import type { Places } from './places.ts';
import { amrText } from './proof.ts';
import { digestOf, newDeviceSecret, newRefreshToken } from './refresh-token.ts';
import type { Revocations } from './revocations.ts';
import type { Device, Grant } from './session.ts';
import { sessionStore } from './store.ts';
import { deviceStore } from './store-devices.ts';
import type { SettledTerms } from './terms.ts';
import { createUnusual, type SessionNotices } from './unusual.ts';
import type { Use } from './use.ts';

/** Whom a session is for: proved by a flow that has checked every factor. */
export interface Subject {
  /** Asked again inside the write: what was proved a moment ago may have been changed since. @throws to refuse */
  readonly confirm: (tx: Tx) => Promise<void>;
  readonly personId: PersonId;
  readonly username: string;
  readonly realmId: RealmId;
  readonly tenantId: TenantId;
  /** How they proved it. @see RFC 8176 */
  readonly amr: readonly string[];
  readonly secondFactorAt?: EpochMs | undefined;
  /** False where a remembered device stood in for the second factor: what is sensitive asks for it then. */
  readonly proved: boolean;
  /** The device by its cookie, where it has one; a session without counts as one from a new device. */
  readonly knownDeviceId?: string | undefined;
}

export interface StartDeps {
  readonly storage: Storage;
  readonly audit: AuditSink;
  readonly subjects: SubjectKeys;
  readonly clock: Clock;
  readonly random: Random;
  readonly config: SessionConfig;
  readonly places?: Places | undefined;
  readonly notices?: SessionNotices | undefined;
  readonly revocations: Pick<Revocations, 'beginningOf'>;
  readonly ends: Pick<Ends, 'endOne'>;
  readonly use: Pick<Use, 'count'>;
}

/** A session that was just begun. */
export interface Started {
  readonly principal: PersonPrincipal;
  readonly begunAt: EpochMs;
  readonly expiresAt: EpochMs;
  readonly amr: readonly string[];
  readonly given: Pick<Grant, 'refreshToken' | 'deviceSecret'>;
}

/** All of it that is stored, drawn before the write, which may run twice. */
interface Draft {
  readonly subject: Subject;
  readonly terms: SettledTerms;
  readonly device: Device;
  readonly principal: PersonPrincipal;
  readonly begunAt: EpochMs;
  readonly expiresAt: EpochMs;
  readonly deviceSecret: string;
  readonly refreshToken: string | undefined;
}

type Begun = 'begun' | 'unusual' | 'full';

/** Begins sessions: never under an id that was there before. */
export function createStart(deps: StartDeps) {
  const { storage, audit, subjects, clock, random, config, revocations, ends, use } = deps;
  const watch = createUnusual(deps);

  /** Makes room for one more session. @returns false where the sign-in has to be refused */
  async function makeRoom(tx: Tx, actor: Actor, { personId, tenantId }: Subject, now: EpochMs): Promise<boolean> {
    const { maxPerPerson: most, whenFull } = config;
    if (most === 0) return true;
    // Serializable: of sign-ins at the same time none counts without seeing the others.
    const live = (await sessionStore.live(tx, personId, now, config.idleMs)).filter(({ ended }) => !ended);
    if (live.length < most) return true;
    const refused = whenFull === 'refuse';
    const oldest = [...live].sort((a, b) => a.authenticatedAt - b.authenticatedAt).slice(0, live.length - most + 1);
    if (!refused) for (const session of oldest) await ends.endOne(tx, session, now, 'too many sessions');
    const object = { type: 'person', id: personId };
    const outcome = refused ? 'refused' : 'done';
    const facts = { most, ended: refused ? 0 : oldest.length };
    await audit.record(tx, { ...actor, tenantId, action: 'session.limit_reached', outcome, object, facts });
    return !refused;
  }

  async function store(tx: Tx, draft: Draft): Promise<void> {
    const { subject, principal, terms, device, refreshToken, begunAt, expiresAt } = draft;
    const { sessionId: id, authenticatedAt: now } = principal;
    await sessionStore.add(tx, {
      ...{ id, realm_id: subject.realmId, person_id: subject.personId, tenant_id: subject.tenantId },
      ...{ authenticated_at: begunAt, last_used_at: now, expires_at: expiresAt, ended_at: null },
      device: await sealDevice(tx, subjects, subject.personId, device),
      device_digest: digestOf(draft.deviceSecret),
      device_proved: false,
      profile: terms.profile,
      idle_ms: terms.idleMs ?? null,
      amr: amrText(subject.amr),
      proved_at: subject.proved ? now : null,
      second_factor_at: subject.secondFactorAt ?? null,
      known_device: subject.knownDeviceId ?? null,
      known_digest: (await deviceStore.digestOf(tx, subject.personId, subject.knownDeviceId)) ?? null,
      device_kind: agentOf(device.userAgent).kind,
    });
    if (refreshToken !== undefined) await sessionStore.addRefresh(tx, digestOf(refreshToken), id, expiresAt);
  }

  function draftOf(subject: Subject, device: Device, terms: SettledTerms): Draft {
    const now = clock.now();
    const id = sessionId(random.bytes(16).toString('hex'));
    const { personId, username, realmId, tenantId } = subject;
    const holder = { personId, username, realmId, tenantId, sessionId: id, authenticatedAt: now };
    return {
      ...{ subject, device, terms, principal: { kind: 'person', ...holder } },
      begunAt: revocations.beginningOf(holder),
      expiresAt: epochMs(now + terms.absoluteMs),
      deviceSecret: newDeviceSecret(random),
      refreshToken: terms.refresh ? newRefreshToken(random) : undefined,
    };
  }

  return async function start(actor: Actor, subject: Subject, device: Device, terms: SettledTerms): Promise<Started> {
    const draft = draftOf(subject, device, terms);
    const { principal, begunAt, expiresAt, refreshToken, deviceSecret } = draft;
    const { authenticatedAt: at, sessionId: id } = principal;
    const { personId, tenantId, knownDeviceId, amr } = subject;
    const { profile } = terms;
    const place = await deps.places?.of(device.address);
    const begun = await storage.write(platform, async (tx): Promise<Begun> => {
      await subject.confirm(tx);
      if (!(await makeRoom(tx, actor, subject, at))) return 'full';
      await store(tx, draft);
      const entry = { ...actor, principal, tenantId, object: { type: 'session', id } };
      await audit.record(tx, { ...entry, action: 'session.started', outcome: 'done', facts: { profile } });
      const beginning = { sessionId: id, personId, tenantId, profile, knownDeviceId, device, place, at };
      return (await watch(tx, { ...actor, principal }, beginning)) ? 'unusual' : 'begun';
    });
    use.count(tenantId, begun === 'full' ? 'refused' : 'started');
    if (begun === 'full') throw sessionFault('SESSION_LIMIT', { most: config.maxPerPerson });
    if (begun === 'unusual') use.count(tenantId, 'suspicious');
    // The secret binds refresh tokens; where there is none it would bind nothing.
    const given = { refreshToken, deviceSecret: refreshToken === undefined ? undefined : deviceSecret };
    return { principal, begunAt, expiresAt, amr, given };
  };
}

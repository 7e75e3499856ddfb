import type { AuditSink } from '../kernel/audit.ts';
import {
  type EpochMs,
  epochMs,
  type PersonId,
  type RealmId,
  type SessionId,
  sessionId,
  type TenantId,
} from '../kernel/brand.ts';
import { type Clock, days } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import type { Actor, PersonPrincipal } from '../kernel/principal.ts';
import type { Random } from '../kernel/random.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { SubjectKeys } from '../vault/index.ts';
import type { SessionConfig } from './config.ts';
import { sessionFault } from './errors.ts';
import { digestOf, isRefreshToken, newDeviceSecret, newRefreshToken, sealSuccessor } from './refresh-token.ts';
import type { Revocations } from './revocations.ts';
import { type Rotation, rotate } from './rotation.ts';
import type { Device, Grant, SessionRow } from './session.ts';
import { sessionStore } from './store.ts';
import type { Tokens } from './tokens.ts';

export interface SessionDeps {
  readonly storage: Storage;
  readonly audit: AuditSink;
  readonly subjects: SubjectKeys;
  readonly tokens: Tokens;
  readonly revocations: Revocations;
  readonly clock: Clock;
  readonly random: Random;
  readonly config: SessionConfig;
  /** The name to put into a token; `undefined` when the person may no longer sign in. */
  readonly usernameOf: (tx: Tx, person: PersonId) => Promise<string | undefined>;
}

/** Whom a session is for: proved by a flow that has checked every factor. */
export interface Subject {
  /** Asked again inside the write: what was proved a moment ago may have been changed since. @throws to refuse */
  readonly confirm: (tx: Tx) => Promise<void>;
  readonly personId: PersonId;
  readonly username: string;
  readonly realmId: RealmId;
  readonly tenantId: TenantId;
}

export interface LiveSession {
  readonly id: SessionId;
  readonly startedAt: EpochMs;
  readonly lastUsedAt: EpochMs;
  readonly expiresAt: EpochMs;
  readonly device: Device | undefined;
}

export interface Sessions {
  start(actor: Actor, subject: Subject, device: Device): Promise<Grant>;
  /**
   * Trades a refresh token for the next one. Each token works once; the same device asking again within the grace (its
   * answer was lost) gets the same successor. Any other repeat means that two parties hold the token, so the family ends.
   *
   * @throws SESSION_EXPIRED, SESSION_REVOKED, SESSION_UNKNOWN, SESSION_DEVICE
   * @see RFC 9700 §4.14.2
   */
  refresh(actor: Actor, presented: string, device: string | undefined): Promise<Grant>;
  list(person: PersonId): Promise<readonly LiveSession[]>;
  /** Ends one session of that person. @throws SESSION_NOT_FOUND also for one of somebody else */
  end(actor: Actor, person: PersonId, id: SessionId, reason: string): Promise<void>;
  /** Ends all sessions of a person inside `tx`: a password was changed, an account disabled. @returns how many */
  endAll(tx: Tx, actor: Actor, person: PersonId, reason: string): Promise<number>;
  /** Forgets what ran out more than a week ago. */
  prune(): Promise<void>;
}

const DEVICE_COLUMN = 'session.device';

export function createSessions(deps: SessionDeps): Sessions {
  const { storage, audit, subjects, tokens, revocations, clock, random, config } = deps;

  async function start(actor: Actor, subject: Subject, device: Device): Promise<Grant> {
    const now = clock.now();
    const id = sessionId(random.bytes(16).toString('hex'));
    const deviceSecret = newDeviceSecret(random);
    const refreshToken = newRefreshToken(random);
    const { confirm, ...holder } = subject;
    const principal: PersonPrincipal = { kind: 'person', ...holder, sessionId: id, authenticatedAt: now };
    await storage.write(platform, async (tx) => {
      await confirm(tx);
      await sessionStore.add(tx, {
        id,
        realm_id: subject.realmId,
        person_id: subject.personId,
        tenant_id: subject.tenantId,
        authenticated_at: now,
        last_used_at: now,
        expires_at: now + config.absoluteMs,
        device: await subjects.seal(tx, subject.personId, DEVICE_COLUMN, JSON.stringify(device)),
        device_digest: digestOf(deviceSecret),
        device_proved: false,
        ended_at: null,
      });
      await sessionStore.addRefresh(tx, digestOf(refreshToken), id, now + config.absoluteMs);
      const entry = { ...actor, principal, tenantId: subject.tenantId };
      await audit.record(tx, { ...entry, action: 'session.started', outcome: 'done', object: { type: 'session', id } });
    });
    return grantOf(principal, epochMs(now + config.absoluteMs), refreshToken, deviceSecret);
  }

  async function refresh(actor: Actor, presented: string, device: string | undefined): Promise<Grant> {
    if (!isRefreshToken(presented)) throw sessionFault('SESSION_UNKNOWN');
    const successor = newRefreshToken(random);
    const offer = { token: presented, device, successor, sealedSuccessor: sealSuccessor(presented, successor, random) };
    const { rotation, username } = await storage.write(platform, async (tx) => {
      const now = clock.now();
      const owner = await ownerOf(tx, presented);
      const name = owner && (await deps.usernameOf(tx, owner.personId));
      const barred = owner !== undefined && name === undefined && !owner.ended; // disabled or gone: nothing rotates
      const outcome: Rotation = barred ? { kind: 'revoked', session: owner } : await rotate(tx, offer, config, now);
      if (barred) await endOne(tx, owner, now, 'its person may not sign in');
      if (outcome.kind === 'replayed') await endOne(tx, outcome.session, now, 'replay');
      await recordRotation(tx, actor, outcome);
      return { rotation: outcome, username: name };
    });
    return grantOrThrow(rotation, username);
  }

  async function ownerOf(tx: Tx, presented: string): Promise<SessionRow | undefined> {
    const row = await sessionStore.refresh(tx, digestOf(presented));
    return row && sessionStore.get(tx, row.sessionId);
  }

  function grantOrThrow(rotation: Rotation, username: string | undefined): Promise<Grant> {
    switch (rotation.kind) {
      case 'rotated':
      case 'repeated':
        if (username === undefined) throw sessionFault('SESSION_REVOKED');
        return grantOf(
          principalOf(rotation.session, username),
          rotation.session.expiresAt,
          rotation.refreshToken,
          undefined,
        );
      case 'replayed': // the family was ended in that same write: whoever races us finds every token dead
      case 'revoked':
        throw sessionFault('SESSION_REVOKED');
      case 'foreign-device':
        throw sessionFault('SESSION_DEVICE');
      case 'expired':
        throw sessionFault('SESSION_EXPIRED');
      case 'unknown':
        throw sessionFault('SESSION_UNKNOWN');
    }
  }

  async function recordRotation(tx: Tx, actor: Actor, rotation: Rotation): Promise<void> {
    if (rotation.kind === 'unknown') return; // nobody's token: counted with the anonymous refusals by the line
    const { session, kind } = rotation;
    const good = kind === 'rotated' || kind === 'repeated';
    const object = { type: 'session', id: session.id };
    const personal = { subject: session.personId, values: {} };
    await audit.record(tx, {
      ...actor,
      tenantId: session.tenantId,
      action: good ? 'session.refreshed' : 'session.refresh_refused',
      outcome: good ? 'done' : 'refused',
      object,
      facts: { outcome: kind },
      personal,
    });
  }

  async function endOne(tx: Tx, session: SessionRow, now: EpochMs, reason: string): Promise<void> {
    await sessionStore.end(tx, session.id, now, reason);
    await revocations.add(tx, 'session', session.id);
  }

  async function grantOf(
    principal: PersonPrincipal,
    endsAt: EpochMs,
    refreshToken: string,
    deviceSecret: string | undefined,
  ): Promise<Grant> {
    const accessToken = await tokens.sign(principal, endsAt);
    const expiresInS = Math.floor(Math.min(config.accessMs, endsAt - clock.now()) / 1_000);
    return { accessToken, expiresInS, refreshToken, sessionId: principal.sessionId, deviceSecret };
  }

  return {
    start,
    refresh,
    prune: () => storage.write(platform, (tx) => sessionStore.prune(tx, clock.now(), clock.now() - days(7))),
    list: (person) =>
      storage.read(platform, async (tx) => {
        const now = clock.now();
        const rows = await sessionStore.live(tx, person, now, now - config.idleMs);
        return Promise.all(rows.map((row) => liveOf(tx, subjects, row, config)));
      }),
    end: async (actor, person, id, reason) => {
      await storage.write(platform, async (tx) => {
        const session = await sessionStore.get(tx, id);
        if (session === undefined || session.personId !== person || session.ended)
          throw sessionFault('SESSION_NOT_FOUND');
        await endOne(tx, session, clock.now(), reason);
        const object = { type: 'session', id };
        await audit.record(tx, { ...actor, action: 'session.ended', outcome: 'done', object, facts: { reason } });
      });
    },
    endAll: async (tx, actor, person, reason) => {
      const sessions = await sessionStore.endAllOf(tx, person, clock.now(), reason);
      // Each by its id, for a refresh in the same group commit signs its token a moment after this.
      for (const session of sessions) await revocations.add(tx, 'session', session);
      await revocations.add(tx, 'person', person);
      const ended = sessions.length;
      const object = { type: 'person', id: person };
      await audit.record(tx, {
        ...actor,
        action: 'session.all_ended',
        outcome: 'done',
        object,
        facts: { reason, ended },
      });
      return ended;
    },
  };
}

function principalOf(session: SessionRow, username: string): PersonPrincipal {
  const { personId, realmId, tenantId, authenticatedAt } = session;
  return { kind: 'person', personId, sessionId: session.id, realmId, tenantId, username, authenticatedAt };
}

async function liveOf(tx: Tx, subjects: SubjectKeys, row: SessionRow, config: SessionConfig): Promise<LiveSession> {
  const plain = row.device && (await deviceText(tx, subjects, row.personId, row.device));
  return {
    id: row.id,
    startedAt: row.authenticatedAt,
    lastUsedAt: row.lastUsedAt,
    expiresAt: epochMs(Math.min(row.expiresAt, row.lastUsedAt + config.idleMs)),
    device: plain === undefined ? undefined : (JSON.parse(plain) as Device), // sealed by ourselves, above
  };
}

/** Undefined where the person's key was destroyed, or another made since: a session may outlive what was known of it. */
async function deviceText(
  tx: Tx,
  subjects: SubjectKeys,
  person: PersonId,
  sealed: string,
): Promise<string | undefined> {
  try {
    return await subjects.open(tx, person, DEVICE_COLUMN, sealed);
  } catch (error) {
    if (isFault(error, 'VAULT_SUBJECT_ERASED') || isFault(error, 'VAULT_UNREADABLE')) return undefined;
    throw error;
  }
}

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
import type { Actor, PersonPrincipal } from '../kernel/principal.ts';
import type { Random } from '../kernel/random.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { SubjectKeys } from '../vault/index.ts';
import type { SessionConfig } from './config.ts';
import { sessionFault } from './errors.ts';
import { type LiveSession, liveOf, sealDevice } from './live-session.ts';
import { digestOf, isRefreshToken, newDeviceSecret, newRefreshToken, sealSuccessor } from './refresh-token.ts';
import type { Revocations } from './revocations.ts';
import { type Held, type Rotation, rotate } from './rotation.ts';
import type { Device, Grant, SessionRow } from './session.ts';
import { sessionStore } from './store.ts';
import { type SettledTerms, settle, type Terms } from './terms.ts';
import type { Tokens } from './tokens.ts';

export interface SessionDeps {
  readonly storage: Storage;
  readonly audit: AuditSink;
  readonly subjects: SubjectKeys;
  /** The native issuer. */
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

export interface Sessions {
  /** @param terms those of the native API unless told */
  start(actor: Actor, subject: Subject, device: Device, terms?: Terms): Promise<Grant>;
  /**
   * Trades a refresh token for the next one. Each token works once; the same device asking again within the grace (its
   * answer was lost) gets the same successor. Any other repeat means that two parties hold the token, so the family ends.
   *
   * @param terms those of the profile that asks: a token of another one is as unknown here as none
   * @throws SESSION_EXPIRED, SESSION_REVOKED, SESSION_UNKNOWN, SESSION_DEVICE
   * @see RFC 9700 §4.14.2
   */
  refresh(actor: Actor, presented: string, device: string | undefined, terms?: Terms): Promise<Grant>;
  list(person: PersonId): Promise<readonly LiveSession[]>;
  /** Ends one session of that person. @throws SESSION_NOT_FOUND also for one of somebody else */
  end(actor: Actor, person: PersonId, id: SessionId, reason: string): Promise<void>;
  /** Ends all sessions of a person inside `tx`: a password was changed, an account disabled. @returns how many */
  endAll(tx: Tx, actor: Actor, person: PersonId, reason: string): Promise<number>;
  /** Forgets what ran out more than a week ago. */
  prune(): Promise<void>;
}

export function createSessions(deps: SessionDeps): Sessions {
  const { storage, audit, subjects, tokens, revocations, clock, random, config } = deps;

  async function start(actor: Actor, subject: Subject, device: Device, wanted?: Terms): Promise<Grant> {
    const terms = settle(wanted, tokens, config);
    const now = clock.now();
    const id = sessionId(random.bytes(16).toString('hex'));
    const deviceSecret = newDeviceSecret(random);
    const refreshToken = terms.refresh ? newRefreshToken(random) : undefined;
    const expiresAt = epochMs(now + terms.absoluteMs);
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
        expires_at: expiresAt,
        device: await sealDevice(tx, subjects, subject.personId, device),
        device_digest: digestOf(deviceSecret),
        device_proved: false,
        ended_at: null,
        profile: terms.profile,
        idle_ms: terms.idleMs ?? null,
      });
      if (refreshToken !== undefined) await sessionStore.addRefresh(tx, digestOf(refreshToken), id, expiresAt);
      const entry = { ...actor, principal, tenantId: subject.tenantId, object: { type: 'session', id } };
      const facts = { profile: terms.profile };
      await audit.record(tx, { ...entry, action: 'session.started', outcome: 'done', facts });
    });
    const secret = terms.refresh ? deviceSecret : undefined; // it binds refresh tokens, and here is none
    return grantOf(terms, principal, expiresAt, { refreshToken, deviceSecret: secret });
  }

  async function refresh(actor: Actor, presented: string, device: string | undefined, wanted?: Terms): Promise<Grant> {
    const terms = settle(wanted, tokens, config);
    if (!terms.refresh || !isRefreshToken(presented)) throw sessionFault('SESSION_UNKNOWN');
    const successor = newRefreshToken(random);
    const sealedSuccessor = sealSuccessor(presented, successor, random);
    const offer = { token: presented, device, profile: terms.profile, successor, sealedSuccessor };
    const rotation = await storage.write(platform, async (tx) => {
      const now = clock.now();
      const held = await heldOf(tx, presented);
      const outcome: Rotation = held === undefined ? { kind: 'unknown' } : await rotate(tx, offer, held, config, now);
      if (outcome.kind === 'barred') await endOne(tx, outcome.session, now, 'its person may not sign in');
      if (outcome.kind === 'replayed') await endOne(tx, outcome.session, now, 'replay');
      await recordRotation(tx, actor, outcome);
      return outcome;
    });
    return grantOrThrow(terms, rotation);
  }

  async function heldOf(tx: Tx, presented: string): Promise<Held | undefined> {
    const row = await sessionStore.refresh(tx, digestOf(presented));
    const session = row && (await sessionStore.get(tx, row.sessionId));
    return session && { row, session, username: await deps.usernameOf(tx, session.personId) };
  }

  function grantOrThrow(terms: SettledTerms, rotation: Rotation): Promise<Grant> {
    switch (rotation.kind) {
      case 'rotated':
      case 'repeated': {
        const { session, username, refreshToken } = rotation;
        const given = { refreshToken, deviceSecret: undefined };
        return grantOf(terms, principalOf(session, username), session.expiresAt, given);
      }
      case 'replayed': // the family was ended in that same write: whoever races us finds every token dead
      case 'barred':
      case 'revoked':
        throw sessionFault('SESSION_REVOKED');
      case 'foreign-device':
        throw sessionFault('SESSION_DEVICE');
      case 'expired':
        throw sessionFault('SESSION_EXPIRED');
      case 'foreign-profile': // good elsewhere, which is nothing that one has to be told here
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
    terms: SettledTerms,
    principal: PersonPrincipal,
    endsAt: EpochMs,
    given: Pick<Grant, 'refreshToken' | 'deviceSecret'>,
  ): Promise<Grant> {
    const now = clock.now();
    const notAfter = epochMs(Math.min(now + terms.accessMs, endsAt));
    const accessToken = await terms.tokens.sign(principal, notAfter);
    return { accessToken, expiresInS: Math.floor((notAfter - now) / 1_000), sessionId: principal.sessionId, ...given };
  }

  return {
    start,
    refresh,
    prune: () => storage.write(platform, (tx) => sessionStore.prune(tx, clock.now(), clock.now() - days(7))),
    list: (person) =>
      storage.read(platform, async (tx) => {
        const now = clock.now();
        const rows = await sessionStore.live(tx, person, now, config.idleMs);
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

import type { AuditSink } from '../kernel/audit.ts';
import { type EpochMs, epochMs, type PersonId, type SessionId, type TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Actor, PersonPrincipal } from '../kernel/principal.ts';
import type { Random } from '../kernel/random.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { SubjectKeys, Vault } from '../vault/index.ts';
import { createAnalytics, type SessionAnalytics } from './analytics.ts';
import type { SessionConfig } from './config.ts';
import { type Csrf, createCsrf } from './csrf.ts';
import { createDevices, type Devices } from './devices.ts';
import { createEnds, type EndScope } from './ends.ts';
import { sessionFault } from './errors.ts';
import { momentOf } from './jwt.ts';
import { type LiveSession, liveOf } from './live-session.ts';
import type { Places } from './places.ts';
import { addedTo, amrText, type Proof, proofOf, tokenProofOf } from './proof.ts';
import { createPrune } from './prune.ts';
import { digestOf, isRefreshToken, newRefreshToken, sealSuccessor } from './refresh-token.ts';
import type { Revocations } from './revocations.ts';
import { tokenSubject } from './revocations-log.ts';
import { type Held, type Judged, type Rotation, rotate } from './rotation.ts';
import type { Device, Grant, SessionRow, ShownDevice } from './session.ts';
import { createStart, type Subject } from './start.ts';
import { sessionStore } from './store.ts';
import { type SettledTerms, settle, type Terms } from './terms.ts';
import type { TokenSubject, Tokens } from './tokens.ts';
import type { SessionNotices } from './unusual.ts';
import { createUse } from './use.ts';

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
  /** Sealers of tenants; the platform's draws the CSRF values. */
  readonly fields: Vault['fields'];
  readonly places?: Places | undefined;
  /** Who hears of unusual sign-ins. */
  readonly notices?: SessionNotices | undefined;
  /** The name to put into a token; `undefined` when the person may no longer sign in. */
  readonly usernameOf: (tx: Tx, person: PersonId) => Promise<string | undefined>;
  /** Throws for one who is blocked: a good refresh token is refused then, and stays what it is. */
  readonly assertOpen?: ((person: PersonId, knownDeviceId: string | undefined) => void) | undefined;
}

export interface Sessions {
  /** @param terms those of the native API unless told */
  start(actor: Actor, subject: Subject, device: Device, terms?: Terms): Promise<Grant>;
  /**
   * Trades a refresh token for the next one. Each token works once; the same device asking again within the grace (its
   * answer was lost) gets the same successor. Any other repeat means that two parties hold the token, so the family ends.
   *
   * @param device the secret alone, or all that a browser shows
   * @param terms those of the profile that asks: a token of another one is as unknown here as none
   * @throws SESSION_EXPIRED, SESSION_REVOKED, SESSION_UNKNOWN, SESSION_DEVICE
   * @see RFC 9700 §4.14.2
   */
  refresh(actor: Actor, presented: string, device: string | ShownDevice | undefined, terms?: Terms): Promise<Grant>;
  list(person: PersonId): Promise<readonly LiveSession[]>;
  /** Ends one session of that person. @throws SESSION_NOT_FOUND also for one of somebody else */
  end(actor: Actor, person: PersonId, id: SessionId, reason: string): Promise<void>;
  /** Ends all sessions of a person inside `tx`: a password was changed, an account disabled. @returns how many */
  endAll(tx: Tx, actor: Actor, person: PersonId, reason: string, but?: SessionId): Promise<number>;
  /** Ends those that act in one tenant, in the write that ends a membership. @returns how many were live */
  endIn(tx: Tx, actor: Actor, person: PersonId, tenant: TenantId, reason: string): Promise<number>;
  /** Ends whatever a scope names, however many there are. @returns how many were live */
  endScope(actor: Actor, scope: EndScope, reason: string): Promise<number>;
  /** Calls one access token of a tenant back by its `jti`; its session goes on. @returns false for what is no id of a token of ours */
  revokeToken(actor: Actor, tenant: TenantId, jti: string): Promise<boolean>;
  /** How the person of a live session proved who they are. */
  proof(id: SessionId): Promise<Proof | undefined>;
  /** Notes, inside the write that used up what was given, that a session's person proved it anew. @throws SESSION_REVOKED */
  stepUp(tx: Tx, actor: Actor, id: SessionId, given: GivenProof): Promise<void>;
  /** An access token more for a live session: one that says what was proved since. @throws SESSION_REVOKED */
  grantFor(principal: PersonPrincipal, terms?: Terms): Promise<Grant>;
  /** A request of a session: it counts as used. Costs no write; `flushUse` writes what was noted together. */
  used(id: SessionId): void;
  flushUse(): Promise<void>;
  analytics(tenant: TenantId): Promise<SessionAnalytics>;
  /** Forgets what ran out more than a week ago, and marks what was ended at once and not marked yet. */
  prune(): Promise<void>;
  readonly devices: Devices;
  readonly csrf: Csrf;
  /** Where addresses are, where there is a database that knows. */
  readonly places?: Places | undefined;
}

/** What was given at a step-up. */
export interface GivenProof {
  readonly amr: readonly string[];
  readonly secondFactor: boolean;
  /** Not everything that the account asks for: what was proved of all of it stays as old as it is. */
  readonly partly?: boolean | undefined;
}

export function createSessions(deps: SessionDeps): Sessions {
  const { storage, audit, subjects, tokens, revocations, clock, random, config, places } = deps;
  const devices = createDevices(deps);
  const use = createUse(deps);
  const ends = createEnds({ ...deps, devices, use });
  const begin = createStart({ ...deps, ends, use });
  const { endOne } = ends;

  async function start(actor: Actor, subject: Subject, device: Device, wanted?: Terms): Promise<Grant> {
    const terms = settle(wanted, tokens, config);
    const { principal, begunAt, expiresAt, amr, given } = await begin(actor, subject, device, terms);
    return grantOf(terms, { ...principal, begunAt }, { expiresAt, amr, given });
  }

  async function refresh(actor: Actor, presented: string, shown: Shown, wanted?: Terms): Promise<Grant> {
    const terms = settle(wanted, tokens, config);
    if (!terms.refresh || !isRefreshToken(presented)) throw sessionFault('SESSION_UNKNOWN');
    const successor = newRefreshToken(random);
    const sealedSuccessor = sealSuccessor(presented, successor, random);
    const device = typeof shown === 'object' ? shown : { secret: shown, known: undefined };
    const offer = { token: presented, device, profile: terms.profile, keep: !terms.rotate, successor, sealedSuccessor };
    const rotation = await storage.write(platform, async (tx): Promise<Rotation> => {
      const now = clock.now();
      const held = await heldOf(tx, presented);
      if (held === undefined) return { kind: 'unknown' }; // nobody's token: counted with the anonymous refusals by the line
      const outcome = await rotate(tx, offer, held, config, now, (good) => recordRotation(tx, actor, good));
      if (outcome.kind === 'barred') await endOne(tx, outcome.session, now, 'its person may not sign in');
      if (outcome.kind === 'replayed') {
        const { id: sessionId, ...about } = outcome.session;
        if (await endOne(tx, outcome.session, now, 'replay'))
          await deps.notices?.replayed?.(tx, { ...about, sessionId, at: now });
      }
      if ('refreshToken' in outcome) deps.assertOpen?.(outcome.session.personId, outcome.session.knownDeviceId);
      else await recordRotation(tx, actor, outcome);
      return outcome;
    });
    return grantOrThrow(terms, rotation);
  }

  async function heldOf(tx: Tx, presented: string): Promise<Held | undefined> {
    const held = await sessionStore.held(tx, digestOf(presented));
    return held && { ...held, username: await deps.usernameOf(tx, held.session.personId) };
  }

  function grantOrThrow(terms: SettledTerms, rotation: Rotation): Promise<Grant> {
    switch (rotation.kind) {
      case 'rotated':
      case 'repeated':
      case 'kept': {
        const { session, username, refreshToken } = rotation;
        return grantAgain(terms, session, { username, refreshToken });
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

  async function recordRotation(tx: Tx, actor: Actor, rotation: Judged): Promise<void> {
    const { session, kind } = rotation;
    const good = ['rotated', 'repeated', 'kept'].includes(kind);
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

  async function grantOf(terms: SettledTerms, principal: TokenSubject, more: Granted): Promise<Grant> {
    const { expiresAt, amr, given, fresh } = more;
    const now = clock.now();
    const notAfter = epochMs(Math.min(now + terms.accessMs, expiresAt));
    const accessToken = await terms.tokens.sign(principal, notAfter, amr, fresh);
    return { accessToken, expiresInS: Math.floor((notAfter - now) / 1_000), sessionId: principal.sessionId, ...given };
  }

  async function grantAgain(terms: SettledTerms, session: SessionRow, given: Again): Promise<Grant> {
    const { amr, expiresAt, authenticatedAt } = session;
    const { username, refreshToken } = given;
    // What a step-up gave comes without a refresh token: that person has just said who they are.
    const more = {
      expiresAt,
      amr,
      given: { refreshToken, deviceSecret: undefined },
      fresh: refreshToken === undefined,
    };
    const holder = { ...principalOf(session, username), begunAt: authenticatedAt };
    const grant = await grantOf(terms, holder, more);
    // Ended while its token was being signed: that one would be younger than what ended it.
    if (revocations.revokes({ ...session, sessionId: session.id, issuedAt: authenticatedAt }))
      throw sessionFault('SESSION_REVOKED');
    return grant;
  }

  /** A session that its tokens and its owner may go on with. */
  async function liveRow(tx: Tx, id: SessionId): Promise<SessionRow | undefined> {
    const session = await sessionStore.get(tx, id);
    if (session === undefined || session.ended) return undefined;
    const idleAt = session.lastUsedAt + (session.idleMs ?? config.idleMs);
    return Math.min(session.expiresAt, idleAt) <= clock.now() ? undefined : session;
  }

  async function stepUp(tx: Tx, actor: Actor, id: SessionId, given: GivenProof): Promise<void> {
    const session = await liveRow(tx, id);
    const now = clock.now();
    const amr = addedTo(session?.amr ?? [], given.amr);
    const secondFactorAt = given.secondFactor ? now : session?.secondFactorAt;
    const provedAt = given.partly === true ? session?.provedAt : now;
    const proved = { amr: amrText(amr), provedAt, secondFactorAt };
    if (session === undefined || !(await sessionStore.prove(tx, id, proved))) throw sessionFault('SESSION_REVOKED');
    const object = { type: 'session', id };
    const facts = { amr: [...given.amr], second_factor: given.secondFactor };
    await audit.record(tx, { ...actor, action: 'session.stepped_up', outcome: 'done', object, facts });
  }

  async function grantFor(principal: PersonPrincipal, wanted?: Terms): Promise<Grant> {
    const terms = settle(wanted, tokens, config);
    const { session, username } = await storage.read(platform, async (tx) => ({
      session: await liveRow(tx, principal.sessionId),
      username: await deps.usernameOf(tx, principal.personId),
    }));
    const own = session?.personId === principal.personId && session.profile === terms.profile;
    if (session === undefined || username === undefined || !own) throw sessionFault('SESSION_REVOKED');
    use.note(session.id);
    return grantAgain(terms, session, { username, refreshToken: undefined });
  }

  async function list(person: PersonId): Promise<readonly LiveSession[]> {
    const live = await storage.read(platform, async (tx) => {
      const rows = await sessionStore.live(tx, person, clock.now(), config.idleMs);
      return Promise.all(rows.filter(({ ended }) => !ended).map((row) => liveOf(tx, subjects, row, config)));
    });
    if (places === undefined) return live;
    return Promise.all(
      live.map(async (one) => ({ ...one, place: one.device && (await places.of(one.device.address)) })),
    );
  }

  async function end(actor: Actor, person: PersonId, id: SessionId, reason: string): Promise<void> {
    await storage.write(platform, async (tx) => {
      const session = await sessionStore.get(tx, id);
      if (session === undefined || session.personId !== person || session.ended)
        throw sessionFault('SESSION_NOT_FOUND');
      await endOne(tx, session, clock.now(), reason);
      const object = { type: 'session', id };
      await audit.record(tx, { ...actor, action: 'session.ended', outcome: 'done', object, facts: { reason } });
    });
  }

  async function revokeToken(actor: Actor, tenant: TenantId, jti: string): Promise<boolean> {
    if (!isTokenId(jti)) return false;
    await storage.write(platform, async (tx) => {
      await revocations.add(tx, 'token', tokenSubject(tenant, jti));
      const object = { type: 'token', id: jti };
      await audit.record(tx, { ...actor, action: 'token.revoked', outcome: 'done', object });
    });
    return true;
  }

  return {
    start,
    refresh,
    list,
    end,
    endAll: ends.endAll,
    endIn: ends.endIn,
    endScope: ends.endScope,
    proof: (id) =>
      storage.read(platform, async (tx) => {
        const session = await liveRow(tx, id);
        return session && proofOf(session);
      }),
    stepUp,
    grantFor,
    revokeToken,
    used: use.note,
    flushUse: use.flush,
    analytics: createAnalytics(deps),
    prune: createPrune({ storage, clock, sweep: ends.sweep }),
    devices,
    csrf: createCsrf((tenant) => deps.fields(tenant), storage),
    places,
  };
}

type Shown = string | ShownDevice | undefined;

interface Granted {
  readonly expiresAt: EpochMs;
  readonly amr: readonly string[];
  readonly given: Pick<Grant, 'refreshToken' | 'deviceSecret'>;
  /** False for a token that a refresh gave. */
  readonly fresh?: boolean;
}

interface Again {
  readonly username: string;
  readonly refreshToken: string | undefined;
}

function isTokenId(jti: string): boolean {
  try {
    momentOf(jti);
    return true;
  } catch {
    return false;
  }
}

function principalOf(session: SessionRow, username: string): PersonPrincipal {
  const { personId, realmId, tenantId, id } = session;
  const { authenticatedAt } = tokenProofOf(session);
  return { kind: 'person', personId, sessionId: id, realmId, tenantId, username, authenticatedAt };
}

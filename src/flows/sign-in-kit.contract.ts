import assert from 'node:assert/strict';
import { Secret, TOTP } from 'otpauth';
import { auditMigrations, createAudit, memoryHead } from '../audit/index.ts';
import { createPasswordHasher } from '../crypto/index.ts';
import type { Context } from '../http/index.ts';
import { createIdentity, type Identity, identityMigrations } from '../identity/index.ts';
import type { AuditEntry } from '../kernel/audit.ts';
import { type PersonId, requestId, sessionId } from '../kernel/brand.ts';
import { isFault } from '../kernel/errors.ts';
import { type Actor, anonymous } from '../kernel/principal.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { inTenant } from '../kernel/tx.ts';
import { createLimits, limitConfig } from '../limits/index.ts';
import { createMfa, type Mfa, mfaConfig, mfaMigrations } from '../mfa/index.ts';
import {
  createRevocations,
  createSessions,
  openTokens,
  type Sessions,
  sessionConfig,
  sessionMigrations,
  type Tokens,
} from '../sessions/index.ts';
import { createMemoryBus, createMemoryHotState, createSqliteStorage, type Storage } from '../storage/index.ts';
import { createTenants, MAIN_REALM, MAIN_TENANT, tenantMigrations } from '../tenants/index.ts';
import { createTestClock, type TestClock } from '../testing/index.ts';
import { createMasterKey, openVault, singleMaster, vaultMigrations } from '../vault/index.ts';
import { createAttempts } from './attempts.ts';
import { createEvenTime } from './even-time.ts';
import { createSignIn } from './sign-in.ts';
import type { SignIn, SignInOutcome } from './sign-in-types.ts';
import { createStepUp, type StepUp } from './step-up.ts';

export const PASSWORD = 'correct horse battery staple';
const ISSUER = 'https://twin.example';
const operator: Actor = { principal: { kind: 'operator', tenantId: MAIN_TENANT } };

/** All rooms that a sign-in needs, real ones on a real database, and people to try it with. */
export interface SignInKit {
  readonly clock: TestClock;
  readonly storage: Storage;
  readonly signIn: SignIn;
  readonly stepUp: StepUp;
  readonly mfa: Mfa;
  readonly sessions: Sessions;
  readonly tokens: Tokens;
  readonly identity: Identity;
  /** What was recorded by writes that are durable, and what was noted of refusals. */
  readonly entries: AuditEntry[];
  /** The roles of people, which policy goes by. */
  readonly roles: Map<string, readonly string[]>;
  /** What was sent to people, the newest last. */
  readonly sent: object[];
  person(username: string, wish?: { passwordHash?: string; role?: string }): Promise<PersonId>;
  /** Sets up an authenticator app for somebody, and answers how its codes are made. */
  app(person: PersonId): Promise<{ readonly code: () => string; readonly backupCodes: readonly string[] }>;
}

export interface SignInKitOptions {
  readonly limits?: Parameters<typeof limitConfig.parse>[0];
  readonly policy?: object;
  readonly storage?: Storage;
  readonly clock?: TestClock;
  /** Where times of answers are looked at. */
  readonly evenTime?: ReturnType<typeof createEvenTime>;
}

export async function createSignInKit(options: SignInKitOptions = {}): Promise<SignInKit> {
  const { clock = createTestClock() } = options;
  const storage = options.storage ?? createSqliteStorage({ file: ':memory:', clock });
  await storage.migrate([
    ...[vaultMigrations, auditMigrations, tenantMigrations].flat(),
    ...[identityMigrations, sessionMigrations, mfaMigrations].flat(),
  ]);
  const random = createSystemRandom();
  const bus = createMemoryBus();
  const hot = createMemoryHotState({ clock });
  const onError = (error: unknown) => assert.fail(String(error));
  const house = { storage, clock, random, bus, onError };
  const vault = await openVault({ ...house, masters: singleMaster(createMasterKey(random.bytes(32), random)) });
  const log = await createAudit({ ...house, vault, holder: 'test', head: memoryHead() });
  const entries: AuditEntry[] = [];
  const audit = {
    ...log,
    record: async (tx: Parameters<typeof log.record>[0], entry: AuditEntry) => {
      await log.record(tx, entry);
      tx.afterCommit(() => entries.push(entry));
    },
    noteRefusal: (_: string, entry: AuditEntry) => void entries.push(entry),
  };
  const tenants = createTenants({ storage, audit, clock });
  const hasher = createPasswordHasher({ random, cost: { memoryKib: 8, passes: 1, parallelism: 1 } });
  const identity = createIdentity({ ...house, vault, audit, hasher });
  const config = sessionConfig.parse({});
  const { accessMs, rotateKeysEveryMs: rotateEveryMs } = config;
  const revocations = createRevocations({ ...house, accessMs });
  const tokens = await openTokens({ ...house, vault, audit, issuer: ISSUER, rotateEveryMs, revocations, accessMs });
  const room = { ...house, audit, vault };
  const usernameOf = identity.activeName;
  const { subjects, fields } = vault;
  const sessions = createSessions({ ...room, subjects, fields, tokens, revocations, config, usernameOf });
  const roles = new Map<string, readonly string[]>();
  const sent: object[] = [];
  const mfa = await createMfa({
    ...{ ...room, hot, issuer: ISSUER, config: mfaConfig.parse({ policy: options.policy ?? {} }) },
    channels: { sms: false, email: true },
    delivery: {
      enqueue: async (tx, message) => {
        tx.afterCommit(() => sent.push(message));
        return 'message';
      },
      publish: async () => undefined,
    },
    emailOf: async () => 'ada@plant.example',
    membershipsOf: async (person) => new Map([[MAIN_TENANT, roles.get(person) ?? []]]),
  });
  const limits = limitConfig.parse(options.limits ?? {});
  const attempts = createAttempts({ limits: createLimits({ hot, config: limits }), config: limits });
  const pass = async (): Promise<void> => undefined;
  const evenTime = options.evenTime ?? createEvenTime({ elapsed: () => clock.now(), wait: pass, leastMs: 0 });
  const failures = { failed: pass, succeeded: () => undefined };
  const parts = { ...room, identity, sessions, tenants, mfa, attempts, evenTime, failures };
  const endedSince = ({
    personId,
    tenantId,
    openedAt,
  }: Parameters<Parameters<typeof createSignIn>[0]['endedSince']>[0]) =>
    revocations.revokes({ personId, tenantId, issuedAt: openedAt, sessionId: NO_SESSION });

  await storage.write(inTenant(MAIN_TENANT), (tx) => tenants.create(tx, operator, { id: MAIN_TENANT, name: 'Main' }));

  async function person(username: string, wish: { passwordHash?: string; role?: string } = {}): Promise<PersonId> {
    const passwordHash = wish.passwordHash ?? (await identity.hash(PASSWORD));
    const id = await storage.write(inTenant(MAIN_TENANT), async (tx) => {
      const made = await identity.create(tx, operator, { realmId: MAIN_REALM, username, passwordHash });
      await tenants.addMember(tx, made, MAIN_TENANT);
      return made;
    });
    if (wish.role !== undefined) roles.set(id, [wish.role]);
    return id;
  }

  async function app(id: PersonId) {
    const { factorId, secret } = await mfa.beginTotp(operator, { id, username: 'somebody' });
    const code = codeOf(secret, clock);
    const { backupCodes = [] } = await mfa.confirm(operator, id, factorId, code());
    clock.advance(60_000); // the code that confirmed it is used
    return { code, backupCodes };
  }

  return {
    ...{ clock, storage, mfa, sessions, tokens, identity, entries, roles, sent, person, app },
    signIn: createSignIn({ ...parts, endedSince }),
    stepUp: createStepUp(parts),
  };
}

const NO_SESSION = sessionId('none');

/** An authenticator app. */
export const codeOf = (secret: string, clock: TestClock) => (): string =>
  new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: clock.now() });

let addresses = 0;

/** A request from an address of its own unless told. */
export function contextFrom(addressBlock = `198.51.100.${addresses++ % 250}`): Context {
  return {
    requestId: requestId('r1'),
    receivedAt: createTestClock().now(),
    address: addressBlock,
    addressBlock,
    secure: true,
    operator: false,
    method: 'POST',
    url: '/v1/login',
    headers: { 'user-agent': 'test/1' },
  };
}

/** The outcome of a kind, or a failed test. */
export function expectKind<Kind extends SignInOutcome['kind']>(
  kind: Kind,
  outcome: SignInOutcome,
): Extract<SignInOutcome, { kind: Kind }> {
  assert.equal(outcome.kind, kind);
  return outcome as Extract<SignInOutcome, { kind: Kind }>; // just asserted
}

export async function expectFault(code: string, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(isFault(error), String(error));
    assert.equal(error.code, code);
    return true;
  });
}

export const nobody: Actor = { principal: anonymous };

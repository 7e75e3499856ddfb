import assert from 'node:assert/strict';
import type { z } from 'zod';
import { auditMigrations, createAudit, memoryHead } from '../audit/index.ts';
import type { AuditEntry, AuditSink } from '../kernel/audit.ts';
import { personId, realmId, tenantId } from '../kernel/brand.ts';
import { hours } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import { type Actor, anonymous } from '../kernel/principal.ts';
import { createSystemRandom, type Random } from '../kernel/random.ts';
import { createSecret } from '../kernel/secret.ts';
import { type Bus, createMemoryBus, createSqliteStorage, type Storage } from '../storage/index.ts';
import { createTestClock, type TestClock } from '../testing/index.ts';
import { createMasterKey, openVault, singleMaster, type Vault, vaultMigrations } from '../vault/index.ts';
import { sessionConfig } from './config.ts';
import { sessionMigrations } from './migrations/index.ts';
import { createRevocations, type Revocations } from './revocations.ts';
import type { Grant } from './session.ts';
import { createSessions, type SessionDeps, type Sessions } from './sessions.ts';
import { createSharedSecretTokens, type SharedSecretTokenDeps } from './shared-secret-tokens.ts';
import type { Subject } from './start.ts';
import type { Terms } from './terms.ts';
import { type NativeTokens, openTokens, type Tokens } from './tokens.ts';

export const ISSUER = 'https://twin.example';
export const SECRET = 'q7Zt1-Vw0x9BfK3mRj8sLp2uYc5nHd6g'; // 32 bytes, as JWT_SECRET_KEY of an old system
export const EMS_MS = hours(24);

/** The room on an empty, migrated database, with one person who may sign in. */
export interface SessionsKit {
  readonly clock: TestClock;
  readonly random: Random;
  readonly storage: Storage;
  readonly bus: Bus;
  readonly vault: Vault;
  readonly revocations: Revocations;
  readonly native: NativeTokens;
  readonly audit: AuditSink;
  readonly rotateEveryMs: number;
  readonly sessions: Sessions;
  /** What was recorded by writes that are durable. */
  readonly entries: readonly AuditEntry[];
  /** Who may not sign in any more. */
  readonly barred: Set<string>;
  /** The issuer of `ems`, changed as told. */
  shared(changes?: Partial<SharedSecretTokenDeps>): Tokens;
  /** Lets time pass, at the end of which revocations were read: a feed not heard of for so long lets nobody in. */
  wait(ms: number): Promise<void>;
  /** Signs in ada, natively unless told. */
  start(terms?: Terms, subject?: Subject): Promise<Grant>;
}

export const actor: Actor = { principal: anonymous };
export const ada: Subject = {
  confirm: async () => undefined,
  personId: personId('ada'),
  username: 'ada.lovelace',
  realmId: realmId('main'),
  tenantId: tenantId('plant-1'),
  amr: ['pwd'],
  proved: true,
};
export const bob: Subject = { ...ada, personId: personId('bob'), username: 'bob' };

/** A profile as that of the meter data service: a day's token and nothing to refresh it. */
export const emsTerms = (tokens: Tokens): Terms => ({ profile: 'ems', tokens, refresh: false });

/** What a test wants otherwise. */
export interface KitSettings extends Pick<SessionDeps, 'places' | 'notices'> {
  readonly settings?: z.input<typeof sessionConfig>;
}

export async function createSessionsKit(
  clock: TestClock = createTestClock(),
  storage: Storage = createSqliteStorage({ file: ':memory:', clock }),
  { settings = {}, ...ports }: KitSettings = {},
): Promise<SessionsKit> {
  await storage.migrate([...vaultMigrations, ...auditMigrations, ...sessionMigrations]);
  const random = createSystemRandom();
  const bus = createMemoryBus();
  const onError = (error: unknown) => assert.fail(String(error));
  const vault = await openVault({
    storage,
    clock,
    random,
    masters: singleMaster(createMasterKey(random.bytes(32), random)),
  });
  const log = await createAudit({ storage, vault, clock, random, holder: 'test', head: memoryHead(), onError });
  const entries: AuditEntry[] = [];
  const audit: AuditSink = {
    record: async (tx, entry) => {
      await log.record(tx, entry);
      tx.afterCommit(() => entries.push(entry));
    },
  };
  // The longest life of any issuer's tokens, as the app must set it where profiles are served.
  const revocations = createRevocations({ storage, bus, clock, random, accessMs: EMS_MS, onError });
  const config = sessionConfig.parse(settings);
  const { accessMs } = config;
  const keyDeps = {
    storage,
    vault,
    audit,
    bus,
    clock,
    random,
    issuer: ISSUER,
    rotateEveryMs: config.rotateKeysEveryMs,
  };
  const native = await openTokens({ ...keyDeps, revocations, accessMs });
  const barred = new Set<string>();
  const sessions = createSessions({
    ...{ storage, audit, tokens: native, revocations, clock, random, config },
    ...{ subjects: vault.subjects, fields: vault.fields, ...ports },
    usernameOf: async (_, person) => (barred.has(person) ? undefined : 'ada.lovelace'),
  });
  return {
    ...{ clock, random, storage, bus, vault, audit, revocations, native, sessions, entries, barred },
    rotateEveryMs: config.rotateKeysEveryMs,
    wait: async (ms) => {
      clock.advance(ms);
      await revocations.start();
      revocations.stop();
    },
    shared: (changes) =>
      createSharedSecretTokens({
        ...{ profile: 'ems', issuer: `${ISSUER}/ems`, accessMs: EMS_MS, secret: createSecret(SECRET) },
        ...{ storage, vault, clock, random, revocations },
        claimsOf: ({ username }) => ({ sub: username, role: 'analyst' }),
        ...changes,
      }),
    start: (terms, subject = ada) =>
      sessions.start(actor, subject, { userAgent: 'test/1', address: '192.0.2.7' }, terms),
  };
}

/** Whether a token is refused, in either way that a verifier has to say so. */
export async function expectRefused(code: string, work: () => unknown): Promise<void> {
  await assert.rejects(
    async () => work(),
    (error) => {
      assert.ok(isFault(error), String(error));
      assert.equal(error.code, code);
      return true;
    },
  );
}

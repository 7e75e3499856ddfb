import type { AuditEntry, AuditSink } from '../kernel/audit.ts';
import { type PersonId, personId, realmId, sessionId, tenantId } from '../kernel/brand.ts';
import { type Clock, hours, minutes, seconds, systemClock } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { createSecret } from '../kernel/secret.ts';
import { platform } from '../kernel/tx.ts';
import { createMemoryBus, openEmbeddedStorage, type Storage } from '../storage/index.ts';
import {
  environmentProvider,
  fileProvider,
  type OpenMasters,
  openMasters,
  openVault,
  type Vault,
  vaultMigrations,
} from '../vault/index.ts';
import { sessionConfig } from './config.ts';
import { sessionFault } from './errors.ts';
import { sessionMigrations } from './migrations/index.ts';
import { createRevocations, type Revocations } from './revocations.ts';
import type { Device, Grant } from './session.ts';
import { createSessions, type Sessions } from './sessions.ts';
import { sessionStore } from './store.ts';
import { type NativeTokens, openTokens } from './tokens.ts';

export interface EmbeddedSessionsOptions {
  /** `sqlite:` and a file of its own, or `postgres://…`. */
  readonly database: string;
  /** A file (made with mode 0600 where there is none), or base64 of 32 bytes. */
  readonly masterKey: { readonly file: string } | { readonly base64: string };
  /** The `iss` and `aud` of the tokens. */
  readonly issuer: string;
  /** As in the configuration of a server, `sessions`. */
  readonly sessions?: Parameters<typeof sessionConfig.parse>[0];
  /** Whether somebody may still go on; everybody may unless told. Asked at each refresh. */
  readonly isActive?: ((userId: string) => boolean) | undefined;
  /** Hears what is done with sessions. */
  readonly onEntry?: ((entry: AuditEntry) => void) | undefined;
  /** Hears what fails in the background; it is tried again. */
  readonly onError?: ((error: unknown) => void) | undefined;
  readonly clock?: Clock | undefined;
}

/** What an application knows of a device. */
export type DeviceInfo = Partial<Device>;

/** Whom a good token stands for. */
export interface TokenUser {
  readonly userId: string;
  readonly sessionId: string;
}

/** Users are named by 1 to 64 characters of `[A-Za-z0-9_-]`. @throws TypeError for anything else */
export interface EmbeddedSessions {
  /** Opening has made all ready; for callers that are used to asking for it. */
  initialize(): Promise<void>;
  /** Begins a session for somebody whom you have proved. @returns its id. @throws SESSION_LIMIT */
  createSession(userId: string, deviceInfo?: DeviceInfo): Promise<string>;
  /** The same with its tokens. */
  signIn(userId: string, deviceInfo?: DeviceInfo): Promise<Grant>;
  /** @throws SESSION_TOKEN_INVALID, SESSION_EXPIRED, SESSION_REVOKED, SESSION_FEED_STALE */
  verify(accessToken: string): Promise<TokenUser>;
  /** @throws SESSION_EXPIRED, SESSION_REVOKED, SESSION_UNKNOWN, SESSION_DEVICE */
  refresh(refreshToken: string, deviceSecret?: string): Promise<Grant>;
  /** An access token for a live session. @throws SESSION_REVOKED */
  accessToken(sessionId: string): Promise<Grant>;
  list(userId: string): ReturnType<Sessions['list']>;
  /** @returns false where there is no such live session */
  revokeSession(sessionId: string): Promise<boolean>;
  /** Calls one access token back, by its `jti`. @returns false for what is none of ours */
  revokeToken(jti: string): Promise<boolean>;
  /** @returns how many were live */
  revokeAllUserSessions(userId: string): Promise<number>;
  /** Ends what runs, and lets the database go. */
  close(): Promise<void>;
}

const MAIN = tenantId('main');
const REALM = realmId('main');
const EMBEDDER: Actor = { principal: { kind: 'operator', tenantId: MAIN } };

/**
 * Opens sessions of one's own, and makes their tables where there are none. One process at a time uses a SQLite file; with
 * PostgreSQL as many as there are, and what one revokes the others refuse within a second.
 *
 * @throws STORAGE_LOCKED, VAULT_MASTER_KEY, STORAGE_UNAVAILABLE, STORAGE_NEWER
 */
export async function openEmbeddedSessions(options: EmbeddedSessionsOptions): Promise<EmbeddedSessions> {
  const { clock = systemClock, onError = () => undefined } = options;
  const { storage, close } = await openEmbeddedStorage(options.database, { clock, onError });
  try {
    await storage.migrate([...vaultMigrations, ...sessionMigrations]);
    const parts = await openParts(storage, { ...options, clock, onError });
    return doorOf(parts, close);
  } catch (error) {
    await close();
    throw error;
  }
}

type Opening = EmbeddedSessionsOptions & { readonly clock: Clock; readonly onError: (error: unknown) => void };

interface Parts {
  readonly storage: Storage;
  readonly sessions: Sessions;
  readonly tokens: NativeTokens;
  readonly stop: () => Promise<void>;
}

async function openParts(storage: Storage, options: Opening): Promise<Parts> {
  const { clock, onError, onEntry, issuer, isActive = () => true } = options;
  const random = createSystemRandom();
  const config = sessionConfig.parse(options.sessions ?? {});
  const { accessMs, rotateKeysEveryMs: rotateEveryMs } = config;
  const { masters, vault } = await openKeys(storage, options);
  const audit: AuditSink = { record: async (tx, entry) => tx.afterCommit(() => onEntry?.(entry)) };
  const bus = createMemoryBus(); // between processes the database tells, twice a second
  const revocations = createRevocations({ storage, bus, clock, random, accessMs, onError });
  const keyDeps = { storage, vault, audit, bus, clock, random, issuer, rotateEveryMs };
  const tokens = await openTokens({ ...keyDeps, revocations, accessMs });
  const sessions = createSessions({
    ...{ storage, audit, tokens, revocations, clock, random, config },
    ...{ subjects: vault.subjects, fields: vault.fields },
    usernameOf: async (_, person) => (isActive(person) ? person : undefined),
  });
  await revocations.start();
  const stop = upkeep({ masters, vault, tokens, sessions, revocations }, onError);
  return { storage, sessions, tokens, stop };
}

async function openKeys(storage: Storage, { masterKey, clock, onError }: Opening) {
  const random = createSystemRandom();
  const provider =
    'file' in masterKey
      ? fileProvider(masterKey.file, random, onError)
      : environmentProvider(createSecret(masterKey.base64));
  const leadMs = storage.dialect === 'sqlite' ? 0 : undefined; // nobody else has the file
  const common = { storage, provider, previous: [], clock, random, onError, leadMs };
  const masters = await openMasters({ ...common, graceMs: hours(1) });
  return { masters, vault: await openVault({ storage, masters, clock, random, onError }) };
}

interface Kept {
  readonly masters: OpenMasters;
  readonly vault: Vault;
  readonly tokens: NativeTokens;
  readonly sessions: Sessions;
  readonly revocations: Revocations;
}

function upkeep({ masters, vault, tokens, sessions, revocations }: Kept, onError: (error: unknown) => void) {
  const running = new Set<Promise<void>>();
  const every = (ms: number, work: () => Promise<unknown>): NodeJS.Timeout => {
    let busy = false;
    const turn = async (): Promise<void> => {
      if (busy) return;
      busy = true;
      await work().catch(onError);
      busy = false;
    };
    return setInterval(() => {
      const one = turn().finally(() => running.delete(one));
      running.add(one);
    }, ms).unref();
  };
  const timers = [
    every(seconds(1), async () => vault.dataKeys.refresh()),
    every(seconds(1), () => tokens.keys.refresh()),
    every(seconds(5), async () => masters.tend()),
    every(seconds(10), sessions.flushUse),
    every(minutes(10), sessions.prune),
    every(hours(1), () => tokens.keys.upkeep()),
  ];
  return async (): Promise<void> => {
    for (const timer of timers) clearInterval(timer);
    revocations.stop();
    await Promise.all(running);
    await sessions.flushUse().catch(onError);
  };
}

function doorOf({ storage, sessions, tokens, stop }: Parts, letGo: () => Promise<void>): EmbeddedSessions {
  const subjectOf = (person: PersonId) => ({
    ...{ confirm: async () => undefined, personId: person, username: person, realmId: REALM, tenantId: MAIN },
    ...{ amr: ['pwd'], proved: true }, // whoever embeds it has asked for what they ask for
  });
  const signIn = async (userId: string, { userAgent = '', address = '' }: DeviceInfo = {}): Promise<Grant> =>
    sessions.start(EMBEDDER, subjectOf(personId(userId)), { userAgent, address });
  const ownerOf = async (id: string) => {
    const row = await storage.read(platform, (tx) => sessionStore.get(tx, sessionId(id)));
    return row === undefined || row.ended ? undefined : row;
  };
  const shut = async (): Promise<void> => {
    await stop();
    await letGo();
  };
  let closing: Promise<void> | undefined;
  return {
    initialize: () => storage.probe(),
    createSession: async (userId, info) => (await signIn(userId, info)).sessionId,
    signIn,
    verify: async (token) => {
      const { personId: userId, sessionId: id } = await tokens.verify(token);
      sessions.used(id);
      return { userId, sessionId: id };
    },
    refresh: (token, secret) => sessions.refresh(EMBEDDER, token, secret),
    accessToken: async (id) => {
      const row = await ownerOf(id);
      if (row === undefined) throw sessionFault('SESSION_REVOKED');
      const { personId: person, authenticatedAt } = row;
      const holder = { realmId: REALM, tenantId: MAIN, sessionId: row.id, personId: person, username: person };
      return sessions.grantFor({ kind: 'person', ...holder, authenticatedAt });
    },
    list: async (userId) => sessions.list(personId(userId)),
    revokeSession: async (id) => {
      const row = await ownerOf(id);
      if (row !== undefined) await sessions.end(EMBEDDER, row.personId, row.id, 'revoked');
      return row !== undefined;
    },
    revokeToken: (jti) => sessions.revokeToken(EMBEDDER, MAIN, jti),
    revokeAllUserSessions: async (userId) =>
      sessions.endScope(EMBEDDER, { kind: 'user', personId: personId(userId) }, 'revoked'),
    close: () => {
      closing ??= shut();
      return closing;
    },
  };
}

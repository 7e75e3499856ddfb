import { type Bcrypt, createBcrypt, createHashQueue, equalBytes } from '../crypto/index.ts';
import type { AuditSink } from '../kernel/audit.ts';
import { type ApiKeyId, apiKeyId, type EpochMs, epochMs, type PersonId, type TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import { type Actor, type ApiKeyPrincipal, nameOf } from '../kernel/principal.ts';
import { newUuid, type Random } from '../kernel/random.ts';
import { inTenant, lookup, type Tx } from '../kernel/tx.ts';
import { type Bus, createFreshCache, type Storage } from '../storage/index.ts';
import { apiKeyFault, endedKeyFault } from './errors.ts';
import { newKey, readKey } from './key.ts';
import { type AssertMayGive, createLegacyImport, type LegacyImport } from './legacy-import.ts';
import { createLegacyVerifier, type LegacyGuard } from './legacy-verify.ts';
import { type ApiKey, apiKeyStore } from './store.ts';

export interface ApiKeyDeps {
  readonly storage: Storage;
  readonly audit: AuditSink;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  /** Checks legacy keys; best one that shares the queue of the other slow hashes. */
  readonly bcrypt?: Bcrypt | undefined;
}

export interface ApiKeys {
  /**
   * Makes a key, where the creator may give these scopes.
   *
   * @returns the key itself, this once
   */
  create(actor: Actor, tenantId: TenantId, wish: KeyWish, assertMayGive: AssertMayGive): Promise<MadeKey>;
  /**
   * Takes over keys of another system by their bcrypt hashes, found by the first 8 characters of each key.
   *
   * @param file the text of the file, or what it holds
   * @throws APIKEY_IMPORT_REFUSED with each flaw and its place, and what `assertMayGive` throws; then none is taken over.
   *   With `replace: 'source'` keys that find no room are `skipped` instead
   */
  readonly importLegacy: LegacyImport;
  list(tenantId: TenantId): Promise<readonly ApiKey[]>;
  /** Whether a key of any tenant has this id and was not revoked: the operator's question alone. */
  isKnown(id: ApiKeyId): Promise<boolean>;
  /** Whose key it is, or was. */
  tenantOf(id: ApiKeyId): Promise<TenantId | undefined>;
  /** Ends a key from the next request on. @throws APIKEY_UNKNOWN */
  revoke(actor: Actor, tenantId: TenantId, id: ApiKeyId): Promise<void>;
  /** Inside a transaction of a tenant: its live keys that a person made, those that these made, and so on. */
  madeBy(tx: Tx, person: PersonId): Promise<readonly ApiKey[]>;
  /** `revoke` of several, inside a write of their tenant. */
  end(tx: Tx, actor: Actor, tenantId: TenantId, keys: readonly ApiKey[]): Promise<void>;
  /** Inside any write: from its commit on they let nobody in. Their tenant has yet to note it, by `end`. */
  cutOff(tx: Tx, tenantId: TenantId, keys: readonly ApiKey[]): Promise<void>;
  /**
   * Who a key stands for. One answer, in equal work, for a key that is unknown, altered, ended or run out.
   *
   * @param certificate the SHA-256 of the client certificate that the connection came with, where it came with one
   * @param guard counts the slow hashes of legacy keys, and says whose turn they take: callers without one share a turn
   * @throws APIKEY_INVALID; for what is not of our form, where there are legacy keys, also CRYPTO_BUSY and what the
   *   guard throws
   */
  verify(text: string, guard?: LegacyGuard, certificate?: string): ApiKeyPrincipal | Promise<ApiKeyPrincipal>;
  /** Stores when keys were last used, gathered since the last call. */
  flushUse(): Promise<void>;
}

export interface KeyWish {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly lifeMs: number | undefined;
  /** The SHA-256 of a client certificate, in hexadecimal. */
  readonly certificate?: string | undefined;
}

export interface MadeKey {
  readonly key: ApiKey;
  readonly text: string;
}

interface Known {
  /** None of a key that was ended. */
  readonly principal: ApiKeyPrincipal | undefined;
  readonly digest: Uint8Array;
  readonly expiresAt: EpochMs | undefined;
  readonly certificate: string | undefined;
}

const MAX_CACHED = 20_000;

export function createApiKeys(deps: ApiKeyDeps): ApiKeys {
  const { storage, audit, bus, clock, random, bcrypt = createBcrypt({ queue: createHashQueue() }) } = deps;
  const topic = 'apikeys.revoked';
  const cache = createFreshCache<Known>({ storage, bus, topic, clock, maxEntries: MAX_CACHED });
  const legacy = createLegacyVerifier({ storage, bus, clock, random, bcrypt });
  const used = new Map<ApiKeyId, { tenantId: TenantId; at: EpochMs }>();

  function admit(known: Known | undefined, digest: Uint8Array, shown: string | undefined): ApiKeyPrincipal {
    if (known === undefined || !equalBytes(known.digest, digest)) throw apiKeyFault('APIKEY_INVALID');
    // Attack: a key is copied out of a file or a log. Without the private key of its certificate it is worth nothing.
    if (known.certificate !== undefined && known.certificate !== shown) throw apiKeyFault('APIKEY_INVALID');
    if (known.principal === undefined) throw endedKeyFault();
    if (known.expiresAt !== undefined && clock.now() >= known.expiresAt) throw endedKeyFault();
    return noteUse(known.principal);
  }

  function noteUse(principal: ApiKeyPrincipal): ApiKeyPrincipal {
    used.set(principal.apiKeyId, { tenantId: principal.tenantId, at: clock.now() });
    return principal;
  }

  async function load(prefix: string): Promise<Known | undefined> {
    const owner = await storage.read(lookup, (tx) => apiKeyStore.owner(tx, prefix));
    if (owner === undefined) return undefined;
    const { tenantId, id, digest } = owner;
    const ended = { principal: undefined, digest, expiresAt: undefined, certificate: undefined };
    if (owner.ended) return ended;
    const key = await storage.read(inTenant(tenantId), (tx) => apiKeyStore.get(tx, id));
    if (key === undefined) return ended;
    return {
      principal: { kind: 'api-key', apiKeyId: id, tenantId, scopes: key.scopes },
      digest,
      expiresAt: key.expiresAt,
      certificate: key.certificate,
    };
  }

  const drop = (tx: Tx, { id, prefix, legacy: isLegacy }: ApiKey): void =>
    isLegacy ? legacy.drop(tx, id) : cache.drop(tx, prefix);

  const end: ApiKeys['end'] = async (tx, actor, tenantId, keys) => {
    for (const key of keys) {
      await apiKeyStore.revoke(tx, tenantId, key, clock.now());
      const object = { type: 'api-key', id: key.id };
      await audit.record(tx, { ...actor, tenantId, action: 'api_key.revoked', outcome: 'done', object });
      drop(tx, key);
    }
  };

  return {
    create: async (actor, tenantId, wish, assertMayGive) => {
      const now = clock.now();
      const { text, prefix, digest } = newKey(random);
      const key: ApiKey = {
        id: apiKeyId(newUuid(clock, random)),
        prefix,
        legacy: false,
        name: wish.name,
        scopes: [...new Set(wish.scopes)],
        createdBy: nameOf(actor.principal),
        createdAt: now,
        expiresAt: wish.lifeMs === undefined ? undefined : epochMs(now + wish.lifeMs),
        lastUsedAt: undefined,
        certificate: wish.certificate,
      };
      await storage.write(inTenant(tenantId), async (tx) => {
        await assertMayGive(tx, actor, tenantId, key.scopes);
        await apiKeyStore.add(tx, tenantId, digest, key);
        const bound = key.certificate === undefined ? {} : { certificate_sha256: key.certificate };
        const facts = { prefix, scopes: key.scopes, expires_at: key.expiresAt ?? null, ...bound };
        const object = { type: 'api-key', id: key.id };
        await audit.record(tx, { ...actor, tenantId, action: 'api_key.created', outcome: 'done', object, facts });
      });
      return { key, text };
    },
    importLegacy: createLegacyImport({ storage, audit, clock, random, onChange: legacy.drop }),
    isKnown: (id) => storage.read(lookup, (tx) => apiKeyStore.isLive(tx, id)),
    tenantOf: (id) => storage.read(lookup, (tx) => apiKeyStore.tenantOf(tx, id)),
    list: (tenantId) => storage.read(inTenant(tenantId), apiKeyStore.all),
    revoke: async (actor, tenantId, id) => {
      await storage.write(inTenant(tenantId), async (tx) => {
        const key = await apiKeyStore.get(tx, id);
        if (key === undefined) throw apiKeyFault('APIKEY_UNKNOWN');
        await end(tx, actor, tenantId, [key]);
      });
    },
    madeBy: (tx, person) => apiKeyStore.madeBy(tx, `person:${person}`), // as `nameOf` has it
    end,
    cutOff: async (tx, tenantId, keys) => {
      for (const key of keys) {
        await apiKeyStore.cutOff(tx, tenantId, key);
        drop(tx, key);
      }
    },
    verify: (text, guard, certificate) => {
      const presented = readKey(text);
      if (presented === undefined) {
        const verified = legacy.verify(text, guard);
        return verified instanceof Promise ? verified.then(noteUse) : noteUse(verified);
      }
      const { prefix, digest } = presented;
      const known = cache.get(prefix);
      if (known !== undefined) return admit(known, digest, certificate);
      return cache.load(prefix, () => load(prefix)).then((loaded) => admit(loaded, digest, certificate));
    },
    flushUse: async () => {
      const uses = [...used];
      used.clear();
      for (const [id, { tenantId, at }] of uses)
        await storage.write(inTenant(tenantId), (tx) => apiKeyStore.touch(tx, id, at));
    },
  };
}

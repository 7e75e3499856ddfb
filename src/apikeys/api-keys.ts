import { equalBytes } from '../crypto/index.ts';
import type { AuditSink } from '../kernel/audit.ts';
import { type ApiKeyId, apiKeyId, type EpochMs, epochMs, type TenantId } from '../kernel/brand.ts';
import { type Clock, seconds } from '../kernel/clock.ts';
import { type Actor, type ApiKeyPrincipal, nameOf } from '../kernel/principal.ts';
import { newUuid, type Random } from '../kernel/random.ts';
import { inTenant, lookup } from '../kernel/tx.ts';
import type { Bus, Storage } from '../storage/index.ts';
import { apiKeyFault } from './errors.ts';
import { newKey, readKey } from './key.ts';
import { type ApiKey, apiKeyStore } from './store.ts';

export interface ApiKeyDeps {
  readonly storage: Storage;
  readonly audit: AuditSink;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
}

export interface ApiKeys {
  /**
   * Makes a key. Whether the creator may give these scopes is for the caller to ask.
   *
   * @returns the key itself, this once
   */
  create(actor: Actor, tenantId: TenantId, wish: KeyWish): Promise<{ readonly key: ApiKey; readonly text: string }>;
  list(tenantId: TenantId): Promise<readonly ApiKey[]>;
  /** Ends a key from the next request on. @throws APIKEY_UNKNOWN */
  revoke(actor: Actor, tenantId: TenantId, id: ApiKeyId): Promise<void>;
  /**
   * Who a key stands for. One answer, in equal work, for a key that is unknown, altered, ended or run out.
   *
   * @throws APIKEY_INVALID
   */
  verify(text: string): ApiKeyPrincipal | Promise<ApiKeyPrincipal>;
  /** Stores when keys were last used, gathered since the last call. */
  flushUse(): Promise<void>;
}

export interface KeyWish {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly lifeMs: number | undefined;
}

interface Known {
  readonly principal: ApiKeyPrincipal;
  readonly digest: Uint8Array;
  readonly expiresAt: EpochMs | undefined;
  readonly readAt: EpochMs;
}

const TOPIC = 'apikeys.revoked';
const MAX_CACHED = 20_000;

export function createApiKeys({ storage, audit, bus, clock, random }: ApiKeyDeps): ApiKeys {
  const cache = new Map<string, Known>();
  const used = new Map<ApiKeyId, { tenantId: TenantId; at: EpochMs }>();
  const maxAgeMs = storage.dialect === 'sqlite' ? Number.POSITIVE_INFINITY : seconds(1); // a lost message costs that
  let drops = 0;
  const drop = (prefix: string): void => {
    drops++;
    cache.delete(prefix);
  };
  bus.subscribe(TOPIC, (prefix) => drop(String(prefix)));

  function admit(known: Known, digest: Uint8Array, now: EpochMs): ApiKeyPrincipal {
    const live = known.expiresAt === undefined || now < known.expiresAt;
    if (!equalBytes(known.digest, digest) || !live) throw apiKeyFault('APIKEY_INVALID');
    used.set(known.principal.apiKeyId, { tenantId: known.principal.tenantId, at: now });
    return known.principal;
  }

  async function load(prefix: string, digest: Uint8Array): Promise<ApiKeyPrincipal> {
    const now = clock.now();
    const before = drops;
    const owner = await storage.read(lookup, (tx) => apiKeyStore.owner(tx, prefix));
    if (owner === undefined) throw apiKeyFault('APIKEY_INVALID');
    const key = await storage.read(inTenant(owner.tenantId), (tx) => apiKeyStore.get(tx, owner.id));
    if (key === undefined) throw apiKeyFault('APIKEY_INVALID');
    const principal: ApiKeyPrincipal = {
      kind: 'api-key',
      apiKeyId: key.id,
      tenantId: owner.tenantId,
      scopes: key.scopes,
    };
    const known = { principal, digest: owner.digest, expiresAt: key.expiresAt, readAt: now };
    if (cache.size >= MAX_CACHED) cache.clear();
    if (drops === before) cache.set(prefix, known); // else it may have been revoked while we read
    return admit(known, digest, now);
  }

  return {
    create: async (actor, tenantId, wish) => {
      const now = clock.now();
      const { text, prefix, digest } = newKey(random);
      const key: ApiKey = {
        id: apiKeyId(newUuid(clock, random)),
        prefix,
        name: wish.name,
        scopes: [...new Set(wish.scopes)],
        createdBy: nameOf(actor.principal),
        createdAt: now,
        expiresAt: wish.lifeMs === undefined ? undefined : epochMs(now + wish.lifeMs),
        lastUsedAt: undefined,
      };
      await storage.write(inTenant(tenantId), async (tx) => {
        await apiKeyStore.add(tx, tenantId, digest, key);
        const facts = { prefix, scopes: key.scopes, expires_at: key.expiresAt ?? null };
        const object = { type: 'api-key', id: key.id };
        await audit.record(tx, { ...actor, tenantId, action: 'api_key.created', outcome: 'done', object, facts });
      });
      return { key, text };
    },
    list: (tenantId) => storage.read(inTenant(tenantId), apiKeyStore.all),
    revoke: async (actor, tenantId, id) => {
      await storage.write(inTenant(tenantId), async (tx) => {
        const key = await apiKeyStore.get(tx, id);
        if (key === undefined) throw apiKeyFault('APIKEY_UNKNOWN');
        await apiKeyStore.revoke(tx, key, clock.now());
        const object = { type: 'api-key', id };
        await audit.record(tx, { ...actor, tenantId, action: 'api_key.revoked', outcome: 'done', object });
        tx.afterCommit(() => {
          drop(key.prefix);
          void bus.publish(TOPIC, key.prefix).catch(() => undefined); // others ask the database within a second anyway
        });
      });
    },
    verify: (text) => {
      const presented = readKey(text);
      if (presented === undefined) throw apiKeyFault('APIKEY_INVALID');
      const now = clock.now();
      const known = cache.get(presented.prefix);
      if (known !== undefined && now - known.readAt <= maxAgeMs) return admit(known, presented.digest, now);
      return load(presented.prefix, presented.digest);
    },
    flushUse: async () => {
      const uses = [...used];
      used.clear();
      for (const [id, { tenantId, at }] of uses)
        await storage.write(inTenant(tenantId), (tx) => apiKeyStore.touch(tx, id, at));
    },
  };
}

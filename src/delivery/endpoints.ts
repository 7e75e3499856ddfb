import type { AuditSink } from '../kernel/audit.ts';
import { type EpochMs, epochMs, type TenantId } from '../kernel/brand.ts';
import { type Clock, hours, rfc3339 } from '../kernel/clock.ts';
import { type Actor, nameOf } from '../kernel/principal.ts';
import { newUuid, type Random } from '../kernel/random.ts';
import { inTenant, type Json, platform, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { AddressGuard } from './address-guard.ts';
import type { Backlog } from './backlog.ts';
import { type EndpointRow, endpointStore } from './endpoint-store.ts';
import { deliveryFault } from './errors.ts';
import { laneOf, type Outbox } from './outbox.ts';
import { oldSecretPlace, type SealerOf, secretPlace, urlPlace } from './sealing.ts';
import { newSecret } from './signature.ts';
import { messageStore } from './store.ts';

/** A webhook as its owner sees it. */
export interface Endpoint {
  readonly row: EndpointRow;
  readonly url: string;
}

export interface EndpointWish {
  readonly url: string;
  readonly events: readonly string[];
  readonly description: string;
}

/** Webhooks of a tenant: where its events are sent. */
export interface Endpoints {
  /**
   * @returns the secret, this once
   * @throws DELIVERY_URL_REFUSED, DELIVERY_WEBHOOKS_FULL
   */
  add(
    actor: Actor,
    tenant: TenantId,
    wish: EndpointWish,
  ): Promise<{ readonly endpoint: Endpoint; readonly secret: string }>;
  list(tenant: TenantId): Promise<readonly Endpoint[]>;
  /** @throws DELIVERY_WEBHOOK_UNKNOWN */
  get(tenant: TenantId, id: string): Promise<Endpoint>;
  /** @throws DELIVERY_WEBHOOK_UNKNOWN, DELIVERY_URL_REFUSED */
  change(actor: Actor, tenant: TenantId, id: string, change: EndpointChange): Promise<Endpoint>;
  /** What still waits for it is given up with it. @throws DELIVERY_WEBHOOK_UNKNOWN */
  remove(actor: Actor, tenant: TenantId, id: string): Promise<void>;
  /** The secret until now signs beside the new one for 24 hours. @throws DELIVERY_WEBHOOK_UNKNOWN */
  rotate(actor: Actor, tenant: TenantId, id: string): Promise<{ readonly secret: string; readonly oldUntil: EpochMs }>;
  /** @returns the id of the delivery. @throws DELIVERY_WEBHOOK_UNKNOWN, DELIVERY_WEBHOOK_DISABLED, DELIVERY_BACKLOG_FULL */
  test(actor: Actor, tenant: TenantId, id: string): Promise<string>;
}

export type EndpointChange = Partial<EndpointWish> & { readonly state?: 'active' | 'disabled' | undefined };

export interface EndpointDeps {
  readonly storage: Storage;
  readonly audit: AuditSink;
  readonly fields: SealerOf;
  readonly guard: AddressGuard;
  readonly outbox: Outbox;
  readonly backlog: Pick<Backlog, 'note'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly perTenant: number;
}

const OLD_SECRET_MS = hours(24);
const GIVEN_UP_AT_ONCE = 1_000; // about 20 ms of the one writer

export function createEndpoints(deps: EndpointDeps): Endpoints {
  const { storage, fields, guard, outbox, backlog, clock, random, perTenant } = deps;
  const record = (
    tx: Tx,
    actor: Actor,
    tenantId: TenantId,
    action: string,
    id: string,
    facts: Record<string, Json> = {},
  ) => deps.audit.record(tx, { ...actor, tenantId, action, outcome: 'done', object: { type: 'webhook', id }, facts });

  async function found(tx: Tx, id: string): Promise<EndpointRow> {
    const row = await endpointStore.get(tx, id);
    if (row === undefined) throw deliveryFault('DELIVERY_WEBHOOK_UNKNOWN');
    return row;
  }

  async function get(tenant: TenantId, id: string): Promise<Endpoint> {
    const row = await storage.read(inTenant(tenant), (tx) => found(tx, id));
    return { row, url: (await fields(tenant)).open(urlPlace(id), row.url) };
  }

  async function add(actor: Actor, tenant: TenantId, { url, events, description }: EndpointWish) {
    const checked = checkedUrl(guard, url);
    const sealer = await fields(tenant);
    const id = newUuid(clock, random);
    const secret = newSecret(random);
    const row: EndpointRow = {
      id,
      url: sealer.seal(urlPlace(id), checked.href),
      secret: sealer.seal(secretPlace(id), secret),
      oldSecret: undefined,
      oldSecretUntil: undefined,
      events: [...new Set(events)],
      description,
      state: 'active',
      reason: undefined,
      failingSince: undefined,
      createdBy: nameOf(actor.principal),
      createdAt: clock.now(),
    };
    await storage.write(inTenant(tenant), async (tx) => {
      // Serializable writes (PostgreSQL) and the one writer (SQLite) keep two from taking the last place together.
      if ((await endpointStore.all(tx)).length >= perTenant)
        throw deliveryFault('DELIVERY_WEBHOOKS_FULL', { most: perTenant });
      await endpointStore.add(tx, row);
      await record(tx, actor, tenant, 'webhook.added', id, { host: checked.host, events: row.events });
    });
    return { endpoint: { row, url: checked.href }, secret };
  }

  async function change(actor: Actor, tenant: TenantId, id: string, wish: EndpointChange): Promise<Endpoint> {
    const checked = wish.url === undefined ? undefined : checkedUrl(guard, wish.url);
    const sealer = await fields(tenant);
    const url = checked && sealer.seal(urlPlace(id), checked.href);
    const row = await storage.write(inTenant(tenant), async (tx) => {
      const before = await found(tx, id);
      const after: EndpointRow = {
        ...before,
        url: url ?? before.url,
        events: wish.events === undefined ? before.events : [...new Set(wish.events)],
        description: wish.description ?? before.description,
        ...(wish.state === 'active' && { state: 'active', reason: undefined, failingSince: undefined }),
        ...(wish.state === 'disabled' && { state: 'disabled', reason: 'owner' }),
      };
      await endpointStore.update(tx, after);
      const facts = {
        state: after.state,
        events: after.events,
        ...(checked === undefined ? {} : { host: checked.host }),
      };
      await record(tx, actor, tenant, 'webhook.changed', id, facts);
      return after;
    });
    return { row, url: sealer.open(urlPlace(id), row.url) };
  }

  async function rotate(actor: Actor, tenant: TenantId, id: string) {
    const sealer = await fields(tenant);
    const secret = newSecret(random);
    const oldUntil = epochMs(clock.now() + OLD_SECRET_MS);
    await storage.write(inTenant(tenant), async (tx) => {
      const before = await found(tx, id);
      await endpointStore.update(tx, {
        ...before,
        secret: sealer.seal(secretPlace(id), secret),
        oldSecret: sealer.seal(oldSecretPlace(id), sealer.open(secretPlace(id), before.secret)),
        oldSecretUntil: oldUntil,
      });
      await record(tx, actor, tenant, 'webhook.secret_rotated', id, { old_until: rfc3339(oldUntil) });
    });
    return { secret, oldUntil };
  }

  async function giveUp(tx: Tx, tenant: TenantId, id: string): Promise<number> {
    const lane = laneOf(id);
    const count = await messageStore.failLane(tx, lane, 'webhook_removed', clock.now(), GIVEN_UP_AT_ONCE);
    tx.afterCommit(() => backlog.note(tenant, lane, -count));
    return count;
  }

  async function remove(actor: Actor, tenant: TenantId, id: string): Promise<void> {
    let count = await storage.write(inTenant(tenant), async (tx) => {
      if (!(await endpointStore.remove(tx, id))) throw deliveryFault('DELIVERY_WEBHOOK_UNKNOWN');
      await record(tx, actor, tenant, 'webhook.removed', id);
      return giveUp(tx, tenant, id);
    });
    // The rest of a long backlog in writes of their own, so that nobody else's has to wait. Where we die in between,
    // the courier finds the webhook gone and gives up what is left.
    while (count === GIVEN_UP_AT_ONCE) count = await storage.write(platform, (tx) => giveUp(tx, tenant, id));
  }

  return {
    add,
    get,
    change,
    rotate,
    remove,
    list: async (tenant) => {
      const rows = await storage.read(inTenant(tenant), endpointStore.all);
      const sealer = await fields(tenant);
      return rows.map((row) => ({ row, url: sealer.open(urlPlace(row.id), row.url) }));
    },
    test: (actor, tenant, id) =>
      storage.write(inTenant(tenant), async (tx) => {
        const { state } = await found(tx, id);
        if (state !== 'active') throw deliveryFault('DELIVERY_WEBHOOK_DISABLED');
        const eventType = 'webhook.test';
        const body = JSON.stringify({ type: eventType, timestamp: rfc3339(clock.now()), data: { webhook_id: id } });
        const [delivery] = await outbox.address(tx, { tenantId: tenant, eventType, body }, [id]);
        if (delivery === undefined) throw deliveryFault('DELIVERY_BACKLOG_FULL');
        await record(tx, actor, tenant, 'webhook.tested', id, { delivery });
        return delivery;
      }),
  };
}

/** @throws DELIVERY_URL_REFUSED */
function checkedUrl(guard: AddressGuard, text: string): URL {
  const url = URL.parse(text);
  if (url === null)
    throw deliveryFault('DELIVERY_URL_REFUSED', { errors: [{ at: 'body/url', reason: 'is not a URL' }] });
  guard.check(url);
  return url;
}

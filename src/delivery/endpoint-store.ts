import { type EpochMs, epochMs } from '../kernel/brand.ts';
import type { Json, RowOf, Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';

/** Why a webhook gets nothing: its owner's wish, nothing but failures, or an answer of 410. */
export type DisabledReason = 'owner' | 'failing' | 'gone';

/** A webhook of a tenant as it is stored. */
export interface EndpointRow {
  readonly id: string;
  /** Sealed, for many a URL is itself a password. */
  readonly url: string;
  /** Sealed. */
  readonly secret: string;
  /** Sealed; still signs until `oldSecretUntil`. */
  readonly oldSecret: string | undefined;
  readonly oldSecretUntil: EpochMs | undefined;
  readonly events: readonly string[];
  readonly description: string;
  readonly state: 'active' | 'disabled';
  readonly reason: DisabledReason | undefined;
  /** Since when there was nothing but failure. */
  readonly failingSince: EpochMs | undefined;
  readonly createdBy: string;
  readonly createdAt: EpochMs;
}

const row = {
  id: 'text',
  url: 'text',
  secret: 'text',
  old_secret: 'text?',
  old_secret_until: 'int?',
  events: 'json',
  description: 'text',
  state: 'text',
  reason: 'text?',
  failing_since: 'int?',
  created_by: 'text',
  created_at: 'int',
} as const;
const columns = Object.keys(row).join(', ');

const insertEndpoint = insertion({ reach: 'tenant', table: 'webhook_endpoint', columns: row });

const selectAll = statement({
  reach: 'tenant',
  sql: `select ${columns} from webhook_endpoint where tenant_id = :tenant_id order by created_at, id`,
  returns: row,
});

const selectOne = statement({
  reach: 'tenant',
  sql: `select ${columns} from webhook_endpoint where tenant_id = :tenant_id and id = :id`,
  params: { id: 'text' },
  returns: row,
});

const updateEndpoint = statement({
  reach: 'tenant',
  sql: `update webhook_endpoint
    set url = :url, secret = :secret, old_secret = :old_secret, old_secret_until = :old_secret_until,
      events = :events, description = :description, state = :state, reason = :reason, failing_since = :failing_since
    where tenant_id = :tenant_id and id = :id`,
  params: {
    id: 'text',
    url: 'text',
    secret: 'text',
    old_secret: 'text?',
    old_secret_until: 'int?',
    events: 'json',
    description: 'text',
    state: 'text',
    reason: 'text?',
    failing_since: 'int?',
  },
});

const deleteEndpoint = statement({
  reach: 'tenant',
  sql: 'delete from webhook_endpoint where tenant_id = :tenant_id and id = :id',
  params: { id: 'text' },
});

export const endpointStore = {
  add: async (tx: Tx, added: EndpointRow): Promise<void> => {
    await tx.insert(insertEndpoint, [{ ...changing(added), created_by: added.createdBy, created_at: added.createdAt }]);
  },
  /** The oldest first; a tenant has a bounded number. */
  all: async (tx: Tx): Promise<readonly EndpointRow[]> => (await tx.all(selectAll, {})).map(endpointOf),
  get: async (tx: Tx, id: string): Promise<EndpointRow | undefined> => {
    const found = await tx.one(selectOne, { id });
    return found && endpointOf(found);
  },
  update: (tx: Tx, changed: EndpointRow): Promise<number> => tx.run(updateEndpoint, changing(changed)),
  /** @returns false where there was none */
  remove: async (tx: Tx, id: string): Promise<boolean> => (await tx.run(deleteEndpoint, { id })) === 1,
};

function changing(endpoint: EndpointRow) {
  return {
    id: endpoint.id,
    url: endpoint.url,
    secret: endpoint.secret,
    old_secret: endpoint.oldSecret ?? null,
    old_secret_until: endpoint.oldSecretUntil ?? null,
    events: endpoint.events,
    description: endpoint.description,
    state: endpoint.state,
    reason: endpoint.reason ?? null,
    failing_since: endpoint.failingSince ?? null,
  };
}

function endpointOf(stored: RowOf<typeof row>): EndpointRow {
  return {
    id: stored.id,
    url: stored.url,
    secret: stored.secret,
    oldSecret: stored.old_secret ?? undefined,
    oldSecretUntil: timeOf(stored.old_secret_until),
    events: textsOf(stored.events),
    description: stored.description,
    state: stored.state === 'active' ? 'active' : 'disabled',
    reason: stored.reason === null ? undefined : (stored.reason as DisabledReason), // only `changing` writes it
    failingSince: timeOf(stored.failing_since),
    createdBy: stored.created_by,
    createdAt: epochMs(stored.created_at),
  };
}

const timeOf = (at: number | null): EpochMs | undefined => (at === null ? undefined : epochMs(at));
const textsOf = (value: Json): readonly string[] => (Array.isArray(value) ? value.map(String) : []);

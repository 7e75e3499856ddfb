import { z } from 'zod';
import { storableText } from '../http/index.ts';
import type { AuditSink } from '../kernel/audit.ts';
import type { TenantId } from '../kernel/brand.ts';
import { type Clock, days } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import { inTenant, type Tx } from '../kernel/tx.ts';
import { type Bus, createFreshCache, type Storage } from '../storage/index.ts';
import { mfaFault } from './errors.ts';
import { METHODS, type Method } from './method.ts';
import { mfaStore } from './store.ts';

/** As a tenant states it and as it is stored. */
export const policySchema = z.strictObject({
  required_for: z
    .array(storableText(1, 64))
    .max(100)
    .describe('Roles that must have a second factor; `*` for everybody.'),
  methods: z.array(z.enum(METHODS)).min(1).max(METHODS.length).describe('The second factors that count.'),
  remember_ms: z.int().min(0).max(days(90)).describe('For how long a device may be remembered instead; 0 for never.'),
});

/** What a tenant asks of its people. */
export interface MfaPolicy {
  readonly requiredFor: readonly string[];
  readonly methods: readonly Method[];
  readonly rememberMs: number;
}

/** What is asked of one person. */
export interface Demand {
  readonly required: boolean;
  /** The strongest first. */
  readonly methods: readonly Method[];
  readonly rememberMs: number;
}

/** Whom a second factor is asked of. */
export interface Policies {
  /** The strictest of all tenants of a person. */
  of(tenants: readonly TenantId[], rolesIn: (tenant: TenantId) => readonly string[]): Promise<Demand>;
  /** The tenant's own, or the one of the configuration. */
  get(tenant: TenantId): Promise<MfaPolicy>;
  /** The same out of a cache that `set` drops, in every process: for what is asked at each request. */
  current(tenant: TenantId): MfaPolicy | Promise<MfaPolicy>;
  /**
   * Within a write in that tenant. Who has no factor yet is not locked out by it: the next sign-in sets one up.
   *
   * @throws MFA_POLICY_INVALID where none of the methods can be set up here
   */
  set(tx: Tx, actor: Actor, tenant: TenantId, policy: MfaPolicy): Promise<void>;
}

export interface PolicyDeps {
  readonly storage: Storage;
  readonly audit: AuditSink;
  readonly bus?: Bus | undefined;
  readonly clock: Clock;
  readonly normal: MfaPolicy;
  /** Whether somebody could set up a factor of this kind here. */
  readonly isOffered: (method: Method) => boolean;
}

const EVERYBODY = '*';
const MOST_CACHED = 10_000;

export function createPolicies({ storage, audit, bus, clock, normal, isOffered }: PolicyDeps): Policies {
  const topic = 'mfa.policy';
  const cache = createFreshCache<MfaPolicy>({ storage, bus, topic, clock, maxEntries: MOST_CACHED });
  const get = (tenant: TenantId): Promise<MfaPolicy> =>
    storage.read(inTenant(tenant), async (tx) => {
      const stored = await mfaStore.policy(tx);
      return stored === undefined ? normal : policyOf(policySchema.parse(stored));
    });

  return {
    get,
    current: (tenant) => cache.get(tenant) ?? cache.load(tenant, () => get(tenant)),
    of: async (tenants, rolesIn) => {
      const demands: Demand[] = [];
      for (const tenant of tenants) demands.push(demandOf(await get(tenant), rolesIn(tenant)));
      return strictest(demands.length === 0 ? [demandOf(normal, [])] : demands, isOffered);
    },
    set: async (tx, actor, tenant, policy) => {
      if (!policy.methods.some((method) => method !== 'backup' && isOffered(method)))
        throw mfaFault('MFA_POLICY_INVALID'); // or whoever it is asked of could never sign in again
      const stated = statedOf(policy);
      await mfaStore.setPolicy(tx, stated);
      cache.drop(tx, tenant);
      await audit.record(tx, {
        ...actor,
        tenantId: tenant,
        action: 'mfa.policy_changed',
        outcome: 'done',
        object: { type: 'tenant', id: tenant },
        facts: stated,
      });
    },
  };
}

/** Whether a policy asks somebody with these roles for a second factor. */
export const isRequired = ({ requiredFor }: MfaPolicy, roles: readonly string[]): boolean =>
  requiredFor.some((role) => role === EVERYBODY || roles.includes(role));

const demandOf = (policy: MfaPolicy, roles: readonly string[]): Demand => ({
  required: isRequired(policy, roles),
  methods: policy.methods,
  rememberMs: policy.rememberMs,
});

/**
 * Required where one requires it, by a method that all accept. Where they have none in common that can be set up here it
 * is the strongest that any accepts: fewer would lock the person out, and all of them be weaker than each demands.
 */
function strictest(demands: readonly Demand[], isOffered: (method: Method) => boolean): Demand {
  const canServe = (method: Method): boolean => method !== 'backup' && isOffered(method);
  const common = METHODS.filter((method) => demands.every(({ methods }) => methods.includes(method)));
  const any = METHODS.filter((method) => demands.some(({ methods }) => methods.includes(method)));
  const isEnough = common.some(canServe);
  return {
    required: demands.some(({ required }) => required),
    methods: isEnough ? common : any.filter(canServe).slice(0, 1),
    rememberMs: Math.min(...demands.map(({ rememberMs }) => rememberMs)),
  };
}

export const statedOf = ({ requiredFor, methods, rememberMs }: MfaPolicy) => ({
  required_for: requiredFor,
  methods,
  remember_ms: rememberMs,
});

export const policyOf = (stated: z.output<typeof policySchema>): MfaPolicy => ({
  requiredFor: stated.required_for,
  methods: METHODS.filter((method) => stated.methods.includes(method)),
  rememberMs: stated.remember_ms,
});

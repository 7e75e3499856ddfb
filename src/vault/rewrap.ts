import { setImmediate as immediate } from 'node:timers/promises';
import type { AuditSink } from '../kernel/audit.ts';
import { type EpochMs, type TenantId, tenantId } from '../kernel/brand.ts';
import { type Clock, hours, minutes, seconds } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import type { RowKey, SealedField } from '../kernel/sealed.ts';
import { platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { createPace } from './rewrap-pace.ts';
import { createWalkTime } from './rewrap-time.ts';
import { leftUnder, scopeOf, type Walk, type Walkable, type Walked, walkColumn } from './rewrap-walk.ts';
import { type StoredDataKey, vaultStore } from './store.ts';
import { type RewrapProgress, rewrapStore } from './store-rewrap.ts';
import { createSealedStore } from './store-sealed.ts';
import type { Vault } from './vault.ts';

export type { RewrapProgress } from './store-rewrap.ts';

export interface RewrapDeps {
  readonly vault: Vault;
  readonly storage: Storage;
  readonly audit: AuditSink;
  readonly clock: Clock;
  /** Every column of every room whose values are envelopes. */
  readonly fields: readonly SealedField[];
  /** Names this process among those that share a database. */
  readonly holder: string;
  /** Hears of tenants that could not be walked: they are tried again, and keep nobody else from it. */
  readonly onError: (error: unknown) => void;
}

/** Brings every stored value under the current key of its tenant, so that the keys before it can be destroyed. */
export interface Rewrap {
  /**
   * Goes on from where the last run stopped, in this process or one that was killed. Resolves when nothing is left to
   * do, another process does it, or the time is up. A run that is under way is joined. What follows an emergency
   * rotation is done first, without a rest and to its end, whoever asks: the stored keys say so.
   *
   * @param options.budgetMs resolves soon after; 4 s unless told, an urgent run when it is done
   * @param options.urgent does not step back for other work
   * @throws VAULT_PROVIDER_AWAY, STORAGE_UNAVAILABLE
   */
  run(options?: { readonly budgetMs?: number | undefined; readonly urgent?: boolean | undefined }): Promise<void>;
  /** Ends a run after its present step, and begins none any more: for the end of the process. */
  stop(): Promise<void>;
  /** How far each walk has come. */
  status(): Promise<readonly RewrapProgress[]>;
  /** How many rows need a version: their value is sealed under it, or one of their blind indexes made. Reads all of them. */
  countUnder(tenant: TenantId, version: string): Promise<number>;
  /** Rows whose value did not open and was left as it is; 10,000 at most. */
  unreadable(tenant: TenantId): Promise<readonly { field: string; row: string; at: EpochMs }[]>;
}

const PLATFORM = tenantId('platform');
const RUN_MS = seconds(4);
const LEASE_MS = seconds(15);
const ROWS_PER_COUNT = 2_000;
/** Statements of our own are small on PostgreSQL: one that is long makes others of the same rows be tried again. */
const MOST_ROWS = { sqlite: 2_000, postgres: 200 } as const;
/**
 * After a key was retired some still write what they had sealed under it: on SQLite alone those who wait for the writer,
 * elsewhere also a process that has not heard yet, or cannot open the new key for half a minute.
 */
const SETTLED_MS = { alone: seconds(3), shared: seconds(45) } as const;
const RECOUNT_MS = minutes(1);
const UNREADABLE_RECOUNT_MS = hours(1);

/** Versions of one tenant that nothing is sealed under any more, and the one to bring their values under. */
interface Task {
  readonly tenant: TenantId;
  readonly target: StoredDataKey;
  readonly old: readonly StoredDataKey[];
  readonly isNewer: (version: string) => boolean;
  /** One of the old versions may be known to others. */
  readonly isUrgent: boolean;
}

export function createRewrap(deps: RewrapDeps): Rewrap {
  const { vault, storage, audit, clock, holder, onError } = deps;
  const columns = deps.fields.map(
    (field): Walked => ({ field, name: `${field.table}.${field.column}`, store: createSealedStore(field) }),
  );
  const settledMs = vault.dataKeys.activationMs === 0 ? SETTLED_MS.alone : SETTLED_MS.shared;
  const recountAt = new Map<TenantId, number>();
  const doubted = new Map<TenantId, Set<string>>();
  let urgent = false;
  let hurries = false;
  const time = createWalkTime(
    () =>
      walkAll().finally(() => {
        urgent = false;
      }),
    onError,
  );
  let restsAt: { readonly change: number; readonly until: number } | undefined;
  const pace = createPace({ mostRows: MOST_ROWS[storage.dialect], urgent: () => urgent || hurries });
  const walk = { storage, freshen: vault.fields, subjects: vault.subjects, pace, now: () => clock.now() };

  /** Values are under a key that was taken to be empty: a process that had stood still has written them after all. */
  async function doubt(tenant: TenantId, version: string): Promise<void> {
    const keys = await vault.dataKeys.versions(tenant);
    if (keys.every((key) => key.version !== version || key.emptiedAt === undefined)) return;
    doubted.set(tenant, (doubted.get(tenant) ?? new Set()).add(version));
    restsAt = undefined;
  }

  /** Nothing under a person's own key is sealed anew, so only its indexes are there to be walked. */
  const columnsOf = (tenant: TenantId): readonly Walked[] =>
    columns.filter(
      ({ field }) =>
        (field.rows === 'tenant' || tenant === PLATFORM) &&
        (typeof field.under !== 'object' || (field.indexes ?? []).length > 0),
    );

  async function run({ budgetMs, urgent: hurry = false }: Parameters<Rewrap['run']>[0] = {}): Promise<void> {
    urgent ||= hurry;
    return time.run(performance.now() + (budgetMs ?? (hurry ? Number.POSITIVE_INFINITY : RUN_MS)));
  }

  /** Does what has to be done at full speed and to its end. */
  async function hurrying<T>(isUrgent: boolean, work: () => Promise<T>): Promise<T> {
    hurries = isUrgent;
    time.hurry(isUrgent);
    try {
      return await work();
    } finally {
      hurries = false;
      time.hurry(false);
    }
  }

  async function walkAll(): Promise<void> {
    const change = await storage.read(platform, vaultStore.newestChange);
    if (restsAt?.change === change && clock.now() < restsAt.until) return;
    const rotated = await storage.read(platform, rewrapStore.rotated);
    const hurried = await storage.read(platform, rewrapStore.hurried);
    const tenants = new Set([...rotated.filter((tenant) => hurried.has(tenant)), ...rotated, ...doubted.keys()]);
    const lease = tenants.size === 0 ? undefined : await keepLease();
    if (tenants.size > 0 && lease === undefined) return; // another process is at it
    const renew = lease?.renew ?? (async () => true);
    try {
      let rest = clock.now() + UNREADABLE_RECOUNT_MS;
      for (const tenant of tenants) {
        const next = await walkTenant(tenant, renew);
        if (next === undefined) return;
        rest = Math.min(rest, next);
      }
      restsAt = { change, until: rest };
    } finally {
      await lease?.release();
    }
  }

  /** Held where several processes share a database; the owner of a SQLite file is alone. */
  async function keepLease() {
    if (storage.dialect === 'sqlite') return { renew: async () => true, release: async () => undefined };
    const take = () => storage.lease('vault.rewrap', holder, LEASE_MS);
    let lease = await take();
    if (lease === undefined) return undefined;
    let renewAt = performance.now() + LEASE_MS / 3;
    return {
      renew: async () => {
        if (performance.now() < renewAt) return true;
        lease = await take();
        renewAt = performance.now() + LEASE_MS / 3;
        return lease !== undefined;
      },
      release: async () => {
        if (lease !== undefined) await storage.release(lease).catch(onError); // it ends by itself in any case
      },
    };
  }

  /** @returns when to look at the tenant again; undefined where the time is up */
  async function walkTenant(tenant: TenantId, renew: () => Promise<boolean>): Promise<number | undefined> {
    try {
      const task = await taskOf(tenant);
      if (task === undefined) return clock.now(); // the key that follows is not sealed with yet
      const { target, isNewer } = task;
      const sealer = await vault.fields(tenant);
      const walkOf = (walked: Walked, goOn: () => boolean): Walk => ({
        ...{ walked, tenant, sealer, target: target.version, isNewer },
        goOn: async () => (await renew()) && goOn(),
      });
      const end = await hurrying(task.isUrgent, () => walkColumns((walked) => walkOf(walked, time.goOn), tenant));
      if (end === 'overtaken') return clock.now(); // by a newer key, or another process: the next run looks anew
      if (end === 'interrupted') return undefined;
      return await settle(task, (walked) => walkOf(walked, time.goOnBeyond));
    } catch (error) {
      if (isFault(error) && error.kind === 'unavailable') throw error; // it would be the same for the next tenant
      onError(error);
      return clock.now();
    }
  }

  async function walkColumns(walkOf: (walked: Walked) => Walk, tenant: TenantId): Promise<Walkable> {
    for (const walked of columnsOf(tenant)) {
      const end = await walkColumn(walk, walkOf(walked));
      if (end !== 'finished') return end;
    }
    return 'finished';
  }

  async function taskOf(tenant: TenantId): Promise<Task | undefined> {
    const { version } = await vault.fields(tenant);
    const keys = (await vault.dataKeys.versions(tenant)).filter(({ algorithm }) => algorithm === undefined);
    const at = keys.findIndex((key) => key.version === version);
    const target = keys[at];
    if (target === undefined) return undefined; // made a moment ago
    const isDoubted = (name: string): boolean => doubted.get(tenant)?.has(name) === true;
    const old = keys
      .slice(0, at)
      .filter((key) => key.destroyedAt === undefined && (key.emptiedAt === undefined || isDoubted(key.version)));
    const [oldest] = old;
    if (oldest === undefined) return undefined;
    const since = keys.slice(keys.indexOf(oldest) + 1, at + 1);
    const newer = new Set(keys.slice(at + 1).map((key) => key.version));
    const known = new Set(keys.map((key) => key.version));
    // One that was made since the keys were read has the later name.
    const isNewer = (name: string): boolean => newer.has(name) || (!known.has(name) && name > version);
    return { tenant, target, old, isNewer, isUrgent: since.some(({ reason }) => reason === 'emergency') };
  }

  /**
   * After all walks: what nothing is left under is noted as empty, and what came late is walked again.
   *
   * @returns when to look at the tenant again; undefined where it was stopped
   */
  async function settle({ tenant, target, old }: Task, walkOf: (walked: Walked) => Walk): Promise<number | undefined> {
    const now = clock.now();
    const settledAt = Math.max(target.activeAt + settledMs, recountAt.get(tenant) ?? 0);
    if (now < settledAt) return settledAt;
    let left = false;
    for (const { version } of old) {
      const found = await leftBehind(tenant, version, walkOf);
      if (found === undefined) return undefined;
      if (found) left = true;
      else await noteEmpty(tenant, version, target.version);
    }
    if (!left) {
      recountAt.delete(tenant);
      doubted.delete(tenant);
      return Number.POSITIVE_INFINITY;
    }
    const again = (await storage.read(platform, rewrapStore.every)).some(
      (one) => one.tenant === tenant && one.finishedAt === undefined,
    );
    recountAt.set(tenant, now + (again ? RECOUNT_MS : UNREADABLE_RECOUNT_MS));
    return again ? now : now + UNREADABLE_RECOUNT_MS;
  }

  /** Whether a walk has left anything: it did not open, or came after the walk had passed; then it is walked again. */
  async function leftBehind(
    tenant: TenantId,
    version: string,
    walkOf: (walked: Walked) => Walk,
  ): Promise<boolean | undefined> {
    let isLeft = false;
    for (const walked of columnsOf(tenant)) {
      const one = walkOf(walked);
      const left = await leftUnder(walk, one, version);
      if (left === undefined) return undefined;
      isLeft ||= left !== 'nothing';
      if (left !== 'late') continue;
      await storage.write(platform, (tx) => rewrapStore.begin(tx, tenant, walked.name, one.target, clock.now()));
    }
    return isLeft;
  }

  async function noteEmpty(tenant: TenantId, version: string, target: string): Promise<void> {
    await storage.write(platform, async (tx) => {
      if (!(await vault.dataKeys.markEmptied(tx, tenant, version))) return;
      await audit.record(tx, {
        action: 'vault.rewrapped',
        outcome: 'done',
        principal: { kind: 'operator', tenantId: PLATFORM }, // nobody asked: it follows from the rotation
        tenantId: tenant,
        object: { type: 'data-key', id: version },
        facts: { version, target },
      });
    });
  }

  async function countIn({ field, store }: Walked, tenant: TenantId, version: string): Promise<number> {
    let total = 0;
    let after: RowKey | undefined;
    for (;;) {
      const from = after;
      const { found, last } = await storage.read(scopeOf(field, tenant), (tx) =>
        store.count(tx, version, from, ROWS_PER_COUNT),
      );
      total += found;
      if (last === undefined) return total;
      after = last;
      await immediate();
    }
  }

  return {
    run,
    stop: time.stop,
    status: () => storage.read(platform, rewrapStore.every),
    countUnder: async (tenant, version) => {
      let total = 0;
      for (const walked of columnsOf(tenant)) total += await countIn(walked, tenant, version);
      if (total > 0) await doubt(tenant, version);
      return total;
    },
    unreadable: (tenant) => storage.read(platform, (tx) => rewrapStore.unreadable(tx, tenant)),
  };
}

import type { AuditSink } from '../kernel/audit.ts';
import type { EpochMs, PersonId, SessionId, TenantId } from '../kernel/brand.ts';
import { type Clock, seconds } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { SessionConfig } from './config.ts';
import type { Devices } from './devices.ts';
import type { Revocations } from './revocations.ts';
import { type EndedRow, sessionStore } from './store.ts';
import { type CutoffKind, type CutoffRow, endStore, type Stretch } from './store-ends.ts';
import type { Use } from './use.ts';

/** Whose sessions are to end. */
export type EndScope =
  | { readonly kind: 'own'; readonly personId: PersonId; readonly except?: SessionId | undefined }
  | { readonly kind: 'user'; readonly personId: PersonId }
  /** Those of a person that act in one tenant. */
  | { readonly kind: 'member'; readonly personId: PersonId; readonly tenantId: TenantId }
  | { readonly kind: 'tenant'; readonly tenantId: TenantId }
  | { readonly kind: 'everyone' };

export interface EndDeps {
  readonly storage: Storage;
  readonly audit: AuditSink;
  readonly revocations: Revocations;
  readonly devices: Pick<Devices, 'unremember'>;
  readonly use: Pick<Use, 'count'>;
  readonly clock: Clock;
  readonly config: SessionConfig;
}

/** How a session ends, alone or with others. */
export interface Ends {
  /** @returns false for one that has ended already */
  endOne(tx: Tx, session: Ending, now: EpochMs, reason: string): Promise<boolean>;
  endAll(tx: Tx, actor: Actor, person: PersonId, reason: string, but?: SessionId): Promise<number>;
  /** Those of a person that act in one tenant; the devices stay as they are. */
  endIn(tx: Tx, actor: Actor, person: PersonId, tenant: TenantId, reason: string): Promise<number>;
  endScope(actor: Actor, scope: EndScope, reason: string): Promise<number>;
  /** Marks the rows of what was ended at once, where whoever did so did not get to it. */
  sweep(): Promise<void>;
}

type Ending = { readonly id: SessionId; readonly tenantId: TenantId; readonly lastUsedAt: EpochMs };

const BATCH = 100; // a few milliseconds of a writer that others wait for
const REFRESHED_LATELY_MS = seconds(5);

export function createEnds(deps: EndDeps): Ends {
  const { storage, audit, revocations, devices, use, clock, config } = deps;

  const isLive = (row: EndedRow, now: EpochMs): boolean =>
    row.expiresAt > now && row.lastUsedAt + (row.idleMs ?? config.idleMs) > now;

  async function endOne(tx: Tx, { id, tenantId, lastUsedAt }: Ending, now: EpochMs, reason: string): Promise<boolean> {
    const ended = await sessionStore.end(tx, id, now, reason);
    await revocations.add(tx, 'session', id, lastUsedAt);
    if (ended) tx.afterCommit(() => use.count(tenantId, 'ended'));
    return ended;
  }

  async function endAll(tx: Tx, actor: Actor, person: PersonId, reason: string, but?: SessionId): Promise<number> {
    const now = clock.now();
    const rows = await sessionStore.endAllOf(tx, person, now, reason, but);
    if (but === undefined) await revocations.add(tx, 'person', person); // one that goes on would be hit by this
    await devices.unremember(tx, person); // somebody else may have been remembered
    return settle(tx, actor, person, rows, { now, reason });
  }

  async function endIn(tx: Tx, actor: Actor, person: PersonId, tenant: TenantId, reason: string): Promise<number> {
    const now = clock.now();
    return settle(tx, actor, person, await sessionStore.endAllIn(tx, person, tenant, now, reason), { now, reason });
  }

  /** @returns how many of them were live */
  async function settle(
    tx: Tx,
    actor: Actor,
    person: PersonId,
    rows: readonly EndedRow[],
    { now, reason }: { now: EpochMs; reason: string },
  ): Promise<number> {
    // Each by its id, for a refresh in the same group commit signs its token a moment after this.
    await revokeEach(tx, rows);
    const live = rows.filter((row) => isLive(row, now));
    tx.afterCommit(() => {
      for (const { tenantId } of live) use.count(tenantId, 'ended');
    });
    const object = { type: 'person', id: person };
    const facts = { reason, ended: live.length };
    await audit.record(tx, { ...actor, action: 'session.all_ended', outcome: 'done', object, facts });
    return live.length;
  }

  /**
   * Ends any number of sessions in one small write: from then on none that was begun before is believed anywhere, and
   * their rows are marked afterwards, in batches that others get between.
   */
  async function endMany(actor: Actor, kind: CutoffKind, subject: string, reason: string): Promise<number> {
    const cutoff: CutoffRow = { kind, subject, before: clock.now(), reason, swept: false };
    const entry = { ...actor, action: 'session.all_ended', object: { type: kind, id: subject } };
    const { later, now } = await storage.write(platform, async (tx) => {
      const at = clock.now();
      await endStore.cutOff(tx, cutoff);
      await revocations.add(tx, kind, subject);
      const rows = await endStore.endLater(tx, cutoff, at);
      await revokeEach(tx, rows);
      await audit.record(tx, { ...entry, outcome: 'intended', facts: { reason, scope: kind } });
      return { later: rows, now: at };
    });
    const ended = countLive(later, now) + (await sweepOne(cutoff));
    await storage.write(platform, async (tx) => {
      await endStore.markSwept(tx, cutoff);
      await audit.record(tx, { ...entry, outcome: 'done', facts: { reason, scope: kind, ended } });
    });
    return ended;
  }

  async function revokeEach(tx: Tx, rows: readonly EndedRow[]): Promise<void> {
    for (const { id, lastUsedAt } of rows) await revocations.add(tx, 'session', id, lastUsedAt);
  }

  function countLive(rows: readonly EndedRow[], now: EpochMs): number {
    const live = rows.filter((row) => isLive(row, now));
    for (const { tenantId } of live) use.count(tenantId, 'ended');
    return live.length;
  }

  async function sweepOne(cutoff: CutoffRow): Promise<number> {
    let ended = 0;
    let after = -1; // where the last batch ended: before it lies what the database has yet to clear away
    for (;;) {
      // Looked for outside of the write: what a serializable one reads, others must not write meanwhile.
      const stretch = await storage.read(platform, (tx) => endStore.next(tx, cutoff, after, BATCH));
      if (stretch === undefined) return ended;
      const now = clock.now();
      const rows = await storage.write(platform, (tx) => sweepStretch(tx, cutoff, stretch, now));
      ended += countLive(rows, now);
      after = stretch.before;
    }
  }

  async function sweepStretch(tx: Tx, cutoff: CutoffRow, stretch: Stretch, now: EpochMs): Promise<readonly EndedRow[]> {
    const rows = await endStore.sweep(tx, cutoff, stretch, now);
    // One that was refreshed while the cutoff was being written signs its token a moment after that.
    const late = rows.filter(({ lastUsedAt }) => lastUsedAt >= cutoff.before - REFRESHED_LATELY_MS);
    await revokeEach(tx, late);
    return rows;
  }

  return {
    endOne,
    endAll,
    endIn,
    endScope: (actor, scope, reason) => {
      switch (scope.kind) {
        case 'own':
          return storage.write(platform, (tx) => endAll(tx, actor, scope.personId, reason, scope.except));
        case 'user':
          return storage.write(platform, (tx) => endAll(tx, actor, scope.personId, reason));
        case 'member':
          return storage.write(platform, (tx) => endIn(tx, actor, scope.personId, scope.tenantId, reason));
        case 'tenant':
          return endMany(actor, 'tenant', scope.tenantId, reason);
        case 'everyone':
          return endMany(actor, 'everyone', '*', reason);
      }
    },
    sweep: async () => {
      for (const cutoff of await storage.read(platform, endStore.unswept)) {
        await sweepOne(cutoff);
        await storage.write(platform, (tx) => endStore.markSwept(tx, cutoff));
      }
    },
  };
}

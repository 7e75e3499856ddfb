import type { AuditSink } from '../kernel/audit.ts';
import { type EpochMs, epochMs, type TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';
import { inTenant, platform, type Tx } from '../kernel/tx.ts';
import type { Metrics } from '../metrics/index.ts';
import type { Storage } from '../storage/index.ts';
import { ALERT_ENDPOINT } from './alerts.ts';
import type { Backlog } from './backlog.ts';
import { waitAfter } from './backoff.ts';
import type { Claimed } from './claims.ts';
import { type DisabledReason, endpointStore } from './endpoint-store.ts';
import { logStore } from './log-store.ts';
import type { Outcome } from './outcome.ts';
import { answerPlace, PLATFORM, type SealerOf } from './sealing.ts';
import { messageStore, type Settlement } from './store.ts';

export interface SettleDeps {
  readonly storage: Storage;
  readonly audit: AuditSink;
  readonly fields: SealerOf;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Pick<Metrics, 'counter'>;
  readonly backlog: Pick<Backlog, 'note'>;
  readonly disableAfterMs: number;
}

/** Writes down how an attempt ended, and what follows from it for the message and its webhook. */
export type Settle = (message: Claimed, outcome: Outcome, begunAt: EpochMs) => Promise<void>;

export function createSettle(deps: SettleDeps): Settle {
  const { storage, audit, fields, clock, random, metrics, backlog, disableAfterMs } = deps;
  const counters = {
    sent: metrics.counter('twinkeep_deliveries_sent_total', 'Messages that their receiver has taken.'),
    waiting: metrics.counter('twinkeep_deliveries_retried_total', 'Attempts that failed and are followed by another.'),
    failed: metrics.counter('twinkeep_deliveries_failed_total', 'Messages that were given up.'),
  };

  async function disable(tx: Tx, tenantId: TenantId, id: string, reason: DisabledReason): Promise<void> {
    const row = await endpointStore.get(tx, id);
    if (row === undefined || row.state === 'disabled') return;
    await endpointStore.update(tx, { ...row, state: 'disabled', reason });
    const object = { type: 'webhook', id };
    const principal = { kind: 'operator', tenantId } as const; // nobody asked: it is the process that does it
    await audit.record(tx, {
      principal,
      tenantId,
      action: 'webhook.disabled',
      outcome: 'done',
      object,
      facts: { reason },
    });
  }

  /** Nothing but failure for long enough disables a webhook; one success begins anew. */
  async function noteEndpoint(tx: Tx, tenantId: TenantId, id: string, outcome: Outcome, now: EpochMs): Promise<void> {
    if (outcome.kind === 'failed' && outcome.gone) return disable(tx, tenantId, id, 'gone');
    const row = await endpointStore.get(tx, id);
    if (row === undefined || row.state === 'disabled') return;
    if (outcome.kind === 'sent') {
      if (row.failingSince !== undefined) await endpointStore.update(tx, { ...row, failingSince: undefined });
    } else if (row.failingSince === undefined) await endpointStore.update(tx, { ...row, failingSince: now });
    else if (now - row.failingSince >= disableAfterMs) await disable(tx, tenantId, id, 'failing');
  }

  return async (message, outcome, begunAt) => {
    const now = clock.now();
    const to = settlementOf(message, outcome, now, random);
    const sealer = await fields(PLATFORM);
    const { id, attempts: n, tenantId, endpointId } = message;
    const answer = outcome.kind === 'sent' ? undefined : outcome.answer;
    const attempt = {
      n,
      outcome: to.state === 'waiting' ? ('retry' as const) : to.state,
      status: outcome.status,
      reason: outcome.kind === 'sent' ? undefined : outcome.reason,
      durationMs: now - begunAt,
      answer: answer && sealer.seal(answerPlace(id, n), answer),
    };
    const ofTenant = message.kind === 'webhook' && endpointId !== ALERT_ENDPOINT && wasTried(outcome);
    const scope = ofTenant && tenantId !== undefined ? inTenant(tenantId) : platform;
    await storage.write(scope, async (tx) => {
      if (!(await messageStore.settle(tx, id, message.claim, to))) return; // it took too long: another one has it now
      await logStore.end(tx, id, attempt);
      if (scope.kind === 'tenant' && endpointId !== undefined) {
        await noteEndpoint(tx, scope.tenantId, endpointId, outcome, now);
      }
      tx.afterCommit(() => {
        counters[to.state].add();
        if (to.state !== 'waiting' && tenantId !== undefined) backlog.note(tenantId, message.lane, -1);
      });
    });
  };
}

/** False where it ended before anybody was asked, which says nothing about the receiver. */
const wasTried = (outcome: Outcome): boolean =>
  outcome.kind !== 'failed' ? outcome.kind === 'sent' || outcome.reason !== 'interrupted' : outcome.gone === true;

function settlementOf(message: Claimed, outcome: Outcome, now: EpochMs, random: Random): Settlement {
  const { kind, tries, expiresAt } = message;
  if (outcome.kind === 'sent') {
    // A webhook may be asked for again; nobody asks for a mail again, so what it said and to whom goes at once.
    return { state: 'sent', reason: undefined, dueAt: now, settledAt: now, tries, forget: kind !== 'webhook' };
  }
  if (outcome.kind === 'retry' && outcome.reason === 'interrupted' && now < expiresAt) {
    // It was we who stopped, so it is no try of the receiver's; or the last one would be lost by a restart.
    const left = Math.max(0, tries - 1);
    return { state: 'waiting', reason: outcome.reason, dueAt: now, settledAt: undefined, tries: left, forget: false };
  }
  const wait = outcome.kind === 'retry' ? waitAfter(kind, tries, random, outcome.atLeastMs) : undefined;
  const dueAt = wait === undefined ? undefined : epochMs(now + wait);
  if (dueAt !== undefined && dueAt < expiresAt) {
    return { state: 'waiting', reason: outcome.reason, dueAt, settledAt: undefined, tries, forget: false };
  }
  return { state: 'failed', reason: outcome.reason, dueAt: now, settledAt: now, tries, forget: false };
}

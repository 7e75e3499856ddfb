import type { Clock } from '../kernel/clock.ts';
import { inTenant } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { ALERT_ENDPOINT, type Alerts } from './alerts.ts';
import type { Backlog } from './backlog.ts';
import type { Claimed } from './claims.ts';
import { endpointStore } from './endpoint-store.ts';
import { isWanted } from './event-type.ts';
import { type EventContents, eventContents } from './message.ts';
import type { Outbox } from './outbox.ts';
import type { Outcome } from './outcome.ts';
import { PLATFORM, payloadPlace, type SealerOf } from './sealing.ts';
import { messageStore } from './store.ts';

export interface FanOutDeps {
  readonly storage: Storage;
  readonly fields: SealerOf;
  readonly outbox: Outbox;
  readonly alerts: Alerts;
  readonly backlog: Pick<Backlog, 'know' | 'note'>;
  readonly clock: Clock;
}

/**
 * Makes of an event a message for each webhook that wants it, and for the people of the alert file, in one write in
 * which the event itself goes: however often that is tried, each gets one.
 */
export function createFanOut({ storage, fields, outbox, alerts, backlog, clock }: FanOutDeps) {
  async function opened({ id, payload = '' }: Claimed): Promise<EventContents | undefined> {
    const sealer = await fields(PLATFORM);
    try {
      return eventContents.parse(JSON.parse(sealer.open(payloadPlace(id), payload)));
    } catch {
      return undefined; // the key was destroyed, or the row altered: no further attempt would change that
    }
  }

  /** @returns undefined when it is done, else why it never will be */
  return async (event: Claimed): Promise<Outcome | undefined> => {
    const { tenantId, expiresAt } = event;
    if (expiresAt <= clock.now()) return { kind: 'failed', reason: 'expired' };
    const sealed = await opened(event);
    if (sealed === undefined || tenantId === undefined) return { kind: 'failed', reason: 'unreadable' };
    const { only, ...contents } = sealed;
    const isAlert = only !== 'webhooks' && alerts.wants(contents.type);
    const { type } = contents;
    const body = JSON.stringify(contents);
    await backlog.know(tenantId);
    await storage.write(inTenant(tenantId), async (tx) => {
      if (!(await messageStore.removeClaimed(tx, event.id, event.claim))) return;
      tx.afterCommit(() => backlog.note(tenantId, event.lane, -1));
      const wanting = (only === 'alerts' ? [] : await endpointStore.all(tx)).filter(
        (one) => one.state === 'active' && isWanted(one.events, type),
      );
      const receivers = wanting.map(({ id }) => id);
      if (alerts.webhook !== undefined && isAlert) receivers.push(ALERT_ENDPOINT);
      await outbox.address(tx, { tenantId, eventType: type, body }, receivers);
      if (!isAlert) return;
      for (const message of await alerts.messagesFor(tx, contents, clock.now())) await outbox.enqueue(tx, message);
    });
    return undefined;
  };
}

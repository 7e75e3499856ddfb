import type { TenantId } from '../kernel/brand.ts';
import { type Clock, seconds } from '../kernel/clock.ts';
import { inTenant } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { ALERT_ENDPOINT, type Alerts } from './alerts.ts';
import type { Claimed } from './claims.ts';
import { type EndpointRow, endpointStore } from './endpoint-store.ts';
import type { SendEmail } from './mailer.ts';
import { contents } from './message.ts';
import { type Outcome, reasonOf } from './outcome.ts';
import { oldSecretPlace, PLATFORM, payloadPlace, type SealerOf, secretPlace, urlPlace } from './sealing.ts';
import { secretBytes } from './signature.ts';
import type { SendSms } from './sms-sender.ts';
import type { WebhookSender, WebhookTarget } from './webhook-sender.ts';

export interface CourierDeps {
  readonly storage: Storage;
  readonly fields: SealerOf;
  readonly clock: Clock;
  readonly alerts: Alerts;
  readonly sendEmail: SendEmail | undefined;
  readonly sendSms: SendSms | undefined;
  readonly webhooks: WebhookSender;
}

/** Attempts to deliver one message. Whatever goes wrong is an outcome; only a database that is away is an error. */
export type Courier = (message: Claimed, signal: AbortSignal) => Promise<Outcome>;

const MAX_SEND_MS = seconds(60);

export function createCourier({ storage, fields, clock, alerts, sendEmail, sendSms, webhooks }: CourierDeps): Courier {
  async function opened({ id, payload }: Claimed): Promise<string | undefined> {
    const sealer = await fields(PLATFORM);
    try {
      return payload && sealer.open(payloadPlace(id), payload);
    } catch {
      return undefined; // the key was destroyed, or the row altered: no further attempt would change that
    }
  }

  async function targetOf(tenant: TenantId, id: string): Promise<WebhookTarget | Outcome> {
    if (id === ALERT_ENDPOINT) {
      const { webhook } = alerts;
      return webhook ? { url: webhook.url, secrets: [webhook.secret] } : { kind: 'failed', reason: 'webhook_removed' };
    }
    const row = await storage.read(inTenant(tenant), (tx) => endpointStore.get(tx, id));
    if (row === undefined) return { kind: 'failed', reason: 'webhook_removed' };
    if (row.state === 'disabled') return { kind: 'failed', reason: 'webhook_disabled' };
    const sealer = await fields(tenant);
    try {
      const url = sealer.open(urlPlace(id), row.url);
      const secrets = [sealer.open(secretPlace(id), row.secret)];
      if (isOldLive(row, clock)) secrets.push(sealer.open(oldSecretPlace(id), row.oldSecret ?? ''));
      return { url, secrets: secrets.flatMap((secret) => secretBytes(secret) ?? []) };
    } catch {
      return { kind: 'failed', reason: 'unreadable' };
    }
  }

  async function sendWebhook(message: Claimed, body: string, signal: AbortSignal): Promise<Outcome> {
    const { tenantId, endpointId } = message;
    if (tenantId === undefined || endpointId === undefined) return { kind: 'failed', reason: 'unreadable' };
    const target = await targetOf(tenantId, endpointId);
    return 'kind' in target ? target : webhooks.send(target, { id: message.id, body, at: clock.now() }, signal);
  }

  async function sendToPerson(message: Claimed, text: string, signal: AbortSignal): Promise<Outcome> {
    const parsed = contents.safeParse(JSON.parse(text));
    if (!parsed.success) return { kind: 'failed', reason: 'unreadable' };
    const limited = AbortSignal.any([signal, AbortSignal.timeout(MAX_SEND_MS)]);
    const { id, createdAt } = message;
    if (parsed.data.kind === 'sms') {
      if (sendSms === undefined) return { kind: 'retry', reason: 'not_set_up' };
      return unlessOver(sendSms({ id, contents: parsed.data }, limited), limited);
    }
    if (sendEmail === undefined) return { kind: 'retry', reason: 'not_set_up' };
    return unlessOver(sendEmail({ id, createdAt, contents: parsed.data }, limited), limited);
  }

  return async (message, signal) => {
    if (message.expiresAt <= clock.now()) return { kind: 'failed', reason: 'expired' };
    const text = await opened(message);
    if (text === undefined) return { kind: 'failed', reason: 'unreadable' };
    return message.kind === 'webhook' ? sendWebhook(message, text, signal) : sendToPerson(message, text, signal);
  };
}

/** A driver that does not listen to its signal must not hold a place for ever. */
async function unlessOver(sending: Promise<Outcome>, signal: AbortSignal): Promise<Outcome> {
  const { promise: over, resolve } = Promise.withResolvers<Outcome>();
  const end = (): void => resolve({ kind: 'retry', reason: reasonOf(undefined, signal) });
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  try {
    return await Promise.race([sending, over]);
  } catch (error) {
    return { kind: 'retry', reason: reasonOf(error, signal) };
  } finally {
    signal.removeEventListener('abort', end);
  }
}

const isOldLive = ({ oldSecret, oldSecretUntil }: EndpointRow, clock: Clock): boolean =>
  oldSecret !== undefined && oldSecretUntil !== undefined && clock.now() < oldSecretUntil;

import type { EpochMs } from '../kernel/brand.ts';
import { epochMs } from '../kernel/brand.ts';
import { rfc3339 } from '../kernel/clock.ts';
import type { Json, Tx } from '../kernel/tx.ts';
import type { AlertConfig } from './alert-config.ts';
import { type AlertChannel, type AlertWindow, alertStore } from './alert-store.ts';
import { ALERT_WINDOW_MS } from './config.ts';
import { isWanted } from './event-type.ts';
import type { EventContents, Message } from './message.ts';

/** Whose endpoint the webhook of the alert file is, in the outbox. */
export const ALERT_ENDPOINT = 'alerts';

/** E-mails and SMS to the people of the alert file. */
export interface Alerts {
  /** Whether anybody of the file wants this event. */
  wants(type: string): boolean;
  readonly webhook: AlertConfig['webhook'];
  /** The messages that an event makes; past the cap there are none, and the event is counted. */
  messagesFor(tx: Tx, event: EventContents, now: EpochMs): Promise<readonly Message[]>;
  /** Whether the cap held something back in a window that is over. */
  hasDigest(tx: Tx, now: EpochMs): Promise<boolean>;
  /** One message for each receiver about that. */
  digests(tx: Tx, now: EpochMs): Promise<readonly Message[]>;
}

const MAX_DATA_CHARS = 8_192;
const MAX_TYPES = 50;

/** @param perWindow alerts of one channel within ten minutes: a flood of events must not become one of mails */
export function createAlerts(config: AlertConfig | undefined, perWindow: number): Alerts {
  const receivers: Readonly<Record<AlertChannel, readonly string[]>> = {
    email: config?.email?.to ?? [],
    sms: config?.sms?.to ?? [],
  };
  const channels = (['email', 'sms'] as const).filter((channel) => receivers[channel].length > 0);
  const wants = (type: string): boolean => config !== undefined && isWanted(config.events, type);

  async function isWithin(tx: Tx, channel: AlertChannel, type: string, now: EpochMs): Promise<boolean> {
    const window = await alertStore.get(tx, channel);
    if (window === undefined || isOver(window, now)) {
      await alertStore.put(tx, { channel, beganAt: now, sent: 1, held: window?.held ?? {} });
      return true;
    }
    if (window.sent < perWindow) await alertStore.put(tx, { ...window, sent: window.sent + 1 });
    else await alertStore.put(tx, { ...window, held: counted(window.held, type) });
    return window.sent < perWindow;
  }

  return {
    wants,
    webhook: config?.webhook,
    hasDigest: async (tx, now) => {
      for (const channel of channels) if (isDigestDue(await alertStore.get(tx, channel), now)) return true;
      return false;
    },
    messagesFor: async (tx, event, now) => {
      if (!wants(event.type)) return [];
      const messages: Message[] = [];
      for (const channel of channels) {
        if (!(await isWithin(tx, channel, event.type, now))) continue;
        messages.push(...receivers[channel].map((to) => alertOf(channel, to, event)));
      }
      return messages;
    },
    digests: async (tx, now) => {
      const messages: Message[] = [];
      for (const channel of channels) {
        const window = await alertStore.get(tx, channel);
        if (!isDigestDue(window, now)) continue;
        await alertStore.put(tx, { ...window, held: {} });
        messages.push(...receivers[channel].map((to) => digestOf(channel, to, window)));
      }
      return messages;
    },
  };
}

const isOver = ({ beganAt }: AlertWindow, now: EpochMs): boolean => now >= beganAt + ALERT_WINDOW_MS;

const isDigestDue = (window: AlertWindow | undefined, now: EpochMs): window is AlertWindow =>
  window !== undefined && isOver(window, now) && Object.keys(window.held).length > 0;

function counted(held: AlertWindow['held'], type: string): AlertWindow['held'] {
  const name = type in held || Object.keys(held).length < MAX_TYPES ? type : 'other';
  return { ...held, [name]: (held[name] ?? 0) + 1 };
}

function alertOf(channel: AlertChannel, to: string, { type, timestamp, data }: EventContents): Message {
  const short = `Twinkeep: ${type} at ${timestamp}`;
  if (channel === 'sms') return { kind: 'sms', to, text: short }; // no more: an SMS passes through many hands
  const text = `${type}\n${timestamp}\n\n${shortened(JSON.stringify(data as Json, undefined, 2))}\n`;
  return { kind: 'email', to, subject: `[Twinkeep] ${type}`, text };
}

function digestOf(channel: AlertChannel, to: string, { beganAt, held }: AlertWindow): Message {
  const total = Object.values(held).reduce((sum, count) => sum + count, 0);
  const sentence = `${total} more alerts since ${rfc3339(epochMs(beganAt))}`;
  if (channel === 'sms') return { kind: 'sms', to, text: `Twinkeep: ${sentence}` };
  const lines = Object.entries(held).map(([type, count]) => `${type}: ${count}`);
  return { kind: 'email', to, subject: `[Twinkeep] ${sentence}`, text: `${sentence}:\n\n${lines.join('\n')}\n` };
}

const shortened = (text: string): string =>
  text.length <= MAX_DATA_CHARS ? text : `${text.slice(0, MAX_DATA_CHARS).toWellFormed()}\n…`;

import type { Agent, buildConnector } from 'undici';
import type { EpochMs } from '../kernel/brand.ts';
import { seconds } from '../kernel/clock.ts';
import { type AddressGuard, type HostAddress, isRefusedUrl } from './address-guard.ts';
import { type Outcome, reasonOf } from './outcome.ts';
import { type Posted, post } from './post.ts';
import { signaturesOf } from './signature.ts';

/** Where a webhook goes and what signs it. */
export interface WebhookTarget {
  readonly url: string;
  readonly secrets: readonly Uint8Array[];
}

/** One webhook to send: body and id are the same in every attempt, the time is that of this one. */
export interface OutgoingWebhook {
  readonly id: string;
  readonly body: string;
  readonly at: EpochMs;
}

export interface WebhookSender {
  send(target: WebhookTarget, webhook: OutgoingWebhook, signal: AbortSignal): Promise<Outcome>;
  /** Closes idle connections; what is being sent is cut. */
  close(): Promise<void>;
}

const MAX_SHOWN_BYTES = 1_024;
const KEEP_ALIVE_MS = 4_000;

/** Sends webhooks as https://www.standardwebhooks.com says, to addresses that the guard lets through. */
export function createWebhookSender(guard: AddressGuard, timeoutMs: number): WebhookSender {
  let opening: Promise<Agent> | undefined;
  return {
    send: async (target, { id, body, at }, signal) => {
      const limited = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const timestamp = Math.floor(at / 1_000);
      const headers = {
        'content-type': 'application/json',
        'user-agent': 'Twinkeep',
        'webhook-id': id,
        'webhook-timestamp': String(timestamp),
        'webhook-signature': signaturesOf(target.secrets, { id, timestamp, body }),
      };
      try {
        guard.check(new URL(target.url)); // what may be reached can have changed since it was entered
        opening ??= openAgent(guard, timeoutMs);
        return outcomeOf(await post({ url: target.url, headers, body, dispatcher: await opening }, limited));
      } catch (error) {
        return { kind: 'retry', reason: isRefusedUrl(error) ? 'address_refused' : reasonOf(error, limited) };
      }
    },
    close: async () => {
      const agent = await opening;
      opening = undefined;
      await agent?.destroy();
    },
  };
}

/** @see the specification's "Webhook delivery": 2xx is success, 410 ends the webhook, all else is tried again */
function outcomeOf({ status, retryAfterS, text }: Posted): Outcome {
  if (status >= 200 && status < 300) return { kind: 'sent', status };
  const answer = shown(text);
  if (status === 410) return { kind: 'failed', reason: 'gone', status, answer, gone: true };
  const wait = retryAfterS === undefined ? {} : { atLeastMs: seconds(retryAfterS) };
  return { kind: 'retry', reason: `http_${status}`, status, answer, ...wait };
}

/** What can be stored and shown: whole characters, no controls. */
function shown(text: string): string | undefined {
  const plain = text.replaceAll(/[^\P{Cc}\n\t]/gu, '');
  const cut = Buffer.from(plain)
    .subarray(0, MAX_SHOWN_BYTES)
    .toString('utf8')
    .replace(/\uFFFD+$/, '');
  return cut === '' ? undefined : cut;
}

/** An agent that connects to checked addresses only: they are looked up once, checked, and handed to the socket. */
async function openAgent(guard: AddressGuard, timeoutMs: number): Promise<Agent> {
  const { Agent, buildConnector } = await import('undici');
  const connect: buildConnector.connector = (options, callback) => {
    guard.addressesOf(options.protocol, options.hostname).then(
      (addresses) => {
        const settings = { timeout: timeoutMs, allowH2: false, lookup: lookupOf(addresses) };
        buildConnector(settings)(options, callback);
      },
      (error: Error) => callback(error, null),
    );
  };
  return new Agent({ connect, keepAliveTimeout: KEEP_ALIVE_MS, keepAliveMaxTimeout: KEEP_ALIVE_MS, pipelining: 1 });
}

type LookupCallback = (error: Error | null, found: string | HostAddress[], family?: number) => void;

/** Answers every look-up with the same addresses. */
function lookupOf(addresses: readonly HostAddress[]) {
  return (_hostname: string, options: { readonly all?: boolean | undefined }, callback: LookupCallback): void => {
    const [first] = addresses;
    if (options.all) callback(null, [...addresses]);
    else callback(null, first?.address ?? '', first?.family ?? 4);
  };
}

import { seconds } from '../kernel/clock.ts';
import type { SmsConfig } from './config.ts';
import type { Contents } from './message.ts';
import { type Outcome, reasonOf } from './outcome.ts';
import { type Posted, post } from './post.ts';

/** One SMS to send. */
export interface OutgoingSms {
  readonly id: string;
  readonly contents: Extract<Contents, { kind: 'sms' }>;
}

/** The port of a provider of SMS. */
export type SendSms = (sms: OutgoingSms, signal: AbortSignal) => Promise<Outcome>;

const MESSAGING_SERVICE = /^MG[0-9a-fA-F]{32}$/;

/**
 * Twilio, or whoever speaks its interface.
 *
 * Its Messages resource promises no idempotency. The id goes along in `I-Twilio-Idempotency-Token` and in the status
 * callback, so that a provider that looks at it can tell a repeated message; with one that doesn't, an SMS whose answer
 * was lost may arrive twice.
 *
 * @see https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource
 */
export function createSmsSender(config: SmsConfig): SendSms {
  const base = config.baseUrl.replace(/\/+$/, '');
  const url = `${base}/2010-04-01/Accounts/${encodeURIComponent(config.accountSid)}/Messages.json`;
  return async ({ id, contents }, signal) => {
    const form = new URLSearchParams({ To: contents.to, Body: contents.text });
    form.set(MESSAGING_SERVICE.test(config.from) ? 'MessagingServiceSid' : 'From', config.from);
    if (config.statusCallback !== undefined) form.set('StatusCallback', withId(config.statusCallback, id));
    const credentials = Buffer.from(`${config.accountSid}:${config.authToken.reveal()}`).toString('base64');
    const headers = {
      authorization: `Basic ${credentials}`,
      'content-type': 'application/x-www-form-urlencoded',
      accept: 'application/json',
      'i-twilio-idempotency-token': id,
    };
    const limited = AbortSignal.any([signal, AbortSignal.timeout(seconds(15))]);
    try {
      return outcomeOf(await post({ url, headers, body: form.toString() }, limited));
    } catch (error) {
      return { kind: 'retry', reason: reasonOf(error, limited) };
    }
  };
}

function outcomeOf({ status, retryAfterS, text }: Posted): Outcome {
  if (status >= 200 && status < 300) return { kind: 'sent', status };
  const code = /"code"\s*:\s*(\d{1,6})\b/.exec(text)?.[1];
  const reason = code === undefined ? `http_${status}` : `provider_${code}`;
  const final = status >= 400 && status < 500 && status !== 408 && status !== 429;
  if (final) return { kind: 'failed', reason, status };
  return { kind: 'retry', reason, status, ...(retryAfterS === undefined ? {} : { atLeastMs: seconds(retryAfterS) }) };
}

function withId(callback: string, id: string): string {
  const url = new URL(callback);
  url.searchParams.set('message_id', id);
  return url.href;
}

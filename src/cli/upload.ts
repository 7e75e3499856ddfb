import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { seconds } from '../kernel/clock.ts';
import { failure } from './errors.ts';

const badLine = z.object({
  line: z.int(),
  field: z.string().nullable(),
  reason: z.string(),
  stored: z.record(z.string(), z.unknown()).optional(),
  offered: z.record(z.string(), z.unknown()).optional(),
});

const answer = z.object({
  accepted: z.int(),
  stored: z.int(),
  repeated: z.int(),
  resume_line: z.int(),
  bad_lines: z.array(badLine),
});

/** What the server says of lines that were sent to it. */
export type UploadAnswer = z.output<typeof answer>;

export interface UploadOptions {
  /** Of the server; the path of readings is added. */
  readonly url: URL;
  readonly key: string;
  /** Hears why nothing happens for a while. */
  readonly onWait: (sentence: string) => void;
  /** Waits; for real unless told. */
  readonly pause?: (ms: number) => Promise<unknown>;
}

const MAX_ATTEMPTS = 8;
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = seconds(60);
const PATIENCE_MS = seconds(300);
const PASSING = new Set([429, 502, 503, 504]);

type Outcome =
  | { readonly kind: 'answer'; readonly answer: UploadAnswer }
  | { readonly kind: 'later'; readonly reason: string; readonly afterMs: number };

/**
 * Sends lines of JSON, and tries again when the server is away or busy: a reading sent twice is stored once.
 *
 * @throws CLI_FAILED when the key is refused, what answers is no Twinkeep, or eight attempts failed
 */
export function createUpload({
  url,
  key,
  onWait,
  pause = wait,
}: UploadOptions): (lines: readonly string[]) => Promise<UploadAnswer> {
  const target = new URL('v1/readings', url.href.endsWith('/') ? url : `${url.href}/`);
  return async (lines) => {
    const body = `${lines.join('\n')}\n`;
    for (let attempt = 1; ; attempt++) {
      const outcome = await send(target, key, body);
      if (outcome.kind === 'answer') return outcome.answer;
      const { reason, afterMs } = outcome;
      if (attempt === MAX_ATTEMPTS) throw failure(`Gave up after ${MAX_ATTEMPTS} attempts: ${reason}.`);
      const pauseMs = Math.min(MAX_PAUSE_MS, Math.max(afterMs, FIRST_PAUSE_MS * 2 ** (attempt - 1)));
      onWait(`${reason}; trying again in ${pauseMs / 1_000} s (${attempt + 1} of ${MAX_ATTEMPTS})`);
      await pause(pauseMs);
    }
  };
}

async function send(target: URL, key: string, body: string): Promise<Outcome> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(target, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson', 'x-api-key': key },
      body,
      redirect: 'manual', // the key goes where the user sent it and nowhere else
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    text = await response.text();
  } catch (error) {
    return { kind: 'later', reason: unreachable(target, error), afterMs: 0 };
  }
  return outcomeOf(target, response, text);
}

/** @throws CLI_FAILED where trying again would not help */
function unreachable({ origin }: URL, error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'no answer';
  if (code === 'ENOTFOUND') throw failure(`The host of ${origin} is not known.`, {}, error);
  if (/CERT|TLS|SSL|SELF_SIGNED|ISSUER/.test(code)) {
    throw failure(`The certificate of ${origin} is not trusted (${code}); see NODE_EXTRA_CA_CERTS.`, {}, error);
  }
  return `${origin} cannot be reached (${code})`;
}

function outcomeOf({ origin }: URL, { status, headers }: Response, text: string): Outcome {
  const body = jsonOf(text);
  const parsed = answer.safeParse(body);
  if ((status === 200 || status === 422) && parsed.success) return { kind: 'answer', answer: parsed.data };
  const title = typeof body['title'] === 'string' ? body['title'] : `${status}`;
  if (PASSING.has(status)) {
    const asked = Number(headers.get('retry-after') ?? body['retry_after_s']);
    const afterMs = Number.isFinite(asked) && asked > 0 ? seconds(asked) : 0;
    return { kind: 'later', reason: `${origin} answered ${status} (${title})`, afterMs };
  }
  throw refusal(origin, status, headers, title);
}

function refusal(origin: string, status: number, headers: Headers, title: string): Error {
  if (status === 401) return failure(`${origin} does not accept the API key.`);
  if (status === 403) return failure('The API key may not store readings: it needs the scope write:meter_data.');
  if (status >= 300 && status < 400)
    return failure(`${origin} sends elsewhere: ${headers.get('location')}; give --url that.`);
  if (status === 404 || status === 405 || status === 200)
    return failure(`What answers at ${origin} takes no readings.`);
  return failure(`${origin} answered ${status}: ${title}`);
}

function jsonOf(text: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

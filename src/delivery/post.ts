import type { Dispatcher } from 'undici';

export interface Posting {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly dispatcher?: Dispatcher | undefined;
}

export interface Posted {
  readonly status: number;
  /** Seconds of `Retry-After`, where it has them. */
  readonly retryAfterS: number | undefined;
  /** At most 64 KiB; the rest is not read. */
  readonly text: string;
}

const MAX_ANSWER_BYTES = 65_536;
const MAX_RETRY_AFTER_S = 86_400;

/**
 * One POST over HTTP. Redirects are not followed: where they lead nobody has checked. The status counts even where the
 * body behind it breaks off, for the receiver has taken the message then.
 */
export async function post({ url, headers, body, dispatcher }: Posting, signal: AbortSignal): Promise<Posted> {
  const { request } = await import('undici');
  const answer = await request(url, {
    method: 'POST',
    headers,
    body,
    signal,
    ...(dispatcher === undefined ? {} : { dispatcher }),
  });
  const { 'retry-after': retryAfter } = answer.headers;
  const retryAfterS = /^\d{1,9}$/.test(String(retryAfter))
    ? Math.min(Number(retryAfter), MAX_RETRY_AFTER_S)
    : undefined;
  return { status: answer.statusCode, retryAfterS, text: await readSome(answer.body) };
}

async function readSome(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk.subarray(0, MAX_ANSWER_BYTES - size));
      size += chunk.length;
      if (size >= MAX_ANSWER_BYTES) break; // leaving the loop closes the connection
    }
  } catch {
    // What came until then is enough: it is only shown.
  }
  return Buffer.concat(chunks).toString('utf8');
}

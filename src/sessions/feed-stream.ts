import type { ServerResponse } from 'node:http';
import { z } from 'zod';
import { httpFault, parseWith, type RelayInput } from '../http/index.ts';
import { seconds } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import { nameOf } from '../kernel/principal.ts';
import type { FeedPage, RevocationFeed } from './feed.ts';

export const cursorText = z.string().regex(/^[A-Za-z0-9_.-]{1,80}$/);
export const nonceText = z
  .string()
  .regex(/^[A-Za-z0-9_-]{16,64}$/)
  .describe('Comes back in the signed answer.');

const streamQuery = z.strictObject({ after: cursorText.optional(), nonce: nonceText.optional() });
type StreamQuery = z.output<typeof streamQuery>;

const BEAT_MS = seconds(1);
const CONFIRM_MS = 500; // twice within the second in which a revocation must have worked
/** A question that is not answered for so long is a no: a store that hangs must not keep a revoked caller in. */
const PATIENCE_TICKS = 10;
/** Who reads more slowly than this is behind by more than any verifier allows. */
const MAX_STALLED_MS = seconds(5);

/**
 * Answers with the feed as server-sent events until the client leaves, falls behind, or loses its right to it. The first
 * page is asked for before anything is sent, so that a refusal is an answer like any other.
 *
 * @returns the status
 * @throws what `page` and `join` do
 */
export async function relayFeed(feed: RevocationFeed, input: RelayInput, most: number): Promise<number> {
  const leave = feed.join(nameOf(input.caller));
  try {
    return await follow(feed, input, most);
  } finally {
    leave();
  }
}

async function follow(feed: RevocationFeed, input: RelayInput, most: number): Promise<number> {
  const { request, response, answerHeaders } = input;
  const { after, nonce } = queryOf(request.url ?? '', request.headers['last-event-id']);
  const first = await feed.page(after, { most, nonce });
  response.writeHead(200, [...answerHeaders, 'content-type', 'text/event-stream', 'x-accel-buffering', 'no']);
  if (request.method === 'HEAD') {
    response.end();
    return 200;
  }
  const over = new AbortController();
  const end = (): void => over.abort();
  response.once('close', end);
  if (response.destroyed) end();
  const watch = watchRight(input, end);
  try {
    await send(feed, response, first, { most, nonce }, over.signal);
  } finally {
    clearInterval(watch);
    response.off('close', end);
    response.end();
  }
  return 200;
}

/** Sends page after page; one at least every second tells that there is nothing new. */
async function send(
  feed: RevocationFeed,
  response: ServerResponse,
  first: FeedPage,
  wish: Parameters<RevocationFeed['page']>[1],
  over: AbortSignal,
): Promise<void> {
  let page = first;
  while (!over.aborted) {
    if (!(await written(response, `id: ${page.next}\ndata: ${page.signed}\n\n`, over))) return;
    try {
      if (!page.more) await feed.wait(page.next, BEAT_MS, over);
      if (over.aborted) return;
      page = await feed.page(page.next, wish);
    } catch (error) {
      if (isFault(error)) return; // a stream that ends is asked for anew, and then it is said why
      throw error;
    }
  }
}

/** @returns whether the client takes more; one that takes too long is cut off */
async function written(response: ServerResponse, text: string, over: AbortSignal): Promise<boolean> {
  if (response.write(text)) return true;
  const drained = await new Promise<boolean>((resolve) => {
    const settle = (isDrained: boolean) => (): void => {
      clearTimeout(timer);
      response.off('drain', onDrain);
      over.removeEventListener('abort', onOver);
      resolve(isDrained);
    };
    const [onDrain, onOver] = [settle(true), settle(false)];
    const timer = setTimeout(onOver, MAX_STALLED_MS).unref();
    response.once('drain', onDrain);
    over.addEventListener('abort', onOver, { once: true });
    if (over.aborted) onOver();
  });
  if (!drained) response.destroy();
  return drained;
}

/** Asks again and again whether the caller is still who they were, and may still know. */
function watchRight({ confirm, response }: RelayInput, end: () => void): NodeJS.Timeout {
  let asking = 0;
  const cut = (): void => {
    end();
    response.destroy();
  };
  const ask = async (): Promise<void> => {
    try {
      await confirm?.();
      asking = 0;
    } catch {
      cut(); // refused, or not to be asked: no difference to a stream
    }
  };
  return setInterval(() => {
    asking += 1;
    if (asking === 1) void ask();
    else if (asking > PATIENCE_TICKS) cut();
  }, CONFIRM_MS).unref();
}

/** A relay gets its query unread. @throws HTTP_MALFORMED, HTTP_INPUT_REFUSED */
function queryOf(url: string, lastEventId: string | string[] | undefined): StreamQuery {
  const start = url.indexOf('?');
  const pairs = start === -1 ? [] : [...new URLSearchParams(url.slice(start + 1))];
  if (new Set(pairs.map(([name]) => name)).size !== pairs.length)
    throw httpFault('HTTP_MALFORMED', { reason: 'a query parameter is given twice' });
  const given = parseWith(streamQuery, Object.fromEntries(pairs), 'query');
  return typeof lastEventId === 'string' && given.after === undefined
    ? { ...given, after: parseWith(cursorText, lastEventId, 'header/last-event-id') }
    : given;
}

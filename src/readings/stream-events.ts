import type { RelayInput } from '../http/index.ts';
import { readingFault } from './errors.ts';
import type { ReadingStream, Sink } from './stream.ts';
import { readerOf, wishOf } from './stream-wish.ts';

/** An answer that is not read holds this much at most. */
const MAX_UNSENT_BYTES = 1_048_576;
/** How soon a browser comes back by itself. */
const RETRY_MS = 2_000;
const LAST_WORD_MS = 2_000;

/**
 * Server-sent events: `ready` first, `readings` with their items, `gap` where some may have been missed, and `end` with the reason.
 *
 * @returns the status, once the client or its right is gone
 * @throws READING_STREAM_CREDENTIAL, READING_STREAM_FULL, HTTP_INPUT_REFUSED
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export async function sendEvents(stream: ReadingStream, input: RelayInput): Promise<number> {
  const { response, request, answerHeaders } = input;
  const reader = readerOf(input);
  if (reader === undefined) throw readingFault('READING_STREAM_CREDENTIAL'); // there is no message to wait for
  const header = request.headers['last-event-id'];
  const wish = wishOf(request.url ?? '', typeof header === 'string' ? header : undefined);
  const write = (text: string): void => {
    if (!response.writableEnded && !response.destroyed) response.write(text);
  };
  let begun = false;
  const early: string[] = [];
  const say = (text: string): void => void (begun ? write(text) : early.push(text));
  const sink: Sink = {
    send: (event) =>
      say(
        `id: ${event.id}\nevent: ${event.kind}\ndata: ${event.kind === 'readings' ? JSON.stringify({ items: event.items }) : '{}'}\n\n`,
      ),
    backlog: () => response.writableLength / MAX_UNSENT_BYTES,
    beat: () => write(':\n\n'),
    end: (fault) => {
      write(`event: end\ndata: ${JSON.stringify({ code: fault.code })}\n\n`);
      response.end();
      if (fault.code === 'READING_STREAM_SLOW') response.destroy(); // it would never be read
      setTimeout(() => response.destroy(), LAST_WORD_MS).unref(); // nor would this, by whoever reads nothing
    },
  };
  const detach = await stream.attach({ ...reader, ...wish, sink });
  return new Promise((resolve) => {
    const over = (): void => {
      detach();
      resolve(200);
    };
    response.once('close', over).on('error', () => undefined);
    if (request.method === 'HEAD') return void response.writeHead(200, headOf(answerHeaders)).end();
    response.writeHead(200, headOf(answerHeaders));
    begun = true;
    write(`retry: ${RETRY_MS}\n\n${early.join('')}`);
    if (response.destroyed) over(); // it left while it was asked for
  });
}

const headOf = (answerHeaders: readonly string[]): string[] => {
  const head: string[] = [];
  for (let at = 0; at + 1 < answerHeaders.length; at += 2) {
    const name = answerHeaders[at] ?? '';
    if (name !== 'cache-control') head.push(name, answerHeaders[at + 1] ?? '');
  }
  return [...head, 'content-type', 'text/event-stream', 'cache-control', 'no-store', 'x-accel-buffering', 'no'];
};

import type { ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';

/** A text that was made once, and that everybody may ask for. */
export interface Page {
  readonly bytes: Buffer;
  /** Sends it behind a head that is written already. */
  sendTo(response: ServerResponse): void;
}

const SLICE_BYTES = 16_384;
const TURN_MS = 2;

/**
 * Makes pages that are sent slice by slice, all of them together for a moment in each turn: for a client with a window of
 * a few bytes the system needs milliseconds to take a page, and a thousand such would be served before anybody else.
 */
export function createPages(): (text: string) => Page {
  const waiting: (() => void)[] = [];
  let going = false;

  function turn(): void {
    const until = performance.now() + TURN_MS;
    do waiting.shift()?.();
    while (waiting.length > 0 && performance.now() < until);
    going = waiting.length > 0;
    if (going) setImmediate(turn);
  }

  function inTurn(send: () => void): void {
    waiting.push(send);
    if (going) return;
    going = true;
    setImmediate(turn);
  }

  function sendFrom(response: ServerResponse, bytes: Buffer, from: number): void {
    if (response.destroyed) return;
    const to = from + SLICE_BYTES;
    if (to >= bytes.length) return void response.end(bytes.subarray(from));
    const goOn = (): void => inTurn(() => sendFrom(response, bytes, to));
    if (response.write(bytes.subarray(from, to))) goOn();
    else response.once('drain', goOn);
  }

  return (text) => {
    const bytes = Buffer.from(text);
    return { bytes, sendTo: (response) => inTurn(() => sendFrom(response, bytes, 0)) };
  };
}

/** What came as JSON never is one, whatever it calls its members. */
export const isPage = (body: unknown): body is Page =>
  typeof body === 'object' && body !== null && 'sendTo' in body && typeof body.sendTo === 'function';

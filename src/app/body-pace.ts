import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ConnectionConfig } from './connection-config.ts';

export interface BodyPace {
  /** A body is being read whole: from now until its answer is over it must come at the pace. */
  watch(request: IncomingMessage, response: ServerResponse): void;
}

/**
 * Cuts bodies that come byte by byte. Each span counts for itself: what was sent fast at first buys no time later.
 *
 * @param cut answers 408 where it still can, and ends the connection
 */
export function createBodyPace(
  { paceMs, minBytesPerSecond }: Pick<ConnectionConfig, 'paceMs' | 'minBytesPerSecond'>,
  cut: (request: IncomingMessage) => void,
): BodyPace {
  const least = (minBytesPerSecond * paceMs) / 1_000;
  return {
    watch: (request, response) => {
      if (least === 0) return;
      const { socket } = request;
      let before = socket.bytesRead;
      const timer = setInterval(() => {
        if (request.complete || socket.destroyed) return clearInterval(timer);
        const came = socket.bytesRead - before;
        before = socket.bytesRead;
        if (came >= least) return;
        clearInterval(timer);
        cut(request);
      }, paceMs).unref();
      // Whoever makes it wait hands it on, and asks for a pace of their own: what it waits for is not its sender's doing.
      request.once('pause', () => clearInterval(timer));
      response.once('close', () => clearInterval(timer));
    },
  };
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Input, Route } from '../http/index.ts';

/** A connection that asks to become a socket, as Node's `upgrade` event hands it over. */
export interface UpgradeRequest {
  readonly socket: Duplex;
  /** What the client sent right behind its handshake. */
  readonly head: Uint8Array;
}

/**
 * What the line hands to a route that answers by itself. Where `body` is bytes they were read and inspected by the
 * line and are handed on as they are; otherwise the body is still unread in `request`.
 */
export interface RelayInput extends Input {
  readonly request: IncomingMessage;
  /** Of an upgrade too: bound to its socket, so that a refusal is an answer like any other. */
  readonly response: ServerResponse;
  /** Names and values in turn, added to whatever is answered unless the answer has a value of its own. */
  readonly answerHeaders: readonly string[];
  readonly upgrade?: UpgradeRequest | undefined;
}

/** A route whose answer is written by a back end; `handle` is never asked. */
export interface RelayRoute extends Route {
  /** True where a WebSocket may be opened with `GET`. */
  readonly sockets: boolean;
  /**
   * Hands the request on and the answer back.
   *
   * @returns the status, once the answer is complete or its socket closed; 499 where the client left before any
   * @throws GATEWAY_* and HTTP_BODY_* as long as nothing was answered
   */
  relay(input: RelayInput): Promise<number>;
}

import type { RelayInput, Route } from '../http/index.ts';

/**
 * A route whose answer is written by a back end; `handle` is never asked. Where the `body` of its input is bytes they
 * were read and inspected by the line and are handed on as they are; otherwise the body is still unread in `request`.
 * The `response` of an upgrade is bound to its socket, so that a refusal is an answer like any other.
 */
export interface RelayRoute extends Route {
  /** True where a WebSocket may be opened. */
  readonly sockets: boolean;
  /**
   * Hands the request on and the answer back.
   *
   * @returns the status, once the answer is complete or its socket closed; 499 where the client left before any
   * @throws GATEWAY_*, HTTP_BODY_TOO_LARGE, HTTP_BODY_TOO_SLOW as long as nothing was answered
   */
  relay(input: RelayInput): Promise<number>;
}

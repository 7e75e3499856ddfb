import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * Asks for the body of a request whose sender waits to be asked, once somebody reads it: whoever is refused by the head
 * alone is spared the sending, and we are spared the bytes.
 *
 * @see RFC 9110 §10.1.1
 */
export function askWhenRead(request: IncomingMessage, response: ServerResponse): void {
  const { shouldKeepAlive } = response;
  const read = request._read;
  response.shouldKeepAlive = false; // refused without being asked, one sends its body all the same and another none
  request._read = (size) => {
    request._read = read;
    if (!response.headersSent) {
      response.shouldKeepAlive = shouldKeepAlive;
      response.writeContinue();
    }
    read.call(request, size);
  };
}

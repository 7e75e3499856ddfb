import { isFault, type TwinkeepError } from '../kernel/errors.ts';
import { gatewayFault } from './errors.ts';
import { reasonOf } from './health.ts';

const TIMEOUTS = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);
const NONSENSE = /^(?:HPE_|UND_ERR_(?:HEADERS_OVERFLOW|RES_|HTTP_PARSER|INVALID_ARG)|ERR_(?:INVALID_CHAR|HTTP_))/;

/** What the failure of a back end is to the client. Its text stays with us: it may quote what the back end sent. */
export function faultOf(error: unknown, backEnd: string): TwinkeepError {
  if (isFault(error)) return error;
  const code = reasonOf(error);
  if (TIMEOUTS.has(code)) return gatewayFault('GATEWAY_TIMEOUT', { back_end: backEnd }, error);
  const message = error instanceof Error ? error.message : '';
  const unread = error instanceof Error && error.name === 'HTTPParserError'; // of which not every one has a code
  if (unread || NONSENSE.test(code) || message === 'bad upgrade' || message === 'bad response') {
    return gatewayFault('GATEWAY_ANSWER', { back_end: backEnd }, error);
  }
  return gatewayFault('GATEWAY_UNREACHABLE', { back_end: backEnd }, error);
}

/**
 * True where a kept connection had closed before the first byte of this answer: the usual race with a back end that
 * ends idle connections. For safe methods alone, for the back end may have seen the request.
 *
 * @see RFC 9110 §9.2.2
 */
export function isStaleConnection(error: unknown): boolean {
  const { code, socket } = Object(error);
  return code === 'UND_ERR_SOCKET' && Number(Object(socket).bytesRead) > 0; // it had answered before
}

import { defineFaults } from '../kernel/errors.ts';

export const gatewayFault = defineFaults({
  GATEWAY_TARGET: ['invalid', 'The address is not written in its plain form.'],
  GATEWAY_FRAMING: ['invalid', 'The request does not say in one way where it ends.'],
  GATEWAY_HANDSHAKE: ['invalid', 'The handshake of the socket is not valid.'],
  GATEWAY_ORIGIN: ['forbidden', 'Pages of that origin may not open sockets here.'],
  GATEWAY_NO_SOCKETS: ['unsupported', 'This address opens no sockets.'],
  GATEWAY_SOCKETS: ['limited', 'Too many sockets are open.'],
  GATEWAY_CREDENTIAL: ['unauthenticated', 'Sign in first.'],
  GATEWAY_SOCKET_IO: ['invalid', 'The request of Socket.IO is not valid.'],
  GATEWAY_SESSION: ['invalid', 'The session of Socket.IO is not known.'],
  GATEWAY_SESSION_FOREIGN: ['forbidden', 'The session of Socket.IO belongs to somebody else.'],
  GATEWAY_UNREACHABLE: ['upstream', 'The back end could not be reached.'],
  GATEWAY_ANSWER: ['upstream', 'The answer of the back end makes no sense.'],
  GATEWAY_REFUSED: ['upstream', 'The back end refused the socket.'],
  GATEWAY_TIMEOUT: ['timeout', 'The back end did not answer in time.'],
  GATEWAY_DOWN: ['unavailable', 'The back end is not available at the moment.'],
  GATEWAY_SHARE: ['limited', 'Too many requests of the same caller are running.'],
  GATEWAY_BUSY: ['unavailable', 'The back end has too much to do at the moment.'],
  GATEWAY_CLOSING: ['unavailable', 'The gateway is about to close.'],
  GATEWAY_UNRECORDED: ['unavailable', 'The request could not be recorded, so it was not handed on.'],
});

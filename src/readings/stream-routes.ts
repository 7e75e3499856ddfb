import { httpFault, type RelayInput, type Route } from '../http/index.ts';
import { readingPermissions } from './routes.ts';
import type { ReadingStream } from './stream.ts';
import { sendEvents } from './stream-events.ts';
import { createStreamSockets } from './stream-socket.ts';
import { createStreamSocketIo, SOCKET_IO_PATH } from './stream-socket-io.ts';

const FAULTS = [
  ...['READING_STREAM_CREDENTIAL', 'READING_STREAM_FOREIGN', 'READING_STREAM_ORIGIN', 'READING_STREAM_FULL'],
  ...['READING_STREAM_SLOW', 'READING_STREAM_OVER', 'READING_STREAM_REQUEST'],
];

export interface StreamRouteOptions {
  /** Origins whose pages may open sockets beside our own, like `https://twin.example`. */
  readonly origins?: readonly string[] | undefined;
}

/** New readings as they are stored: as server-sent events, over WebSocket and over Socket.IO. */
export function readingStreamRoutes(
  stream: ReadingStream,
  { origins = [] }: StreamRouteOptions = {},
): readonly Route[] {
  const sockets = createStreamSockets(stream, origins);
  const socketIo = createStreamSocketIo(stream, origins);
  const access = { kind: 'permission', permission: readingPermissions[0] } as const;
  const common = { access, sockets: true, admits: 'later', records: 'none', replies: {}, faults: FAULTS } as const;
  const bySocketIo = (input: RelayInput): Promise<number> => socketIo.relay(input);
  return [
    {
      ...common,
      method: 'GET',
      path: '/v1/readings/stream',
      summary: 'Tells of new readings: as server-sent events, or over a WebSocket.',
      faults: [...FAULTS, 'HTTP_INPUT_REFUSED'],
      handle: neverAsked,
      relay: async (input) =>
        input.upgrade === undefined ? sendEvents(stream, input) : sockets.relay(input, input.upgrade),
    },
    ...(['GET', 'POST'] as const).map((method) => ({
      ...common,
      method,
      sockets: method === 'GET',
      path: `${SOCKET_IO_PATH}/`,
      summary: 'Tells of new readings over Socket.IO.',
      handle: neverAsked,
      relay: bySocketIo,
    })),
  ];
}

const neverAsked = (): Promise<never> => Promise.reject(httpFault('HTTP_NOT_FOUND'));

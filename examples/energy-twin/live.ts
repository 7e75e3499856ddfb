import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Live, Setpoint } from './building.ts';
import { Refusal } from './refusal.ts';

const PROTOCOL = 'energy-twin';

/** What goes to viewers: readings each second, and each command as it is given. */
export type Message =
  | ({ readonly type: 'readings' } & Live)
  | ({ readonly type: 'command'; readonly meter: string } & Setpoint);

/** Everybody who watches, each in one tenant: the gateway cuts a viewer whose session ends, so nothing is asked again here. */
export interface Viewers {
  addSocket(request: IncomingMessage, socket: Duplex, head: Buffer, tenant: string): void;
  addStream(response: ServerResponse, tenant: string): void;
  tenants(): ReadonlySet<string>;
  tell(tenant: string, message: Message): void;
  close(): void;
}

interface Viewer {
  readonly tenant: string;
  /** Bytes that this viewer has not taken yet. */
  waiting(): number;
  send(message: Message): void;
  close(): void;
  cut(): void;
}

const MOST_VIEWERS = 200;
const MOST_WAITING = 65_536;

export function createViewers(): Viewers {
  const viewers = new Set<Viewer>();
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: 1_024, // viewers have nothing to say
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false),
  });
  const claimRoom = (): void => {
    if (viewers.size >= MOST_VIEWERS) throw new Refusal(503, 'Too many are watching.', { 'retry-after': '5' });
  };

  return {
    addSocket: (request, socket, head, tenant) => {
      claimRoom();
      sockets.handleUpgrade(request, socket, head, (peer) => {
        const viewer: Viewer = {
          tenant,
          waiting: () => peer.bufferedAmount,
          send: (message) => peer.send(JSON.stringify(message)),
          close: () => peer.close(1001, 'the twin stops'),
          cut: () => peer.terminate(),
        };
        viewers.add(viewer);
        peer.on('close', () => viewers.delete(viewer));
        peer.on('error', () => peer.terminate());
      });
    },
    addStream: (response, tenant) => {
      claimRoom();
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      response.write('retry: 2000\n\n');
      const viewer: Viewer = {
        tenant,
        waiting: () => response.writableLength,
        send: (message) => response.write(`event: ${message.type}\ndata: ${JSON.stringify(message)}\n\n`),
        close: () => response.end(),
        cut: () => response.destroy(),
      };
      viewers.add(viewer);
      response.on('close', () => viewers.delete(viewer));
    },
    tenants: () => new Set([...viewers].map(({ tenant }) => tenant)),
    tell: (tenant, message) => {
      for (const viewer of viewers) {
        if (viewer.tenant !== tenant) continue;
        if (viewer.waiting() > MOST_WAITING)
          viewer.cut(); // one who does not read must not cost memory
        else viewer.send(message);
      }
    },
    close: () => {
      for (const viewer of viewers) viewer.close();
    },
  };
}

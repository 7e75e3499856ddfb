import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TwinkeepError } from '../kernel/errors.ts';
import type { Watch, Watched } from './watch.ts';

/** What passed through a socket, and why it ended. */
export interface TunnelEnd {
  readonly reason: 'client' | 'back-end' | 'idle' | 'failed' | TwinkeepError;
  /** Bytes from the client. */
  readonly up: number;
  /** Bytes from the back end. */
  readonly down: number;
}

export interface Tunnel {
  readonly client: Duplex;
  readonly server: Duplex;
  readonly idleMs: number;
  readonly confirm: (() => Promise<void>) | undefined;
}

interface Open extends Watched {
  readonly tunnel: Tunnel;
  readonly counts: { up: number; down: number };
  moved: boolean;
  silentMs: number;
  reason: TunnelEnd['reason'] | undefined;
  /** Ticks since one side ended; the other gets a moment to take the rest. */
  ending: number;
}

const LINGER_TICKS = 4;

/** Carries bytes both ways, each as fast as the other side takes them, until either ends. */
export function runTunnel(tunnel: Tunnel, watch: Watch): Promise<TunnelEnd> {
  const { client, server } = tunnel;
  for (const side of [client, server]) {
    if (!(side instanceof Socket)) continue;
    side.setTimeout(0); // the watch counts instead: the server's own limit is one for requests
    side.setNoDelay(true);
  }
  return new Promise((resolve) => {
    const open: Open = {
      ...{ tunnel, counts: { up: 0, down: 0 }, moved: false, silentMs: 0, place: -1, reason: undefined, ending: 0 },
      confirm: tunnel.confirm,
      tick: (ms) => tick(open, ms),
      cut: (fault) => end(open, fault),
    };
    carry(open, client, server, 'up');
    carry(open, server, client, 'down');
    let closed = 0;
    for (const side of [client, server]) {
      side.on('error', () => end(open, 'failed'));
      side.once('close', () => {
        open.reason ??= side === client ? 'client' : 'back-end';
        open.ending ||= 1;
        (side === client ? server : client).end(); // what it was already given still goes out
        if (++closed < 2) return;
        watch.delete(open);
        resolve({ reason: open.reason, ...open.counts });
      });
    }
    watch.add(open);
    for (const side of [client, server]) side.resume(); // one of which a first message was read stands still
    if (client.destroyed || server.destroyed) end(open, 'failed');
  });
}

function carry(open: Open, from: Duplex, to: Duplex, direction: 'up' | 'down'): void {
  from.on('data', (chunk: Buffer) => {
    open.counts[direction] += chunk.length;
    open.moved = true;
    if (to.destroyed || to.writableEnded) return;
    if (!to.write(chunk)) from.pause();
  });
  to.on('drain', () => {
    open.moved = true;
    from.resume();
  });
  from.on('end', () => {
    open.reason ??= direction === 'up' ? 'client' : 'back-end';
    open.ending ||= 1;
    to.end();
  });
}

function end(open: Open, reason: TunnelEnd['reason']): void {
  open.reason ??= reason;
  open.tunnel.client.destroy();
  open.tunnel.server.destroy();
}

function tick(open: Open, ms: number): void {
  open.silentMs = open.moved ? 0 : open.silentMs + ms;
  open.moved = false;
  if (open.ending > 0 && open.ending++ > LINGER_TICKS) end(open, 'failed');
  else if (open.silentMs >= open.tunnel.idleMs) end(open, 'idle');
}

import type { AddressInfo } from 'node:net';
import type { MessagePort } from 'node:worker_threads';
import type { AlertConfig } from '../delivery/index.ts';
import { createLink } from '../storage/index.ts';
import type { Config } from './config.ts';
import { type Front, openFront } from './front.ts';
import { createTwinkeep } from './twinkeep.ts';
import { warmUp } from './warm-up.ts';
import { type Packed, unpack } from './worker-config.ts';
import type { Ground } from './worker-ground.ts';

/** What the owner's Twinkeep was made with, and so a worker's is. */
export interface WorkerSettings {
  readonly config: Config;
  readonly alerts: AlertConfig | undefined;
}

/** What a worker thread is started with. */
export interface WorkerStart {
  readonly seat: number;
  readonly ground: Ground;
  readonly settings: Packed<WorkerSettings>;
  readonly port: number;
  readonly line: MessagePort;
}

/** A request of a client waits for the owner's answer, so it must fail while the client is still there. */
const PATIENCE_MS = 5_000;

/** Opens a Twinkeep beside the owner's and does what the owner says, until it says `close`. */
export function runWorker({ seat, ground, settings, port, line }: WorkerStart): void {
  const { config, alerts } = unpack(settings);
  let next = config;
  let front: Front | undefined;
  const owner = createLink({
    port: line,
    patienceMs: PATIENCE_MS,
    answers: {
      open: async () => open(),
      adopt: async (another) => {
        next = unpack(another as Packed<Config>); // the owner packed it
        await (await opened).reload();
      },
      metrics: async () => (await opened).metrics.snapshot(),
      close: async () => {
        await (await opened).close();
        front?.close();
        setImmediate(() => line.close()); // the answer goes first; nothing holds the thread then
      },
    },
  });
  const opened = createTwinkeep(config, { alerts, threads: { ground, seat, owner }, readConfig: async () => next });
  opened.catch(() => undefined); // whoever asks is told
  line.ref(); // without a question of ours on the way, too: it waits for those of the owner

  async function open(): Promise<number> {
    const { server, metrics } = await opened;
    front = openFront(server, { config, metrics, threads: config.workers, tells: false });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port, host: config.host, reusePort: true, backlog: 4_096 }, resolve);
    });
    warmUp(await opened);
    return (server.address() as AddressInfo).port; // a TCP server's address has a port
  }
}

import type { Server } from 'node:http';
import { systemClock } from '../kernel/clock.ts';
import type { Metrics } from '../metrics/index.ts';
import type { Config } from './config.ts';
import { guardConnections } from './connection-guard.ts';
import { appFault } from './errors.ts';
import { createLog } from './log.ts';
import { servesTls, unsafeTls } from './tls-config.ts';
import { openTlsDoor } from './tls-door.ts';
import { type TlsWatch, watchTls } from './tls-watch.ts';

export interface FrontDeps {
  readonly config: Config;
  readonly metrics: Metrics;
  /** Threads that share the port. */
  readonly threads: number;
  /** Whether this thread tells of certificates, for all of them. */
  readonly tells: boolean;
}

/** What stands between a port and the server of HTTP behind it: limits of connections, and TLS. */
export interface Front {
  readonly tls: TlsWatch | undefined;
  close(): void;
}

/** @throws CONFIG_INVALID where TLS is asked for and cannot be had as it should be */
export function openFront(server: Server, deps: FrontDeps): Front {
  const { config, metrics, threads } = deps;
  const { connections } = config;
  server.headersTimeout = connections.headMs;
  server.keepAliveTimeout = connections.keepAliveMs;
  server.timeout = connections.idleMs;
  const handshakes = metrics.counter('twinkeep_tls_refused_total', 'TLS handshakes that failed.');
  const refused = metrics.counter('twinkeep_connections_refused_total', 'Connections beyond a limit, closed at once.');
  const cut = metrics.counter('twinkeep_connections_cut_total', 'Connections whose clients took no answer.');
  // The door first: it takes over who listens for connections, and the guard goes before whoever does.
  const watch = servesTls(config.tls)
    ? watchCertificates(deps, (material) => door?.replace(material.context))
    : undefined;
  const door =
    watch === undefined
      ? undefined
      : openTlsDoor(server, {
          context: watch.material.context,
          clients: config.tls.clients,
          handshakeMs: connections.handshakeMs,
          onRefused: () => handshakes.add(),
        });
  const guard = guardConnections(server, {
    config: connections,
    trustedProxies: config.trustedProxies,
    threads,
    onRefused: () => refused.add(),
    onCut: () => cut.add(),
  });
  metrics.gauge('twinkeep_connections', 'Connections that are open now.', guard.open);
  return {
    tls: watch,
    close: () => {
      watch?.stop();
      door?.close();
      guard.close();
    },
  };
}

/** The certificate of the configuration, watched. @throws CONFIG_INVALID */
export function watchCertificates(
  { config, metrics, tells }: Pick<FrontDeps, 'config' | 'metrics' | 'tells'>,
  onNew: Parameters<typeof watchTls>[0]['onNew'],
): TlsWatch {
  const errors = unsafeTls(config);
  if (errors.length > 0) throw appFault('CONFIG_INVALID', { errors });
  const log = tells ? createLog(config) : undefined;
  const watch = watchTls({ tls: config.tls, clock: systemClock, log, onNew });
  const left = (): number => (watch.material.chain[0].validToDate.getTime() - systemClock.now()) / 1_000;
  // Numbers of threads are added up, and a time would be added, too.
  if (tells) metrics.gauge('twinkeep_tls_certificate_expires_seconds', 'Until the certificate runs out.', left);
  return watch;
}

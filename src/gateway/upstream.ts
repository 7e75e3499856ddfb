import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { Pool } from 'undici';
import type { BackEndConfig } from './config.ts';

/** One URL of a back end and the connections to it. */
export interface Upstream {
  readonly url: string;
  /** The name that TLS asks for; fixed, for undici would take it from each request's Host. */
  readonly servername: string | undefined;
  readonly pool: Pool;
  /** Event streams have connections of their own, so that they never take those of requests. */
  streamPool(): Pool;
  /** For probes, which must not wait behind requests. */
  readonly probePool: Pool;
  destroy(): Promise<void>;
}

/** @throws Error where a file of TLS can't be read */
export function openUpstream(text: string, config: BackEndConfig): Upstream {
  const url = new URL(text).origin;
  const { hostname } = new URL(url);
  const secure = url.startsWith('https:');
  const named = config.tls?.serverName ?? (isIP(hostname.replace(/^\[|\]$/g, '')) === 0 ? hostname : undefined);
  const servername = secure ? named : undefined;
  const options = {
    pipelining: 1,
    allowH2: false, // one protocol, so that one set of framing rules holds
    maxHeaderSize: config.maxHeadBytes,
    headersTimeout: config.responseTimeoutMs,
    bodyTimeout: config.idleTimeoutMs,
    strictContentLength: true,
    connect: { timeout: config.connectTimeoutMs, ...tlsOf(config, servername) },
  };
  const open = (connections: number): Pool => new Pool(url, { ...options, connections });
  const pool = open(config.connections);
  const probePool = open(1);
  let streams: Pool | undefined;
  return {
    url,
    servername,
    pool,
    probePool,
    streamPool: () => {
      streams ??= open(config.streams);
      return streams;
    },
    destroy: async () => {
      await Promise.all([pool, probePool, ...(streams === undefined ? [] : [streams])].map((one) => one.destroy()));
    },
  };
}

function tlsOf({ tls }: BackEndConfig, servername: string | undefined): Readonly<Record<string, string | Buffer>> {
  return {
    ...(servername === undefined ? {} : { servername }),
    ...(tls?.caFile === undefined ? {} : { ca: readFileSync(tls.caFile) }),
    ...(tls?.certFile === undefined ? {} : { cert: readFileSync(tls.certFile) }),
    ...(tls?.keyFile === undefined ? {} : { key: readFileSync(tls.keyFile) }),
  };
}

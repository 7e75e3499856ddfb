import type { EpochMs } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { BackEndConfig } from './config.ts';
import type { Upstream } from './upstream.ts';

/** How one URL of a back end does. */
export interface BackEndStatus {
  readonly name: string;
  readonly url: string;
  readonly healthy: boolean;
  /** When it last changed. */
  readonly since: EpochMs;
  /** Why the last probe or connection failed. */
  readonly lastError?: string;
}

/** A URL of a back end was taken out, or in again. */
export interface BackEndEvent {
  readonly kind: 'down' | 'up';
  readonly name: string;
  readonly url: string;
  readonly at: EpochMs;
  readonly reason?: string;
}

/** Whether a URL may be asked. */
export interface Health {
  healthy(): boolean;
  /** It answered, whatever it said. */
  reached(): void;
  /** No connection could be made. */
  missed(reason: string): void;
  status(): BackEndStatus;
  stop(): void;
}

export interface HealthDeps {
  readonly name: string;
  readonly upstream: Upstream;
  readonly config: BackEndConfig;
  readonly clock: Clock;
  readonly onEvent: (event: BackEndEvent) => void;
}

/** Connections that fail in a row take a URL out for so long where no probe can take it in again. */
const PASSIVE_FAILURES = 3;
const PASSIVE_DOWN_MS = 1_000;
const MAX_PROBE_BYTES = 65_536;

/** Watches one URL: by probes where they are configured, and by the connections that requests try to make. */
export function watchHealth({ name, upstream, config, clock, onEvent }: HealthDeps): Health {
  const { health: probing } = config;
  const { url } = upstream;
  let healthy = true; // until shown otherwise: the first request needn't wait for a probe
  let since = clock.now();
  let lastError: string | undefined;
  let failures = 0;
  let successes = 0;
  let stopped = false;
  let retry: NodeJS.Timeout | undefined;

  function turn(kind: 'down' | 'up', reason?: string): void {
    healthy = kind === 'up';
    since = clock.now();
    failures = 0;
    successes = 0;
    onEvent({ kind, name, url, at: since, ...(reason === undefined ? {} : { reason }) });
  }

  function missed(reason: string): void {
    lastError = reason;
    successes = 0;
    failures++;
    if (stopped || !healthy || failures < (probing?.failures ?? PASSIVE_FAILURES)) return;
    turn('down', reason);
    if (probing === undefined) retry = setTimeout(() => turn('up', 'tried again'), PASSIVE_DOWN_MS).unref();
  }

  function reached(): void {
    failures = 0;
  }

  function answered(): void {
    failures = 0;
    successes++;
    if (!healthy && successes >= (probing?.successes ?? 1)) turn('up');
  }

  const probe = probing === undefined ? undefined : startProbes(upstream, probing, { answered, missed });
  return {
    healthy: () => healthy,
    reached,
    missed,
    status: () => ({ name, url, healthy, since, ...(lastError === undefined ? {} : { lastError }) }),
    stop: () => {
      stopped = true;
      clearInterval(probe);
      clearTimeout(retry);
    },
  };
}

function startProbes(
  upstream: Upstream,
  { path, everyMs, timeoutMs }: NonNullable<BackEndConfig['health']>,
  { answered, missed }: { readonly answered: () => void; readonly missed: (reason: string) => void },
): NodeJS.Timeout {
  let asking = false;

  async function ask(): Promise<void> {
    const signal = AbortSignal.timeout(timeoutMs);
    const { statusCode, body } = await upstream.probePool.request({ method: 'GET', path, signal });
    await body.dump({ limit: MAX_PROBE_BYTES, signal });
    if (statusCode < 200 || statusCode > 299) throw new Error(`it answered ${statusCode}`);
  }

  return setInterval(() => {
    if (asking) return;
    asking = true;
    ask()
      .then(answered, (error: unknown) => missed(reasonOf(error)))
      .finally(() => {
        asking = false;
      });
  }, everyMs).unref();
}

/** A code or a short text: an error of a connection names its address, which is in the configuration anyway. */
export function reasonOf(error: unknown): string {
  const { code } = Object(error);
  if (typeof code === 'string') return code;
  return (error instanceof Error ? error.message : String(error)).slice(0, 200);
}

import type { Clock } from '../kernel/clock.ts';
import type { BackEndConfig } from './config.ts';
import { gatewayFault } from './errors.ts';
import { type BackEndEvent, type BackEndStatus, type Health, watchHealth } from './health.ts';
import { createPlaces, type Place, type PlaceLimits, type Places, roomFor, takePlace } from './places.ts';
import { openUpstream, type Upstream } from './upstream.ts';

/** One URL that may be asked, with what is known of it. */
export interface Target {
  readonly upstream: Upstream;
  readonly health: Health;
  readonly requests: Places;
  /** Event streams have connections of their own, and so places of their own. */
  readonly streams: Places;
}

/** A URL and a place at it. */
export interface Picked {
  readonly target: Target;
  /** To be given back by whoever picked. */
  readonly place: Place;
}

/** A back end: one or several URLs of the same kind. */
export interface BackEnd {
  readonly name: string;
  readonly config: BackEndConfig;
  /**
   * The next URL in turn that lives and has room. Its place is taken at once: whoever waits before it is sent, for its
   * audit entry or its assertion, counts like those that run.
   *
   * @param not one that was tried already
   * @param only the one that holds a session, which the others know nothing of
   * @throws GATEWAY_DOWN, GATEWAY_BUSY, GATEWAY_SHARE
   */
  pick(streams: boolean, holder: string, not?: Target, only?: Target): Picked;
  /** True where another URL than this lives. */
  hasOther(target: Target): boolean;
  status(): readonly BackEndStatus[];
  stop(): void;
  destroy(): Promise<void>;
}

export interface BackEndDeps {
  readonly name: string;
  readonly config: BackEndConfig;
  readonly clock: Clock;
  readonly onEvent: (event: BackEndEvent) => void;
}

export function openBackEnd({ name, config, clock, onEvent }: BackEndDeps): BackEnd {
  const urls = config.urls ?? (config.url === undefined ? [] : [config.url]);
  const targets: readonly Target[] = urls.map((url) => {
    const upstream = openUpstream(url, config);
    const health = watchHealth({ name, upstream, config, clock, onEvent });
    return {
      upstream,
      health,
      requests: createPlaces(requestLimits(config)),
      streams: createPlaces(streamLimits(config)),
    };
  });
  let turn = 0;

  function pick(streams: boolean, holder: string, not?: Target, only?: Target): Picked {
    let fault: 'GATEWAY_DOWN' | 'GATEWAY_BUSY' | 'GATEWAY_SHARE' = 'GATEWAY_DOWN';
    for (let step = 0; step < targets.length; step++) {
      const target = targets[turn++ % targets.length];
      if (target === undefined || target === not || (only !== undefined && target !== only)) continue;
      if (!target.health.healthy()) continue;
      const places = streams ? target.streams : target.requests;
      const room = roomFor(places, holder);
      if (room === 'free') return { target, place: takePlace(places, holder) };
      // One caller who has what is due to one must not be what the others are refused for.
      if (fault !== 'GATEWAY_BUSY') fault = room === 'share' ? 'GATEWAY_SHARE' : 'GATEWAY_BUSY';
    }
    // What waits costs memory, so a queue without end would bring us down together with the back end.
    throw gatewayFault(fault, { back_end: name, retry_after_s: 1 });
  }

  return {
    name,
    config,
    pick,
    hasOther: (target) => targets.some((other) => other !== target && other.health.healthy()),
    status: () => targets.map(({ health }) => health.status()),
    stop: () => {
      for (const { health } of targets) health.stop();
    },
    destroy: async () => {
      await Promise.all(targets.map(({ upstream }) => upstream.destroy()));
    },
  };
}

function requestLimits({ connections, queue, maxPerPrincipal, connectionsPerPrincipal }: BackEndConfig): PlaceLimits {
  return {
    most: connections + queue,
    mostPerHolder: maxPerPrincipal ?? Math.ceil((connections + queue) / 4),
    connectionsPerHolder: connectionsPerPrincipal ?? Math.ceil(connections / 2),
  };
}

function streamLimits({ streams, streamsPerPrincipal }: BackEndConfig): PlaceLimits {
  const mostPerHolder = streamsPerPrincipal ?? Math.ceil(streams / 4);
  return { most: streams, mostPerHolder, connectionsPerHolder: mostPerHolder }; // none of them waits
}

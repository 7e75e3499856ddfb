import type { Clock } from '../kernel/clock.ts';
import type { BackEndConfig } from './config.ts';
import { gatewayFault } from './errors.ts';
import { type BackEndEvent, type BackEndStatus, type Health, watchHealth } from './health.ts';
import { openUpstream, type Upstream } from './upstream.ts';

/** One URL that may be asked, with what is known of it. */
export interface Target {
  readonly upstream: Upstream;
  readonly health: Health;
  running: number;
  streaming: number;
}

/** A back end: one or several URLs of the same kind. */
export interface BackEnd {
  readonly name: string;
  readonly config: BackEndConfig;
  /**
   * The next URL in turn that lives and has room.
   *
   * @param not one that was tried already
   * @throws GATEWAY_DOWN, GATEWAY_BUSY
   */
  pick(streams: boolean, not?: Target): Target;
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
    return { upstream, health, running: 0, streaming: 0 };
  });
  const most = config.connections + config.queue;
  const hasRoom = (target: Target, streams: boolean): boolean =>
    streams ? target.streaming < config.streams : target.running < most;
  let turn = 0;

  function pick(streams: boolean, not?: Target): Target {
    let anyLives = false;
    for (let step = 0; step < targets.length; step++) {
      const target = targets[turn++ % targets.length];
      if (target === undefined || target === not || !target.health.healthy()) continue;
      if (hasRoom(target, streams)) return target;
      anyLives = true;
    }
    // What waits costs memory, so a queue without end would bring us down together with the back end.
    throw gatewayFault(anyLives ? 'GATEWAY_BUSY' : 'GATEWAY_DOWN', { back_end: name, retry_after_s: 1 });
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

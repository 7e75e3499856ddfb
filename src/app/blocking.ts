import {
  type Blocks,
  createBlocks,
  createFailures,
  createSuspicion,
  type FailurePolicy,
  type Failures,
  type Suspicion,
  type SuspicionPolicy,
} from '../detection/index.ts';
import { createAddressReader } from '../http/index.ts';
import { isLegacy } from '../profiles/index.ts';
import { blockLine } from './block-lines.ts';
import { type BlockNews, createBlockNews } from './block-news.ts';
import type { Config } from './config.ts';
import type { RoomDeps } from './rooms.ts';
import { createSuspectPorts, type SuspectDeps } from './suspects.ts';

export interface BlockingDeps
  extends SuspectDeps,
    Pick<RoomDeps, 'config' | 'storage' | 'hot' | 'bus' | 'clock' | 'random' | 'onWarn' | 'onError'> {
  readonly audit: Parameters<typeof createBlocks>[0]['audit'];
  readonly delivery: SuspectDeps['delivery'] & Parameters<typeof createBlockNews>[0];
}

/** Who is kept out, what leads to it, and who hears of it. */
export interface Blocking {
  readonly blocks: Blocks;
  readonly blockNews: BlockNews;
  readonly failures: Failures;
  readonly suspicion: Suspicion;
  /** Goes by another configuration from here on. */
  adopt(next: Config): void;
}

export function openBlocking(deps: BlockingDeps): Blocking {
  let policyOf = policiesOf(deps.config);
  let config = deps.config.detection;
  const isTrustedProxy = createAddressReader(deps.config.trustedProxies).trusts;
  const blockNews = createBlockNews(deps.delivery);
  blockNews.listen((event) => {
    const line = blockLine(event);
    if (line !== undefined) deps.onWarn(line.message, line.facts);
  });
  const ports = createSuspectPorts(deps);
  const blocks = createBlocks({ ...deps, ...ports, config, announce: blockNews.announce, isTrustedProxy });
  const inForce = {
    get enabled() {
      return config.enabled;
    },
    get suspicion() {
      return config.suspicion;
    },
  };
  const counting = { ...deps, ...ports, blocks, config: inForce, policyOf: (profile: string) => policyOf(profile) };
  return {
    blocks,
    blockNews,
    failures: createFailures(counting),
    suspicion: createSuspicion(counting),
    adopt: (next) => {
      policyOf = policiesOf(next);
      config = next.detection;
      blocks.adopt(config);
    },
  };
}

/** A profile may say that its blocks stay, and that one pattern is enough (X17); all else is as configured for all. */
function policiesOf({
  detection,
  profile,
}: Pick<Config, 'detection' | 'profile'>): (name: string) => FailurePolicy & SuspicionPolicy {
  const { failures, windowMs, blockMs, permanent } = detection;
  return (name) => ({
    failures,
    windowMs,
    blockMs,
    permanent: permanent || (isLegacy(name) && profile[name].permanentBlocks),
    blockOnPattern: name === 'ems' && profile.ems.blockOnPattern,
  });
}

import type { Audit } from '../audit/index.ts';
import type { Delivery } from '../delivery/index.ts';
import {
  type Anomalies,
  type AnomalyDeps,
  anomalyRoutes,
  createAnomalies,
  type Suspicion,
} from '../detection/index.ts';
import type { Route } from '../http/index.ts';
import { type AskedProofs, createAskedProofs } from './asked-proofs.ts';
import type { Job, RoomDeps } from './rooms.ts';

export interface UnusualUseDeps
  extends Pick<RoomDeps, 'config' | 'storage' | 'hot' | 'bus' | 'clock' | 'random' | 'metrics' | 'onError'> {
  readonly audit: Audit;
  readonly delivery: Pick<Delivery, 'publish'>;
  readonly suspicion: Pick<Suspicion, 'unusual'>;
  readonly places: { of: NonNullable<AnomalyDeps['placeOf']> } | undefined;
}

/** Who uses the system otherwise than ever, and what follows: word of it, suspicion, and a proof asked for anew. */
export interface UnusualUse {
  readonly anomalies: Anomalies;
  readonly askedProofs: AskedProofs;
  readonly routes: readonly Route[];
  readonly jobs: readonly Job[];
}

export async function openUnusualUse(deps: UnusualUseDeps): Promise<UnusualUse> {
  const { config, delivery, suspicion, places } = deps;
  const askedProofs = createAskedProofs({ ...deps, keptMs: config.sessions.absoluteMs });
  const anomalies = createAnomalies({
    ...deps,
    config: config.detection.anomalies,
    announce: delivery.publish,
    suspect: suspicion.unusual,
    askProof: askedProofs.ask,
    placeOf: places?.of,
  });
  await anomalies.start();
  return {
    anomalies,
    askedProofs,
    routes: anomalyRoutes(anomalies),
    jobs: [
      { name: 'detection.anomalies', everyMs: 60_000, perProcess: true, run: anomalies.sweep },
      { name: 'detection.anomalies-prune', everyMs: 3_600_000, run: anomalies.prune },
    ],
  };
}

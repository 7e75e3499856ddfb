import type { TenantId } from '../kernel/brand.ts';
import { ALERT_ENDPOINT } from './alerts.ts';

/** What says where a message takes its place. */
export interface Placed {
  readonly lane: string;
  readonly tenantId: TenantId | undefined;
}

/** Lanes that have places of their own, which no webhook can take. */
export const OWN_LANES = ['email', 'sms', 'event'] as const;

/** The webhook of the operator's alert file: no tenant's, though it tells of all. */
const ALERT_LANE = `webhook:${ALERT_ENDPOINT}`;

const OWN_PLACES = 4;
const LANE_PLACES = 2; // of one webhook
const SLOW_LANE_PLACES = 1;

/** The places of one process: how many are free, and for whom. */
export interface Places {
  /** Places for webhooks that nobody has. */
  webhooksLeft(): number;
  /** Takes places for a lane. @returns how many it was given */
  reserve(of: Placed): number;
}

/**
 * Webhooks share `concurrency` places. A tenant has at most a quarter of them, so that its receivers, were they all to
 * hang, hold up nobody else; and lanes that were slow just now have at most half, however many tenants they belong to.
 */
export function createPlaces(
  concurrency: number,
  inFlight: Iterable<Placed>,
  isSlow: (lane: string) => boolean,
): Places {
  const perTenant = Math.max(1, Math.floor(concurrency / 4));
  const mostSlow = Math.max(1, Math.floor(concurrency / 2));
  const byLane = new Map<string, number>();
  const byTenant = new Map<string, number>();
  let webhooks = 0;
  let slow = 0;

  function occupy({ lane, tenantId }: Placed, count: number): void {
    byLane.set(lane, (byLane.get(lane) ?? 0) + count);
    if (isOwn(lane)) return;
    const owner = ownerOf({ lane, tenantId });
    byTenant.set(owner, (byTenant.get(owner) ?? 0) + count);
    webhooks += count;
    if (isSlow(lane)) slow += count;
  }

  function free(of: Placed): number {
    const taken = byLane.get(of.lane) ?? 0;
    if (isOwn(of.lane)) return Math.min(OWN_PLACES, concurrency) - taken;
    const ofOwner = perTenant - (byTenant.get(ownerOf(of)) ?? 0);
    const left = Math.min(ofOwner, concurrency - webhooks);
    return isSlow(of.lane)
      ? Math.min(left, SLOW_LANE_PLACES - taken, mostSlow - slow)
      : Math.min(left, LANE_PLACES - taken);
  }

  for (const one of inFlight) occupy(one, 1);
  return {
    webhooksLeft: () => concurrency - webhooks,
    reserve: (of) => {
      const count = Math.max(0, free(of));
      if (count > 0) occupy(of, count);
      return count;
    },
  };
}

const isOwn = (lane: string): boolean => OWN_LANES.some((own) => own === lane);

const ownerOf = ({ lane, tenantId }: Placed): string => (lane === ALERT_LANE ? lane : `tenant ${tenantId ?? ''}`);

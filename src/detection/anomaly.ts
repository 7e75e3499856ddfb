import type { Context } from '../http/index.ts';
import type { EpochMs, TenantId } from '../kernel/brand.ts';
import type { Principal } from '../kernel/principal.ts';
import type { Json } from '../kernel/tx.ts';

/** What can be unusual: requests in a minute, the share that fails, bytes and records in an hour, where from. */
export const ANOMALY_KINDS = ['rate', 'errors', 'volume', 'records', 'place', 'travel'] as const;
export type AnomalyKind = (typeof ANOMALY_KINDS)[number];

/** One request that was answered. */
export interface Use {
  readonly context: Context;
  readonly caller: Principal;
  readonly profile: string;
  readonly status: number;
  /** That went to the client. */
  readonly bytes: number;
  /** That were read, as the route tells; 0 where it does not. */
  readonly records: number;
}

/** Why it is unusual, in numbers: enough for a sentence, and no name, address or place of a person. */
export type AnomalyEvidence = Readonly<Record<string, Json>>;

/** One stretch of unusual use by one principal, from the first request of it to the last. */
export interface Anomaly {
  readonly id: string;
  /** `api-key:…`, `person:…` or `address:…`. */
  readonly principal: string;
  readonly kind: AnomalyKind;
  readonly profile: string;
  /** Whose it is; an address belongs to none. */
  readonly tenantId: TenantId | undefined;
  /** 0 to 1. */
  readonly score: number;
  readonly evidence: AnomalyEvidence;
  readonly begunAt: EpochMs;
  readonly lastAt: EpochMs;
  /** `undefined` while it goes on. */
  readonly endedAt: EpochMs | undefined;
}

/** What is told to webhooks and alerts when one begins. */
export interface AnomalyEvent {
  readonly type: 'anomaly.detected';
  /** Whose webhooks hear of it; an address belongs to none. */
  readonly tenantId: TenantId | undefined;
  readonly data: {
    readonly anomaly_id: string;
    readonly principal: string;
    readonly kind: AnomalyKind;
    readonly score: number;
    readonly explanation: string;
    readonly evidence: AnomalyEvidence;
    readonly at: string;
  };
}

/** The sentence that a person reads. */
export function explain(kind: AnomalyKind, evidence: AnomalyEvidence): string {
  switch (kind) {
    case 'rate':
      return `${numberIn(evidence, 'observed')} requests within a minute${usualIn(evidence, '')}`;
    case 'volume':
      return `${numberIn(evidence, 'observed')} bytes in the answers of an hour${usualIn(evidence, '')}`;
    case 'records':
      return `${numberIn(evidence, 'observed')} records read within an hour${usualIn(evidence, '')}`;
    case 'errors': {
      const [share, errors, requests] = ['observed', 'errors', 'requests'].map((name) => numberIn(evidence, name));
      return `${errors} of ${requests} requests within a minute failed or were refused: ${share} %${usualIn(evidence, ' %')}`;
    }
    case 'place':
      return `Used from a country that it was never used from before${wayOf(evidence)}.`;
    case 'travel':
      return `Used from two places that nobody gets between so fast${wayOf(evidence)}.`;
  }
}

function usualIn(evidence: AnomalyEvidence, unit: string): string {
  const whose = evidence['of'] === 'peers' ? ' for others of its kind' : '';
  const [expected, limit] = ['expected', 'limit'].map((name) => numberIn(evidence, name));
  const since = typeof evidence['since'] === 'string' ? ` since ${evidence['since'].slice(0, 10)}` : '';
  return `, where about ${expected}${unit} is usual${whose}${whose === '' ? since : ''} and up to ${limit}${unit} would not have been told.`;
}

function wayOf({ from, to, km, after_s: after }: AnomalyEvidence): string {
  const way = typeof from === 'string' && typeof to === 'string' ? `from ${from} to ${to}` : '';
  const far = typeof km === 'number' ? `at least ${km.toLocaleString('en')} km` : '';
  const soon =
    typeof after === 'number'
      ? `${Math.max(1, Math.round(after / 60)).toLocaleString('en')} min after its use at the last one`
      : '';
  const parts = [way, far, soon].filter((part) => part !== '');
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`;
}

function numberIn(evidence: AnomalyEvidence, name: string): string {
  const value = evidence[name];
  return typeof value === 'number' ? value.toLocaleString('en') : 'unknown';
}

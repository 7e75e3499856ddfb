import type { RequestId } from '../kernel/brand.ts';
import { type Facts, type FaultKind, TwinkeepError } from '../kernel/errors.ts';

const STATUS = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  missing: 404,
  method: 405,
  'too-slow': 408,
  conflict: 409,
  'too-large': 413,
  unsupported: 415,
  unprocessable: 422,
  limited: 429,
  internal: 500,
  upstream: 502,
  unavailable: 503,
  timeout: 504,
} as const satisfies Record<FaultKind, number>;

/** The one place where a kind of fault meets a status. */
export const statusOf = (kind: FaultKind): number => STATUS[kind];

/** RFC 9457 problem details; facts of the fault stand beside the standard members. */
export type Problem = Facts & {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly instance: string;
};

const UNFORESEEN = new TwinkeepError('INTERNAL', 'internal', 'Something went wrong on our side.');

/** What may be told of an error: a fault as it is, and of what nobody foresaw nothing at all. */
export function tellable(error: unknown): TwinkeepError {
  return error instanceof TwinkeepError && error.kind !== 'internal' ? error : UNFORESEEN;
}

/** RFC 9457 problem. Facts come first so that none of them can overwrite a standard member. */
export function problemOf(fault: TwinkeepError, requestId: RequestId): Problem {
  return {
    ...fault.facts,
    type: `urn:twinkeep:error:${fault.code}`,
    title: fault.message,
    status: STATUS[fault.kind],
    code: fault.code,
    instance: `urn:uuid:${requestId}`,
  };
}

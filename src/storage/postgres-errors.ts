import { TwinkeepError } from '../kernel/errors.ts';
import { storageFault } from './errors.ts';

type StorageCode = Parameters<typeof storageFault>[0];

/** By SQLSTATE, or by its class (the first two characters). @see PostgreSQL manual, appendix A */
const BY_STATE: Readonly<Record<string, StorageCode>> = {
  '08': 'STORAGE_UNAVAILABLE', // connection trouble
  '23': 'STORAGE_CONFLICT', // a constraint
  '25006': 'STORAGE_SCOPE', // a write in a read
  '25P03': 'STORAGE_WAITED',
  '28': 'STORAGE_UNAVAILABLE', // our credentials are refused
  '3D000': 'STORAGE_UNAVAILABLE',
  '40': 'STORAGE_BUSY', // serialization failure, deadlock
  '42501': 'STORAGE_SCOPE', // the restricted role may not do that
  '53': 'STORAGE_BUSY', // too many connections, out of memory
  '53100': 'STORAGE_FULL',
  '55P03': 'STORAGE_BUSY',
  '57014': 'STORAGE_BUSY', // statement timeout
  '57': 'STORAGE_UNAVAILABLE', // shutting down, starting up
  '58': 'STORAGE_UNAVAILABLE', // the server's own disk
};

const POOL_EXHAUSTED = 'timeout exceeded when trying to connect';
const STALE_PLAN = 'cached plan must not change result type';

/** PostgreSQL's error, or its driver's, as one of ours; the cause stays for the log and never reaches a client. */
export function postgresFault(error: unknown): TwinkeepError {
  if (error instanceof TwinkeepError) return error;
  const state = stateOf(error);
  if (state !== undefined) {
    if (isStalePlan(error)) return storageFault('STORAGE_BUSY', {}, error);
    return storageFault(BY_STATE[state] ?? BY_STATE[state.slice(0, 2)] ?? 'STORAGE_BROKEN', {}, error);
  }
  // What carries no SQLSTATE was not said by the server, so it is about the way there.
  const exhausted = error instanceof Error && error.message === POOL_EXHAUSTED;
  return storageFault(exhausted ? 'STORAGE_BUSY' : 'STORAGE_UNAVAILABLE', {}, error);
}

/** True where the same work may succeed when it is run again: another transaction was in its way. */
export function isWorthRetrying(fault: TwinkeepError): boolean {
  return stateOf(fault.cause)?.startsWith('40') === true || isStalePlan(fault.cause);
}

/** True where the connection must not go back to the pool. */
export function spoilsConnection(fault: TwinkeepError): boolean {
  return stateOf(fault.cause) === undefined || fault.code === 'STORAGE_UNAVAILABLE' || isStalePlan(fault.cause);
}

/** A migration of another process changed what a prepared statement returns: a new connection prepares it afresh. */
const isStalePlan = (error: unknown): boolean => error instanceof Error && error.message === STALE_PLAN;

function stateOf(error: unknown): string | undefined {
  if (!(error instanceof Error && 'severity' in error && 'code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

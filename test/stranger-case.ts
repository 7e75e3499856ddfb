import assert from 'node:assert/strict';
import type { Answer, Call, Kit } from '../src/testing/index.ts';
import type { Belongings, Intruder } from './stranger-people.ts';
import type { SealedAtHome } from './stranger-vault.ts';

/** An id that is nobody's. */
export const NOBODY = '01990000-0000-7000-8000-000000000000';
export const AT = '2026-11-21T11:00:00Z';

/** Of the tenant `main`, whose people must notice nothing. */
export interface Home {
  readonly admin: string;
  readonly vera: string;
  readonly keyId: string;
  readonly sessionId: string;
  readonly cursor: string;
  readonly webhook: string;
  readonly delivery: string;
  readonly mail: string;
  readonly sealed: SealedAtHome;
  /** What belongs to `vera` alone. */
  readonly own: Belongings;
  readonly invitation: string;
  /** Whatever of this stands in an answer to a stranger was let out. */
  readonly marks: readonly string[];
}

export interface Stranger {
  readonly kit: Kit;
  readonly home: Home;
  /** Calls with the stranger's own credential: an administrator's token, or a key with all that he may give. */
  call(method: string, path: string, call?: Call): Promise<Answer>;
  /** The same credential, for what is no call: a stream. */
  readonly headers: Readonly<Record<string, string>>;
  readonly isPerson: boolean;
  /** Another administrator of the stranger's tenant, signed in with both factors. */
  readonly intruder: Intruder;
}

export type Case = (stranger: Stranger) => Promise<readonly Answer[]>;

export const codeOf = ({ status, json }: Answer) => [status, json?.code];

/** What belongs to somebody else must look like what does not exist, to the letter. */
export function assertSame(foreign: Answer, unknown: Answer, status: number, code: string): readonly Answer[] {
  assert.deepEqual(codeOf(foreign), [status, code]);
  const bare = ({ json }: Answer) => ({ ...json, instance: '', meter_id: '' });
  assert.deepEqual(bare(foreign), bare(unknown));
  return [foreign, unknown];
}

/** What only the operator may. */
export function refused(answer: Answer): readonly Answer[] {
  assert.deepEqual(codeOf(answer), [403, 'ACCESS_FORBIDDEN']);
  return [answer];
}

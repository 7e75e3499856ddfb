import type { Json } from './tx.ts';

/** What went wrong in the terms of the caller; `http/problem.ts` alone knows the status of each. */
export type FaultKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'missing'
  | 'method'
  | 'too-slow'
  | 'conflict'
  | 'too-large'
  | 'unsupported'
  | 'unprocessable'
  | 'limited'
  | 'internal'
  | 'upstream'
  | 'unavailable'
  | 'timeout';

/** One thing that is wrong with an input: where (a path like `/0/meter_id`) and why. */
export interface Flaw {
  readonly at: string;
  readonly reason: string;
}

/** Shown to the client, so only identifiers and limits: never a secret, an address or a query. */
export type Facts = Readonly<Record<string, Json | readonly Flaw[]>>;

/** The only error that Twinkeep throws on purpose. Its message is the title that the client reads. */
export class TwinkeepError<Code extends string = string> extends Error {
  override readonly name = 'TwinkeepError';
  readonly code: Code;
  readonly kind: FaultKind;
  readonly facts: Facts;

  constructor(code: Code, kind: FaultKind, title: string, facts: Facts = {}, options?: ErrorOptions) {
    super(title, options);
    this.code = code;
    this.kind = kind;
    this.facts = facts;
  }
}

export type FaultEntry = readonly [kind: FaultKind, title: string];
export type FaultTable = Readonly<Record<string, FaultEntry>>;

/** Makes a room's errors, and carries the table so that `docs/errors.md` is printed from it. */
export interface FaultMaker<Codes extends string> {
  <Code extends Codes>(code: Code, facts?: Facts, cause?: unknown): TwinkeepError<Code>;
  readonly table: FaultTable;
}

/** Turns one room's table of stable codes (`ROOM_REASON`: add, never rename, never reuse) into the maker of its errors. */
export function defineFaults<const Codes extends string>(
  table: Readonly<Record<Codes, FaultEntry>>,
): FaultMaker<Codes> {
  const make = <Code extends Codes>(code: Code, facts?: Facts, cause?: unknown): TwinkeepError<Code> => {
    const [kind, title] = table[code];
    return new TwinkeepError(code, kind, title, facts, cause === undefined ? undefined : { cause });
  };
  return Object.assign(make, { table });
}

/** True for a Twinkeep error, of the given code when one is given. */
export function isFault(error: unknown, code?: string): error is TwinkeepError {
  return error instanceof TwinkeepError && (code === undefined || error.code === code);
}

import type { Context } from '../http/index.ts';

/** What was found in a request. */
export type Verdict = { readonly kind: 'admitted' };

/** Looks for attacks at two places of the request line. */
export interface Detection {
  /** Looks at the head: path, query, headers. */
  screen(context: Context): Verdict;
  /** Looks at a whole body that was read, or says with `undefined` that there is none. */
  inspect(context: Context, body: Uint8Array | undefined): Verdict;
  /** What it does at present, for the ledger: a reader of the surface must not take an empty step for a full one. */
  readonly describes: string;
}

const ADMITTED: Verdict = { kind: 'admitted' };

/** Admits everything: rules of detection are not part of this version, and the ledger says so. */
export function createDetection(): Detection {
  return { screen: () => ADMITTED, inspect: () => ADMITTED, describes: 'admits everything' };
}

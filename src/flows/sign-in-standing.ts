import type { Person } from '../identity/index.ts';
import type { Method, Mfa, Offered } from '../mfa/index.ts';

/** What is asked of a person beside the first factor. */
export interface Standing {
  /** Whether a second factor is set up, also one that cannot be answered with at the moment. */
  readonly enrolled: boolean;
  /** What can answer. */
  readonly offered: readonly Offered[];
  readonly required: boolean;
  /** The methods that policy counts. */
  readonly methods: readonly Method[];
  /** How long a device may stand in; 0 for not at all. */
  readonly rememberMs: number;
}

/** A session can go to any tenant of its person, so the strictest of their policies holds wherever it begins. */
export async function standingOf(
  mfa: Pick<Mfa, 'offered' | 'isEnrolled' | 'demandOf'>,
  { id }: Person,
): Promise<Standing> {
  const { required, methods, rememberMs } = await mfa.demandOf(id);
  // Asked apart: where no code can be sent just now nothing is offered, and the factor is there all the same.
  return { enrolled: await mfa.isEnrolled(id), offered: await mfa.offered(id), required, methods, rememberMs };
}

/** What was given beside the first factor so far. */
export type Given = Method | undefined;

/** What comes after the factors that were given. */
export type NextStep =
  | { readonly kind: 'start' }
  | { readonly kind: 'verify'; readonly methods: readonly Offered[] }
  | { readonly kind: 'enrol'; readonly methods: readonly Method[] };

/**
 * The one place that says whether a second factor is still needed. Where policy counts none of those that are set up, one
 * of them must answer first all the same: else whoever has the password alone could set up one of their own.
 *
 * @param remembered whether a device stands in that was remembered after a second factor
 */
export function nextStep(
  { enrolled, offered, required, methods }: Standing,
  given: Given,
  remembered: boolean,
): NextStep {
  const counts = (method: Method): boolean => !required || methods.includes(method);
  const counting = offered.filter(({ method }) => counts(method) || method === 'backup');
  const isReady = counting.some(({ method }) => method !== 'backup');
  const enrol: NextStep = { kind: 'enrol', methods: methods.filter((method) => method !== 'backup') };
  // A code of last resort is there for when the others are lost: it passes whatever policy counts.
  if (given === 'backup' || (given !== undefined && counts(given))) return { kind: 'start' };
  if (given !== undefined) return isReady ? { kind: 'verify', methods: counting } : enrol;
  if (!enrolled) return required ? enrol : { kind: 'start' };
  if (remembered && isReady) return { kind: 'start' };
  return { kind: 'verify', methods: isReady ? counting : offered };
}

import type { AttackClass, Hit } from './judge/types.ts';

/** What is done about an attack: nothing, it is told, or the request is refused. */
export type Mode = 'off' | 'shadow' | 'block';

/** What was found at one place. */
export interface Finding {
  /** `query.q`, `body.items[3].name`. */
  readonly at: string;
  readonly score: number;
  readonly class: AttackClass;
  /** The heaviest first, their evidence redacted. */
  readonly hits: readonly Hit[];
  /** What tells it from another where the evidence is redacted. @see shapeOf */
  readonly shape?: string | undefined;
}

/** What a request adds up to. */
export interface Verdict {
  /** The score reaches the threshold. */
  readonly attack: boolean;
  readonly mode: Mode;
  readonly score: number;
  readonly threshold: number;
  /** The strongest first; at most ten. */
  readonly findings: readonly Finding[];
  /** Why a part of it was not seen that is no sign of an attack: an encoding that is not known, or more than is looked at. */
  readonly unreadable: 'unsupported' | 'too-large' | undefined;
  /** Exceptions that changed it, as the configuration says why. */
  readonly excepted: readonly string[];
  /** Tells the same attack sent again from another one; no secret, and of a size. */
  readonly fingerprint: string;
}

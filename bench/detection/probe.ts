import type { Channel, WholeRequest } from './subject.ts';

export type Input =
  | { readonly kind: 'value'; readonly text: string; readonly channel: Channel }
  | { readonly kind: 'request'; readonly request: WholeRequest; readonly shown: string };

/** One thing to be judged. */
export interface Probe {
  readonly id: string;
  /** The list that it comes from, or how it was made. */
  readonly source: string;
  /** Its class of attack, where a series mixes them. */
  readonly group?: string | undefined;
  /** What was trained without this fold has not seen it; absent where nothing learns from it. */
  readonly fold?: string | undefined;
  /** Neither attack nor honest by itself (a list's comment, harmless HTML): reported apart and not in the figure. */
  readonly weak: boolean;
  readonly input: Input;
}

export interface Bar {
  readonly kind: 'at least' | 'at most';
  /** Percent of the probes that are blocked. */
  readonly percent: number;
}

/** Probes of one kind and what is expected of them: one line of a table. */
export interface Series {
  readonly id: string;
  readonly table: string;
  readonly kind: 'attack' | 'benign';
  readonly bar?: Bar | undefined;
  /** Made when asked for: some hold 200 KB each. */
  readonly probes: () => Iterable<Probe>;
}

export const atLeast = (percent: number): Bar => ({ kind: 'at least', percent });
export const atMost = (percent: number): Bar => ({ kind: 'at most', percent });

export const valueProbe = (id: string, source: string, text: string, channel: Channel = 'value'): Probe => ({
  id,
  source,
  weak: false,
  input: { kind: 'value', text, channel },
});

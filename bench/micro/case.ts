/** One thing to time: called over and over, alone in its process. */
export interface MicroCase {
  readonly run: () => unknown;
  /** Whether `run` must be awaited. */
  readonly waits: boolean;
  /** How many values one call works through, where that is more than one: figures are per value. */
  readonly each?: number;
}

export type MicroCases = Readonly<Record<string, () => Promise<MicroCase>>>;

export const TEXT = 'Hall 3, line 7, meter cabinet B; serial 0071-5534-9012; access 4';

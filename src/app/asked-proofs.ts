import { type EpochMs, epochMs, type SessionId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { HotState } from '../storage/index.ts';

export interface AskedProofDeps {
  /** What all processes share. */
  readonly hot: Pick<HotState, 'put' | 'get'>;
  readonly clock: Clock;
  /** No session lasts longer. */
  readonly keptMs: number;
}

/** From when on a session's proofs count: something about its use was unlike its person. */
export interface AskedProofs {
  ask(sessionId: SessionId): Promise<void>;
  /** For steps that ask for a proof, and for these alone. */
  since(sessionId: SessionId): Promise<EpochMs | undefined>;
}

const MOST_HELD = 10_000;

/**
 * Remembered here and in the hot state. While that is away a step that asks for a proof is refused: to let it pass then
 * would give whoever can stop it what they must not have.
 */
export function createAskedProofs({ hot, clock, keptMs }: AskedProofDeps): AskedProofs {
  const held = new Map<SessionId, EpochMs>();
  const keyOf = (sessionId: SessionId): string => `proof.asked ${sessionId}`;

  return {
    ask: async (sessionId) => {
      const now = clock.now();
      if (held.size >= MOST_HELD) held.clear(); // the hot state has them
      held.set(sessionId, now);
      await hot.put(keyOf(sessionId), String(now), keptMs);
    },
    since: async (sessionId) => {
      const shared = Number(await hot.get(keyOf(sessionId)));
      const here = held.get(sessionId);
      const since = Math.max(here ?? 0, Number.isSafeInteger(shared) ? shared : 0);
      return since === 0 ? undefined : epochMs(since);
    },
  };
}

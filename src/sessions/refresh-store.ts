import type { EpochMs } from '../kernel/brand.ts';
import type { Tx } from '../kernel/tx.ts';
import { statement } from '../storage/index.ts';

const setBack = statement({
  reach: 'platform',
  sql: 'update refresh_token set used_at = :now where digest = :digest and used_at > :now',
  params: { digest: 'bytes', now: 'int' },
});

/** What the rotation alone writes. */
export const refreshStore = {
  /** Takes a moment of use that lies in the future for now. */
  startGraceAgain: (tx: Tx, digest: Uint8Array, now: EpochMs) => tx.run(setBack, { digest, now }),
};

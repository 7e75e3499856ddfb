import type { Actor } from '../kernel/principal.ts';
import type { Block, BlockWish, SuspectKind } from './block.ts';

/** A block that holds in memory, and the wish that it was made of. */
export interface WaitingBlock {
  readonly actor: Actor;
  readonly wish: BlockWish;
  readonly block: Block;
}

export interface WaitingDeps {
  readonly store: (waiting: WaitingBlock) => Promise<void>;
  /** Takes back what was stored while somebody lifted it. */
  readonly undo: (waiting: WaitingBlock) => Promise<void>;
  readonly onError: (error: unknown) => void;
  /** The first pause between two tries; a second unless told. */
  readonly retryMs?: number | undefined;
}

/**
 * Blocks that could not be stored when they were made: they are as soon as the database answers, with all that follows
 * a block, so that they are listed, lifted and told like every other.
 */
export interface WaitingBlocks {
  add(waiting: WaitingBlock): void;
  /** Those of somebody who was let in again are not stored any more. */
  drop(kind: SuspectKind, value: string): void;
  all(): Iterable<Block>;
  stop(): Promise<void>;
}

const MAX_WAITING = 20_000;
const RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;

export function createWaitingBlocks({ store, undo, onError, retryMs = RETRY_MS }: WaitingDeps): WaitingBlocks {
  const waiting = new Map<string, WaitingBlock>(); // by the id of the block
  let pause = retryMs;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let stopped = false;

  function schedule(): void {
    if (stopped || waiting.size === 0 || timer !== undefined || running !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      running = flush().finally(() => {
        running = undefined;
        schedule();
      });
    }, pause).unref();
  }

  /** One that can't be stored goes to the end of the row, so that it keeps no other waiting for good. */
  async function flush(): Promise<void> {
    for (const [id, one] of [...waiting]) {
      if (stopped || !waiting.has(id)) continue;
      try {
        await store(one);
        if (!waiting.delete(id)) await undo(one);
        pause = retryMs;
      } catch (error) {
        onError(error);
        pause = Math.min(2 * pause, MAX_RETRY_MS);
        if (waiting.delete(id)) waiting.set(id, one);
        return;
      }
    }
  }

  return {
    add: (one) => {
      if (waiting.size >= MAX_WAITING) return; // it holds in memory till it ends
      waiting.set(one.block.id, one);
      schedule();
    },
    drop: (kind, value) => {
      for (const [id, { block }] of waiting) if (block.kind === kind && block.value === value) waiting.delete(id);
    },
    all: function* all() {
      for (const { block } of waiting.values()) yield block;
    },
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}

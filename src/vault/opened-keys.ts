import type { KeyObject } from 'node:crypto';
import { equalBytes } from '../crypto/index.ts';

/** A named key as it is stored and as it was opened. */
export interface OpenedKey {
  readonly wrapped: Uint8Array;
  readonly key: KeyObject;
}

/**
 * Keys that were opened once, for as long as the database still has them as they were: whether it has is asked each
 * time, so that this is no second truth beside it, but its provider need not be.
 */
export interface OpenedKeys {
  of(name: string, wrapped: Uint8Array): OpenedKey | undefined;
  /** To be called before a key is read. @returns keeps it, unless one was forgotten meanwhile: it may be that one */
  reading(name: string): (key: OpenedKey) => void;
  /** @param name all of them when it is left out */
  forget(name: string | undefined): void;
}

/** @param most at most so many are kept; then the oldest goes */
export function createOpenedKeys(most: number): OpenedKeys {
  const byName = new Map<string, OpenedKey>();
  let forgotten = 0;
  return {
    of: (name, wrapped) => {
      const known = byName.get(name);
      return known !== undefined && equalBytes(known.wrapped, wrapped) ? known : undefined;
    },
    reading: (name) => {
      const before = forgotten;
      return (key) => {
        if (forgotten !== before) return;
        byName.delete(name); // so that it is the youngest again
        byName.set(name, key);
        if (byName.size > most) for (const oldest of byName.keys()) if (byName.delete(oldest)) break;
      };
    },
    forget: (name) => {
      forgotten++;
      if (name === undefined) byName.clear();
      else byName.delete(name);
    },
  };
}

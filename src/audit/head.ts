import { readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { equalBytes, parseCheckpoint, type TreeHead, verifyCheckpoint } from '../crypto/index.ts';
import { auditFault } from './errors.ts';
import type { LogKey } from './signing-key.ts';

/**
 * Remembers the newest head that was signed, outside of the database: whoever can edit the log could otherwise take it
 * back to an older head, which is signed too, and have another history signed from there on.
 */
export interface HeadKeeper {
  read(): string | undefined;
  /** Resolves when this head, or a newer one, is kept; of several that wait only the newest is. */
  keep(note: string): Promise<void>;
}

/**
 * Keeps the head in a file of its own, replaced as a whole, by one write at a time: an older head never takes the
 * place of a newer one. The disk is waited for off the event loop, where a sync of 5 ms would stop every request.
 */
export function fileHead(file: string): HeadKeeper {
  let newest: string | undefined;
  let writing: Promise<void> | undefined;

  async function writeAll(): Promise<void> {
    let failure: { readonly error: unknown } | undefined;
    for (let note = newest; note !== undefined; note = newest) {
      newest = undefined;
      failure = undefined;
      try {
        await replace(file, note);
      } catch (error) {
        failure = { error }; // unless a newer one comes through
      }
    }
    writing = undefined;
    if (failure !== undefined) throw failure.error;
  }

  return {
    read: () => {
      try {
        return readFileSync(file, 'utf8');
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
        throw error;
      }
    },
    keep: (note) => {
      newest = note;
      writing ??= writeAll();
      return writing;
    },
  };
}

async function replace(file: string, note: string): Promise<void> {
  const handle = await open(`${file}.new`, 'w', 0o600);
  try {
    await handle.writeFile(note);
    await handle.sync(); // a power cut must not leave an empty file, which would stop every start
  } finally {
    await handle.close();
  }
  await rename(`${file}.new`, file);
}

/** For a log that lives no longer than its process. */
export function memoryHead(): HeadKeeper {
  let kept: string | undefined;
  return {
    read: () => kept,
    keep: async (note) => {
      kept = note;
    },
  };
}

/** Holds the log's newest checkpoint against the head that was kept. */
export interface HeadGuard {
  /** @throws AUDIT_LOG_ALTERED when the database's newest head is older than the kept one, or another */
  assertContinues(present: TreeHead): void;
  /** @param note just signed by ourselves. @returns resolves when it is kept */
  signed(note: string): Promise<void>;
}

/** @throws AUDIT_LOG_ALTERED when the kept head was signed for another log than the database's */
export function createHeadGuard(keeper: HeadKeeper, key: LogKey): HeadGuard {
  const kept = keeper.read();
  let known = kept === undefined ? undefined : headOf(kept, key);
  if (kept !== undefined && known === undefined) {
    throw auditFault('AUDIT_LOG_ALTERED', {
      reason: 'audit.head was signed for another log; if the database was replaced on purpose, move audit.head away',
    });
  }
  return {
    assertContinues: (present) => {
      if (known === undefined || present.size > known.size) return; // a larger head is checked by its signature
      if (present.size === known.size && equalBytes(present.root, known.root)) return;
      throw auditFault('AUDIT_LOG_ALTERED', { reason: 'it does not reach the head in audit.head' });
    },
    signed: (note) => {
      known = parseCheckpoint(note); // made a moment ago: its signature needs no look
      return keeper.keep(note);
    },
  };
}

const headOf = (note: string, key: LogKey): TreeHead | undefined => verifyCheckpoint(note, key.publicKey, key.keyName);

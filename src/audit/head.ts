import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { equalBytes, type TreeHead, verifyCheckpoint } from '../crypto/index.ts';
import { auditFault } from './errors.ts';
import type { LogKey } from './signing-key.ts';

/**
 * Remembers the newest head that was signed, outside of the database: whoever can edit the log could otherwise take it
 * back to an older head, which is signed too, and have another history signed from there on.
 */
export interface HeadKeeper {
  read(): string | undefined;
  keep(note: string): void;
}

/** Keeps the head in a file of its own, replaced as a whole. */
export function fileHead(file: string): HeadKeeper {
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
      const handle = openSync(`${file}.new`, 'w', 0o600);
      try {
        writeFileSync(handle, note);
        fsyncSync(handle); // a power cut must not leave an empty file, which would stop every start
      } finally {
        closeSync(handle);
      }
      renameSync(`${file}.new`, file);
    },
  };
}

/** For a log that lives no longer than its process. */
export function memoryHead(): HeadKeeper {
  let kept: string | undefined;
  return {
    read: () => kept,
    keep: (note) => {
      kept = note;
    },
  };
}

/** Holds the log's newest checkpoint against the head that was kept. */
export interface HeadGuard {
  /** @throws AUDIT_LOG_ALTERED when the database's newest head is older than the kept one, or another */
  assertContinues(present: TreeHead): void;
  signed(note: string): void;
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
      known = headOf(note, key);
      keeper.keep(note);
    },
  };
}

const headOf = (note: string, key: LogKey): TreeHead | undefined => verifyCheckpoint(note, key.publicKey, key.keyName);

import { closeSync, fsyncSync, mkdirSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { failure } from './errors.ts';

/** Files that are there for us alone already, and empty: whatever stands in the way of them shows before a share is made. */
export interface ShareFiles {
  /** One text a file, on the disk for certain. @returns their names. @throws CLI_FAILED */
  write(texts: readonly string[]): readonly string[];
  /** Removes those that were made here. */
  remove(): void;
  close(): void;
}

interface ShareFile {
  readonly name: string;
  readonly handle: number;
}

const MOST_SHARE_BYTES = 4_096;

/** Makes `count` files that were not there before, or none. @throws CLI_FAILED */
export function openShareFiles(folder: string, count: number): ShareFiles {
  const files: ShareFile[] = [];
  const close = (): void => {
    for (const { handle } of files.splice(0)) closeSync(handle);
  };
  const remove = (): void => {
    const names = files.map(({ name }) => name);
    close();
    for (const name of names) rmSync(name, { force: true });
  };
  try {
    onDisk(folder, () => mkdirSync(folder, { recursive: true, mode: 0o700 }));
    for (let number = 1; number <= count; number++) {
      const name = join(folder, `share-${number}-of-${count}.txt`);
      files.push({ name, handle: onDisk(name, () => openSync(name, 'wx', 0o600)) });
    }
  } catch (error) {
    remove();
    throw error;
  }
  return {
    remove,
    close,
    write: (texts) => {
      if (texts.length !== files.length) throw failure(`The server made ${texts.length} shares, not ${files.length}.`);
      for (const [at, { name, handle }] of files.entries()) {
        onDisk(name, () => {
          writeFileSync(handle, texts[at] ?? '');
          fsyncSync(handle);
        });
      }
      onDisk(folder, () => syncFolder(folder));
      return files.map(({ name }) => name);
    },
  };
}

/** A share as somebody keeps it; `-` is standard input. Never reads more than a share can be. @throws CLI_FAILED */
export function readShare(file: string): string {
  const name = file === '-' ? 'standard input' : file;
  return onDisk(name, () => {
    const handle = file === '-' ? 0 : openSync(file, 'r');
    try {
      const bytes = Buffer.alloc(MOST_SHARE_BYTES + 1);
      let length = 0;
      for (let read = -1; read !== 0 && length < bytes.length; length += read) {
        read = readSync(handle, bytes, length, bytes.length - length, null);
      }
      if (length > MOST_SHARE_BYTES) throw failure(`${name} is too large for a share.`);
      return bytes.toString('utf8', 0, length);
    } finally {
      if (handle !== 0) closeSync(handle);
    }
  });
}

/** Says in a sentence what the system has against it. @throws CLI_FAILED */
export function onDisk<Result>(name: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const reason = REASONS.get(code);
    if (reason === undefined) throw error;
    throw failure(`${name} ${reason}.`, {}, error);
  }
}

const REASONS = new Map([
  ['EEXIST', 'is there already; nothing is ever overwritten: move it away, or name another place'],
  ['ENOENT', 'is not there; see that its folder exists and the name is spelt right'],
  ['EISDIR', 'is a folder, not a file'],
  ['ENOTDIR', 'lies below something that is a file, not a folder'],
  ['EACCES', 'cannot be used: the system does not allow it to this user'],
  ['EPERM', 'cannot be used: the system does not allow it to this user'],
  ['EROFS', 'lies on a disk that is read-only'],
  ['ENOSPC', 'cannot be written: the disk is full'],
  ['EDQUOT', 'cannot be written: the quota of the disk is used up'],
  ['EFBIG', 'cannot be written: the system allows no file so large'],
  ['EIO', 'cannot be used: the disk fails'],
  ['EMFILE', 'cannot be opened: the system allows this process no more files; make fewer shares'],
  ['ENAMETOOLONG', 'has too long a name'],
  ['ELOOP', 'is a link that leads to itself'],
  ['EAGAIN', 'has nothing to read; give it as a file'],
]);

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

import { isFault } from '../kernel/errors.ts';

const BY_CODE: Readonly<Record<string, string>> = {
  ENOSPC: 'there is no room left on the disk',
  EDQUOT: 'the quota of the disk is used up',
  EFBIG: 'the file may not grow any further',
  EACCES: 'the folder may not be read or written',
  EPERM: 'the folder may not be read or written',
  EROFS: 'the disk may not be written',
  ENOENT: 'the folder or a file in it is not there',
  EIO: 'the disk cannot be read or written',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
};

/** SQLITE_FULL, and SQLITE_IOERR_SHMSIZE, which is what it says of a full disk where it opens a copy. */
const FULL: readonly unknown[] = [13, 4_874];

/** For the list and the log: the kind of failure, never a path or an address. */
export function reasonOf(error: unknown): string {
  const known = circumstanceOf(error);
  if (known !== undefined) return known;
  if (!isFault(error)) return error instanceof Error ? error.message.slice(0, 200) : 'unknown';
  return typeof error.facts['reason'] === 'string' ? error.facts['reason'] : error.message;
}

/** What of the system around a backup was in the way, the disk above all; undefined where it was something else. */
export function circumstanceOf(error: unknown): string | undefined {
  for (let next = error; next instanceof Error; next = next.cause) {
    if ('errcode' in next && FULL.includes(next.errcode)) return BY_CODE['ENOSPC'];
    if (isFault(next, 'STORAGE_FULL')) return BY_CODE['ENOSPC'];
    const known = 'code' in next ? BY_CODE[String(next.code)] : undefined;
    if (known !== undefined) return known;
  }
  return undefined;
}

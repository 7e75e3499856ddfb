import { closeSync, openSync } from 'node:fs';

/**
 * Makes a file that its owner alone may read, where there is none.
 *
 * One that exists is not opened, for closing it again would drop every lock that this process holds on it, and let
 * another process into the folder. @see POSIX fcntl, F_SETLK
 */
export function createPrivateFile(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

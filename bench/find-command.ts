import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where servers are put that an ordinary user's PATH does not name. */
const MORE = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin'];

/** The file of a command that the machine may have; `undefined` where it has none. */
export function findCommand(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== ''), ...MORE];
  return folders.map((folder) => join(folder, name)).find(mayRun);
}

function mayRun(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { delimiter, join, sep } from 'node:path';

/** Where a command would be found; `outside` skips what lies in that folder, links followed. */
export function onPath(command, outside) {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    if (folder === '') continue;
    const file = join(folder, command);
    try {
      accessSync(file, constants.X_OK);
      const isCommand = statSync(file).isFile();
      if (isCommand && (outside === undefined || !realpathSync(file).startsWith(outside + sep))) return file;
    } catch {
      // not there, or not ours to run
    }
  }
  return undefined;
}

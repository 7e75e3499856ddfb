/**
 * The process of a batch: runs the test files that it is given one after the other, each as a suite of its own, so that
 * its hooks are its own too. Tells its parent where it is.
 */
import { describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

/** Turns of the event loop in which all that a file has reported is written, whatever the next one does to the process. */
const TURNS = 5;

const { files, ended } = JSON.parse(process.argv[2] ?? '{}');
let isOver = false;

process.on('disconnect', () => process.exit(1)); // nobody is left to report to
process.channel?.unref();
process.on('beforeExit', () => {
  isOver = true; // nothing can wake what is waited for: the runner cancels it now, and takes no more
});

// What an earlier process died of can only be reported by another.
if (ended !== undefined) {
  test(ended.file, () => {
    throw new Error(ended.reason);
  });
}

for (const file of files) {
  process.send?.({ at: file });
  await describe(file, () => import(pathToFileURL(file).href).then(() => undefined));
  for (let at = 0; at < TURNS; at++) await turn();
  if (isOver) process.exit(1);
}
process.send?.({ at: undefined });

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Enough that loading is paid once for many, and few enough that the last batch of a run is not waited for long. */
const OF_BATCH = { kit: 6, plain: 14 };

/** What ties a file to a process of its own: it changes or measures the process, or starts another. */
const TIES =
  /\bprocess\.|\bglobalThis\b|\bgc\(|\bmock\.|child_process|cluster|worker_threads|diagnostics_channel|perf_hooks|v8'|startPostgres|startRedis|serverSuite|startProcess/;
/** Imports of what only tests use, whose ties are those of the file. */
const KITS = /from '(\.[^']*(?:contract|kit|stage|people|case|fixture)[^']*\.ts)'/g;

/**
 * Puts the test files that share a process well into batches: most of the time of a small file is the loading of what
 * all of them load.
 *
 * @param files from the root of the package
 * @returns the rest, each with a process of its own, and the batches; what takes long comes first
 */
export function planBatches(root, files) {
  const alone = [];
  const groups = { kit: [], plain: [] };
  for (const file of files) {
    const own = file.startsWith('test/') ? undefined : groupOf(root, file);
    (own === undefined ? alone : groups[own]).push(file);
  }
  // The journeys of `test` take longest, and none should begin when all else is done.
  alone.sort((a, b) => Number(b.startsWith('test/')) - Number(a.startsWith('test/')));
  const batches = Object.entries(groups).flatMap(([kind, members]) => cut(members, OF_BATCH[kind]));
  return { alone, batches };
}

function groupOf(root, file) {
  if (isTied(root, file)) return undefined;
  return readFileSync(join(root, file), 'utf8').includes('createKit') ? 'kit' : 'plain';
}

function isTied(root, file, seen = new Set()) {
  if (seen.has(file)) return false;
  seen.add(file);
  const text = readFileSync(join(root, file), 'utf8');
  if (TIES.test(text)) return true;
  return [...text.matchAll(KITS)].some(([, path]) => isTied(root, join(dirname(file), path), seen));
}

/** Batches of even size, so that none is much shorter than the others. */
function cut(files, most) {
  const count = Math.ceil(files.length / most);
  return Array.from({ length: count }, (_, at) =>
    files.slice(Math.round((at * files.length) / count), Math.round(((at + 1) * files.length) / count)),
  );
}

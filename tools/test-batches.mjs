import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Enough that loading is paid once for many, and few enough that the last batch of a run is not waited for long. In the
 * order in which they begin: those that take longest, first.
 */
const OF_BATCH = { commands: 4, servers: 5, kit: 8, plain: 14 };

/** What ties a file to a process of its own: it changes or measures the process. */
const TIES =
  /\bglobalThis\b|\bgc\(|\bmock\.|'node:cluster'|worker_threads|diagnostics_channel|perf_hooks|v8'|\bprocess\.(?!(?:env|execPath|platform|arch|versions?|cwd|pid|getuid|nextTick)\b)\w+|\bprocess\.env(?:\.\w+|\[[^\]]*\])\s*(?:\?\?|\|\|)?=[^=]|delete process\.env/;
/** What takes long by itself gains nothing by company, and would make it wait; `oracle` compares times. */
const LONG =
  /^test\/(?:faults\/|one-write|stranger\.|hostile\/(?:oracle|naughty|handshakes|bodies|fuzz)|vectors\/detection)|delivery\/delivery|refresh-histories/;

const CHILDREN = /child_process|startProcess/;
const SERVERS = /startPostgres|startRedis|serverSuite/;

/** Imports of what only tests use, whose ties are those of the file. */
const IMPORTS = /from '(\.[^']*\.ts)'/g;
const KIT = /(?:contract|kit|stage|people|case|fixture)[^/]*\.ts$/;

/**
 * Puts the test files that share a process well into batches: most of the time of a small file is the loading of what
 * all of them load.
 *
 * @param files from the root of the package
 * @returns the rest, each with a process of its own, and the batches; what takes long comes first
 */
export function planBatches(root, files) {
  const alone = [];
  const groups = { commands: [], servers: [], kit: [], plain: [] };
  for (const file of files) {
    const own = groupOf(root, file);
    (own === undefined ? alone : groups[own]).push(file);
  }
  // The journeys of `test` take longest, and none should begin when all else is done.
  alone.sort((a, b) => rankOf(b) - rankOf(a));
  const batches = Object.entries(groups).flatMap(([kind, members]) => cut(members, OF_BATCH[kind]));
  return { alone, batches };
}

const rankOf = (file) => Number(file.startsWith('test/')) + Number(LONG.test(file));

function groupOf(root, file) {
  if (LONG.test(file)) return undefined;
  const text = textsOf(root, file).join('\n');
  if (TIES.test(text)) return undefined;
  const hasKit = text.includes('createKit');
  if (CHILDREN.test(text)) return hasKit ? 'commands' : undefined; // without a kit there is little to load
  if (SERVERS.test(text)) return 'servers';
  return hasKit ? 'kit' : 'plain';
}

/** The file and what it takes of other tests. */
function textsOf(root, file, seen = new Set()) {
  if (seen.has(file) || !existsSync(join(root, file))) return []; // one that a test writes is none
  seen.add(file);
  const text = readFileSync(join(root, file), 'utf8');
  const taken = [...text.matchAll(IMPORTS)].map(([, path]) => join(dirname(file), path)).filter(isOfTests);
  return [text, ...taken.flatMap((path) => textsOf(root, path, seen))];
}

/** `src/testing` is made to be shared. */
const isOfTests = (path) => (path.startsWith('src/') ? KIT.test(path) && !path.startsWith('src/testing/') : true);

/** Batches of even size, so that none is much shorter than the others. */
function cut(files, most) {
  const count = Math.ceil(files.length / most);
  return Array.from({ length: count }, (_, at) =>
    files.slice(Math.round((at * files.length) / count), Math.round(((at + 1) * files.length) / count)),
  );
}

/** One of several threads that serve the port, started by `workers.ts`. */
import nodeModule from 'node:module';
import { fileURLToPath } from 'node:url';
import { isMainThread, workerData } from 'node:worker_threads';

if (isMainThread) throw new TypeError('this is the start of a thread, not of a program');

// As for the first thread (cli/main.ts): compiled code is kept inside this installation.
const cache = import.meta.filename.endsWith('.ts') ? '../../node_modules/.cache/node' : '../.cache/node';
nodeModule.enableCompileCache(fileURLToPath(new URL(cache, import.meta.url)));

const { runWorker } = await import('./worker-run.ts'); // only now, so that all of it comes out of the cache
runWorker(workerData);

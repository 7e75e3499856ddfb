#!/usr/bin/env node
/** Floor 9. Commands: what a person types, and what a container starts. */
import nodeModule from 'node:module';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

const NEEDED = 24;
if (Number(process.versions.node.split('.', 1)[0]) < NEEDED) {
  console.error(`twinkeep needs Node ${NEEDED} or later, and this is ${process.versions.node}.`);
  process.exit(1);
}

// Compiled code is kept inside this installation. The default, a folder in /tmp, could be prepared by anybody.
const cache = import.meta.filename.endsWith('.ts') ? '../../node_modules/.cache/node' : '../.cache/node';
nodeModule.enableCompileCache(fileURLToPath(new URL(cache, import.meta.url)));

// Passwords are hashed on all cores but one, and disk syncs wait for the same threads: two stay free for them.
const hashing = Math.max(1, availableParallelism() - 1);
process.env['UV_THREADPOOL_SIZE'] ??= String(Math.max(4, hashing + 2));

const { run } = await import('./run.ts'); // only now, so that all of it comes out of the cache
process.exitCode = await run(process.argv.slice(2));

/**
 * Runs the suites: `node tools/run-tests.mjs [soak] [part of a path]...`. With parts, only files whose path contains
 * one of them. Always on the pinned Node, whatever Node started this.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

/** The longest that a file or a batch of them may take; a suite that hangs must not hang the rest. */
const PATIENCE_MS = 480_000;
const GRACE_MS = 3_000;
/** More files than cores: at any time one or another waits for a socket, a timer or a server. */
const WAITING = 1;

const SUITES = {
  tests: [
    ['src', /\.test\.ts$/],
    ['test', /\.test\.ts$/],
    ['tools', /^[^/]+\.test\.mjs$/],
  ],
  soak: [['test', /\.soak\.ts$/]],
};

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..');
const isSoak = process.argv[2] === 'soak';
const parts = process.argv.slice(isSoak ? 3 : 2);
const files = SUITES[isSoak ? 'soak' : 'tests'].flatMap(filesOf).filter(isChosen).sort();

if (files.length === 0) {
  console.error(
    `run-tests: no ${isSoak ? 'soak ' : ''}test file${parts.length > 0 ? ` matches ${parts.join(' or ')}` : ' found'}`,
  );
  process.exitCode = 1; // nothing run is nothing shown
} else {
  process.exitCode = await run(files);
}

function filesOf([folder, pattern]) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => pattern.test(name) && !name.includes('node_modules/'))
    .map((name) => `${folder}/${name}`);
}

function isChosen(file) {
  return parts.length === 0 || parts.some((part) => file.includes(part));
}

async function run(files) {
  const cores = Math.max(2, availableParallelism());
  const told = isSoak
    ? { files, concurrency: 1 }
    : { files, concurrency: cores + WAITING, timeout: PATIENCE_MS, together: true };
  const pinned = join(root, 'node_modules', '.bin', 'node');
  const program = existsSync(pinned) ? pinned : process.execPath;
  const child = spawn(program, [join(root, 'tools', 'test-suite.mjs'), JSON.stringify(told)], {
    cwd: root,
    stdio: 'inherit',
    env: { NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'node'), ...process.env },
    detached: true, // a group of its own, so that an interrupt reaches the servers that tests started, too
  });
  let interrupted = false;
  const stop = (signal) => {
    killGroup(child, interrupted ? 'SIGKILL' : signal); // asked twice, no more waiting
    setTimeout(() => killGroup(child, 'SIGKILL'), GRACE_MS).unref();
    interrupted = true;
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
  const code = await new Promise((resolve) => child.on('close', (exit) => resolve(exit)));
  killGroup(child, 'SIGKILL'); // servers that a failed test left behind
  return interrupted ? 130 : (code ?? 1);
}

function killGroup({ pid }, signal) {
  try {
    process.kill(-pid, signal);
  } catch {
    // nobody left
  }
}

import { spawn } from 'node:child_process';

/** How long an interrupted command may take to tidy up (npm rolls back) before it is killed. */
const GRACE_MS = 2_000;

/**
 * Runs a command quietly in a group of its own, so that an interrupt ends it with all it started, and ends it once.
 *
 * @returns what it printed, and in `failure` why it failed, if it did
 */
export async function run(command, args, { afterwards, onStart, ...options }) {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], detached: IN_GROUP });
  onStart?.(child.pid);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  }
  const ended = new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(code === 0 ? undefined : `exit ${code ?? signal}`));
  });
  afterwards(async () => {
    const timer = setTimeout(() => kill(child, 'SIGKILL'), GRACE_MS);
    kill(child, 'SIGTERM');
    await ended;
    clearTimeout(timer);
  });
  return { failure: await ended, output };
}

const IN_GROUP = process.platform !== 'win32';

function kill(child, signal) {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    if (IN_GROUP) process.kill(-child.pid, signal);
    else child.kill(signal);
  } catch {
    // it ended just now
  }
}

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PROCESS = fileURLToPath(new URL('./test-batch-files.mjs', import.meta.url));
const PATIENCE_MS = 240_000;
/** How long a process may live after its last file; something that a test left open holds it. */
const LEAVE_MS = 30_000;

/**
 * Runs test files in one process, in the place of one file of `node --test`: what they report goes to standard output.
 * Where a file ends that process or hangs, it is reported as failed, and those behind it get a process each.
 *
 * @returns the exit code
 */
export async function runBatch(files, { patienceMs = PATIENCE_MS, leaveMs = LEAVE_MS } = {}) {
  const queue = [{ files }];
  let code = 0;
  for (let part = queue.shift(); part !== undefined; part = queue.shift()) {
    const { exit, at, reason } = await runPart(part, { patienceMs, leaveMs });
    if (exit !== 0 || at !== undefined) code = 1;
    if (at === undefined) continue;
    const rest = part.files.slice(part.files.indexOf(at) + 1);
    // By a process of its own, as another file could end it too before all is written.
    queue.unshift({ files: [], ended: { file: at, reason } }, ...rest.map((file) => ({ files: [file] })));
  }
  return code;
}

/** @returns the exit code; where the process ended too early also at which file, and why */
function runPart(part, { patienceMs, leaveMs }) {
  const { files } = part;
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...process.execArgv, PROCESS, JSON.stringify(part)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    let at = files[0];
    let hung = false;
    let timer;
    const watch = (ms) => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        hung = true;
        child.kill('SIGKILL');
      }, ms);
    };
    watch(patienceMs);
    child.on('message', (message) => {
      at = message.at;
      watch(at === undefined ? leaveMs : patienceMs);
    });
    child.on('error', () => resolve({ exit: 1 }));
    const end = (exit, signal) => {
      clearTimeout(timer);
      if (at === undefined && hung) console.log(`something that was left open held the process of ${files.join(', ')}`);
      const reason = hung ? 'it did not end in time' : `it ended its process (${signal ?? `exit code ${exit}`})`;
      resolve({ exit: exit ?? 1, at, reason });
    };
    child.on('close', (exit, signal) => {
      if (child.connected)
        child.once('disconnect', () => end(exit, signal)); // what it told last is still on its way
      else end(exit, signal);
    });
  });
}

import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

/** How a command ended that shares its process with others. */
interface Told {
  /** Null where it did not end in time. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface SharedCommand {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
}

const RUNNER = fileURLToPath(new URL('./shared-runner.ts', import.meta.url));
const PATIENCE_MS = 20_000;

let runner: ChildProcess | undefined;
let last: Promise<unknown> = Promise.resolve();

/**
 * Runs a command in a process that has run others before, in a tenth of the time that one of its own would take: for
 * what it prints, where nothing of the process is looked at.
 */
export function runShared(command: SharedCommand): Promise<Told> {
  const told = last.then(() => runIn(runner ?? start(), command));
  last = told.catch(() => undefined);
  return told;
}

/** Ends the process that commands share, for one of them has gone further than it should; the next gets another. */
export function endShared(): void {
  runner?.kill('SIGKILL');
  runner = undefined;
}

function start(): ChildProcess {
  const child = spawn(process.execPath, [RUNNER], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  child.unref(); // none of it keeps a test from ending
  child.channel?.unref();
  for (const stream of [child.stdout, child.stderr]) if (stream instanceof Socket) stream.unref();
  child.once('exit', () => {
    if (runner === child) runner = undefined;
  });
  runner = child;
  return child;
}

async function runIn(child: ChildProcess, command: SharedCommand): Promise<Told> {
  const mark = `\n--- ${randomUUID()} ---\n`;
  const [stdout, stderr] = [until(child, 'stdout', mark), until(child, 'stderr', mark)];
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS); // holds this process, too
  const over = new AbortController();
  const nobody = (): null => null;
  const ended = once(child, 'exit', over).then(nobody, nobody);
  const answered = once(child, 'message', over).then(([message]) => Number(Object(message).code), nobody);
  child.send({ ...command, mark });
  const code = await Promise.race([answered, ended]);
  const texts = await Promise.all([stdout, stderr]);
  over.abort();
  clearTimeout(timer);
  return { code, stdout: texts[0], stderr: texts[1] };
}

/** What is printed before the mark, or all where the process ends without it. */
function until(child: ChildProcess, name: 'stdout' | 'stderr', mark: string): Promise<string> {
  const stream = child[name];
  return new Promise((resolve) => {
    let text = '';
    const finish = (): void => {
      stream?.off('data', read).off('close', finish);
      resolve(text.split(mark, 1)[0] ?? '');
    };
    const read = (chunk: Buffer): void => {
      text += chunk.toString();
      if (text.includes(mark)) finish();
    };
    stream?.on('data', read).once('close', finish);
  });
}

/**
 * Loaded before a victim and, as Node does it, before each of its threads (`--import`). SIGUSR2 makes one worker thread
 * after the other throw where nobody catches it.
 */
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads';

const channel = new BroadcastChannel('twinkeep fault: crash');
channel.unref();

if (isMainThread) {
  let crashed = 0;
  process.on('SIGUSR2', () => channel.postMessage(crashed++));
} else {
  channel.onmessage = ({ data }: { data?: unknown }) => {
    // Threads are numbered from 1 on in the order of their start, and each that is started again comes last.
    if (Number(data) + 1 === threadId) throw new Error('a fault was put in here');
  };
}

/**
 * Loaded before a victim and each of its threads (`--import`). While the file `die-untold` lies in its working folder,
 * the next worker thread that wants to tell the others something ends instead: what it stored, nobody hears of.
 */
import { rmSync } from 'node:fs';
import { BroadcastChannel, isMainThread } from 'node:worker_threads';

const { postMessage } = BroadcastChannel.prototype;

if (!isMainThread) {
  BroadcastChannel.prototype.postMessage = function post(this: BroadcastChannel, message: unknown): void {
    if (Array.isArray(message) && isTheOne()) process.exit(1);
    Reflect.apply(postMessage, this, [message]);
  };
}

/** Whoever removes the file is the one, so that one alone dies of it. */
function isTheOne(): boolean {
  try {
    rmSync('die-untold');
    return true;
  } catch {
    return false;
  }
}

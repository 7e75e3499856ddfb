/**
 * Loaded before a victim and each of its threads (`--import`). While the file `die-untold` lies in its working folder,
 * the next worker thread that wants to tell the others of an ended session or API key ends instead: what it stored,
 * nobody hears of. A thread that says anything else meanwhile, of a refused caller say, lives on.
 */
import { rmSync } from 'node:fs';
import { BroadcastChannel, isMainThread } from 'node:worker_threads';

const { postMessage } = BroadcastChannel.prototype;

if (!isMainThread) {
  BroadcastChannel.prototype.postMessage = function post(this: BroadcastChannel, message: unknown): void {
    if (isRevocation(message) && isTheOne()) process.exit(1);
    Reflect.apply(postMessage, this, [message]);
  };
}

/** @param sent `[topic, message]`, as the bus between threads sends it */
function isRevocation(sent: unknown): boolean {
  if (!Array.isArray(sent)) return false;
  const [topic, message]: readonly unknown[] = sent;
  // Beside what has ended, the same topic tells how long tokens live; that is said in the background.
  return topic === 'apikeys.revoked' || (topic === 'sessions.revoked' && Object(message).kind === 'session');
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

import {
  constants,
  copyFileSync,
  linkSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SetupError } from './error.mjs';
import { puttingRight } from './interrupt.mjs';

const BEAT_MS = 1_000;
/** Without a beat for this long the owner is gone, even where its pid can't be asked after (another container). */
const STALE_MS = 15_000;
/** What a killed owner left running may end in peace, but not hold up everybody for ever. */
const ORPHAN_MS = 600_000;
const POLL_MS = 200;

/**
 * Runs `work` while no other set-up of this clone does. The lock file names its owner and is touched every second, so
 * that one left behind by a killed run is told from one in use. `work` is given the function of `puttingRight`, and one
 * that takes the pid of a process which goes on even if this one is killed.
 */
export function exclusively({ root, say }, work) {
  const file = join(root, '.setup.lock'); // not in node_modules, which npm ci empties
  return puttingRight(async (afterwards) => {
    await acquire(file, say, afterwards);
    const beat = setInterval(() => touch(file), BEAT_MS);
    afterwards(() => {
      clearInterval(beat);
      rmSync(file, { force: true });
    });
    return work(afterwards, (pid) => writeFileSync(file, `${process.pid}+${pid}@${hostname()}`));
  });
}

async function acquire(file, say, afterwards) {
  const draft = `${file}.${process.pid}`;
  afterwards(() => rmSync(draft, { force: true }));
  try {
    writeFileSync(draft, `${process.pid}@${hostname()}`);
  } catch (error) {
    throw new SetupError(`this user cannot write in ${dirname(file)} (${error.code}), where node_modules belongs.`);
  }
  for (let told = false; !linked(draft, file); ) {
    const owner = readOr(file, '');
    if (owner !== '' && isGone(file, owner)) {
      takeAway(file, owner, `${draft}.old`);
      continue;
    }
    if (!told && owner !== '') say(`waiting for another set-up of this folder (process ${owner.split(/[+@]/)[0]}).`);
    told ||= owner !== '';
    await sleep(POLL_MS);
  }
  rmSync(draft, { force: true });
}

/** A hard link appears whole or not at all, so nobody reads a lock without an owner. */
function linked(draft, file) {
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    return copied(draft, file); // some shared folders know no hard links
  }
}

function copied(draft, file) {
  try {
    copyFileSync(draft, file, constants.COPYFILE_EXCL);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function isGone(file, owner) {
  const [pids, host] = owner.split('@');
  const [pid, childPid] = pids.split('+').map(Number);
  const silentMs = Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
  if (host !== hostname()) return silentMs > STALE_MS;
  if (childPid !== undefined && isRunning(childPid)) return silentMs > ORPHAN_MS;
  return !isRunning(pid) || silentMs > STALE_MS;
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Moves a stale lock aside; one that somebody else took in the same moment is put back. */
function takeAway(file, owner, aside) {
  try {
    renameSync(file, aside);
    if (readOr(aside, '') !== owner) linked(aside, file);
  } catch {
    // another waiting run was quicker
  } finally {
    rmSync(aside, { force: true });
  }
}

function touch(file) {
  const now = new Date();
  try {
    utimesSync(file, now, now);
  } catch {
    // taken away; the run goes on and the next one finds its stamp
  }
}

function readOr(file, otherwise) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return otherwise;
  }
}

/**
 * Makes a fresh clone ready: `npm ci` when it is due, and with `--test` the servers of the system's packages that suites need.
 * `prestart` and `pretest` call it, so it must run on any Node >= 18, without a dependency, and cost nothing when
 * there is nothing to do.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SetupError } from './setup/error.mjs';

const OLDEST_NODE = 24;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, 'node_modules');
const pinnedNode = join(modules, '.bin', 'node');
const stampFile = join(modules, '.twinkeep-setup');
const pinPackage = `node-${process.platform}-${process.arch}`;

const say = (line) => process.stderr.write(`twinkeep: ${line}\n`);

try {
  const pin = readJson('package.json').optionalDependencies?.[pinPackage];
  if (pin === undefined) acceptRunningNode();
  if (whyInstall(pin) !== undefined) await install(pin);
  if (process.argv.includes('--test') && process.platform !== 'win32') await ensureSystemPackages();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 1;
}

/** No Node is pinned for this platform, so the machine's own has to do. */
function acceptRunningNode() {
  if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
    throw new SetupError(
      `there is no pinned Node for ${process.platform}-${process.arch}, and this one is ${process.version}. ` +
        `Install Node ${OLDEST_NODE} or newer (https://nodejs.org) and try again.`,
    );
  }
  say(`no Node is pinned for ${process.platform}-${process.arch}; running on this machine's ${process.version}.`);
}

/** Why `npm ci` is due, in words; undefined when it is not. */
function whyInstall(pin) {
  if (!existsSync(modules)) return 'node_modules is missing';
  const stamp = readOr(stampFile, undefined);
  if (stamp === undefined) return 'node_modules has no record of a finished set-up';
  if (stamp !== stampOf(readLock())) return 'package-lock.json has changed';
  return whyPin(pin);
}

function whyPin(pin) {
  if (pin === undefined) return undefined;
  if (!existsSync(pinnedNode)) return 'the pinned Node is missing';
  const version = JSON.parse(readOr(join(modules, pinPackage, 'package.json'), '{}')).version;
  return version === pin ? undefined : `Node ${version} is installed and ${pin} is pinned`;
}

/** What a finished set-up leaves behind: the lockfile's digest, and the platform, for a folder may be shared. */
function stampOf(lock) {
  return `${createHash('sha256').update(lock).digest('hex')} ${process.platform}-${process.arch}\n`;
}

async function install(pin) {
  const { exclusively } = await import('./setup/exclusively.mjs');
  const { matchesLock, npmCi } = await import('./setup/npm.mjs');
  await exclusively({ root, say }, async (afterwards, onStart) => {
    const reason = whyInstall(pin); // whoever held the lock may have done it
    if (reason === undefined) return;
    const lock = readLock();
    if (whyPin(pin) !== undefined || !matchesLock(modules, lock)) {
      readJson('package-lock.json'); // npm is vague about one that isn't JSON
      say(`running npm ci, because ${reason} (about a minute).`);
      await npmCi({ root, afterwards, onStart });
    }
    if (pin !== undefined) await provePinnedNode(pin);
    writeFileSync(stampFile, stampOf(lock));
  });
}

/** npm leaves out an optional package that it can't fetch and calls that success. */
async function provePinnedNode(pin) {
  if (!existsSync(pinnedNode)) {
    throw new SetupError(
      `npm installed everything but ${pinPackage}@${pin}, the Node that Twinkeep runs on. ` +
        'It leaves out optional packages that it cannot fetch: check the network and the registry, then try again.',
    );
  }
  const { spawnSync } = await import('node:child_process');
  const { stdout, stderr, error } = spawnSync(pinnedNode, ['--version'], { encoding: 'utf8' });
  if (stdout?.trim() === `v${pin}`) return;
  const found = stdout?.trim() || stderr?.trim().split('\n')[0] || error?.message;
  throw new SetupError(
    `the pinned Node (${pinPackage}@${pin}) does not run here: ${found}. ` +
      'It needs a system with glibc, for example Debian, Ubuntu or Fedora; Alpine has none.',
  );
}

async function ensureSystemPackages() {
  const { installSystemPackages } = await import('./setup/system-packages.mjs');
  await installSystemPackages({ say });
}

function readLock() {
  const lock = readOr(join(root, 'package-lock.json'), undefined);
  if (lock === undefined) {
    throw new SetupError('package-lock.json is missing. Bring it back with: git checkout package-lock.json');
  }
  return lock;
}

function readJson(name) {
  try {
    return JSON.parse(readFileSync(join(root, name), 'utf8'));
  } catch (error) {
    throw new SetupError(`${name} cannot be read (${error.message}). Bring it back with: git checkout ${name}`);
  }
}

function readOr(file, otherwise) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return otherwise;
  }
}

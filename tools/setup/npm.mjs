import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join, sep } from 'node:path';
import { SetupError } from './error.mjs';
import { onPath } from './path.mjs';
import { run } from './run.mjs';

/** `--include`: NODE_ENV=production or a user's npm settings must not leave out the pinned Node or the checks. */
const ARGUMENTS = ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'];

/** The list of all options, which npm prints after an error of use. */
const USAGE = /^npm error Clean install a project\n(?:npm error.*\n)*?(?=npm error Run |npm error A complete)/m;

const ADVICE = [
  [/can only install with an existing|not in sync|Missing: .* from lock file|Invalid: lock file/i, resync()],
  [/EINTEGRITY/, 'A download differs from what package-lock.json names. Run `npm cache verify` and try again.'],
  [
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|network/i,
    'Check the network, or the proxy and registry in your npm settings (npm config list), and try again.',
  ],
  [
    /EACCES|EPERM|EROFS/,
    'This user may not write here. Give it the folder, or remove node_modules if another user made it.',
  ],
  [/ENOSPC/, 'The disk is full. Twinkeep needs about 600 MB for its development tools.'],
];

function resync() {
  return 'package.json and package-lock.json disagree. If you changed package.json, run `npx npm@11.6.0 install` and commit both.';
}

/** Runs `npm ci` quietly. @throws SetupError after npm's output, with what to do */
export async function npmCi({ root, afterwards, onStart }) {
  const [command, ...first] = npmCommand(root);
  const env = { ...process.env, PATH: pathOutside(root) };
  const { failure, output } = await run(command, [...first, ...ARGUMENTS], { cwd: root, env, afterwards, onStart });
  if (failure === undefined) return;
  process.stderr.write(output.replace(USAGE, ''));
  const advice = ADVICE.find(([sign]) => sign.test(output))?.[1] ?? 'Try `npm ci` by hand in this folder to see more.';
  throw new SetupError(`npm ci failed (${failure}). ${advice}`);
}

/** The npm that called us, on a Node that `npm ci` doesn't pull away from under it. */
function npmCommand(root) {
  const node = onPath('node', root) ?? process.execPath;
  const script = process.env.npm_execpath;
  if (script !== undefined && /npm-cli\.js$/.test(script) && existsSync(script) && !script.startsWith(root + sep)) {
    return [node, script];
  }
  const npm = onPath(process.platform === 'win32' ? 'npm.cmd' : 'npm', root);
  if (npm === undefined) throw new SetupError('npm is not on the PATH. Install it (https://nodejs.org) and try again.');
  return [npm];
}

function pathOutside(root) {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.filter((folder) => !folder.startsWith(join(root, 'node_modules'))).join(delimiter);
}

/**
 * Whether what npm last installed is what the lockfile asks for, so that a clone set up by hand isn't set up again.
 * Packages of other platforms are missing, and optional.
 */
export function matchesLock(modules, lock) {
  const wanted = packagesOf(lock);
  const present = packagesOf(readOr(join(modules, '.package-lock.json'), '{}'));
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.includes('node_modules/')) continue;
    const found = present[path];
    if (found === undefined ? !entry.optional : !isSame(found, entry)) return false;
  }
  return Object.keys(present).length > 0 && Object.keys(present).every((path) => path in wanted);
}

const isSame = (a, b) => a.version === b.version && a.integrity === b.integrity && a.resolved === b.resolved;

function packagesOf(lock) {
  try {
    return JSON.parse(lock).packages ?? {};
  } catch {
    return {}; // not JSON, so nothing matches
  }
}

function readOr(file, otherwise) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return otherwise;
  }
}

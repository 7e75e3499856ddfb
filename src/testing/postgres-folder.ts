import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, chown, mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Program } from './server-process.ts';

const run = promisify(execFile);

const TEMPLATES = fileURLToPath(new URL('../../node_modules/.cache/postgres', import.meta.url));
const INIT = ['-U', 'postgres', '-A', 'trust', '--locale=C', '-E', 'UTF8', '--no-sync'];
const ENV = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', TZ: 'UTC' };

/**
 * Fills an empty folder with a fresh database cluster. `initdb` takes a second of processor time, so its first work is
 * kept and copied from then on.
 *
 * @param user whose the folder is to be
 */
export async function fillPostgresFolder(initdb: string, folder: string, user: Program['user']): Promise<void> {
  if (user !== undefined) await chown(folder, user.uid, user.gid);
  const template = await templateOf(initdb, user);
  if (template !== undefined && (await exists(template))) {
    await run('cp', ['-a', `${template}/.`, folder]);
    return;
  }
  await run(initdb, ['-D', folder, ...INIT], { ...user, env: ENV });
  if (template !== undefined) await keep(folder, template);
}

/** One for each build of the program and user; none where this package is installed without a cache beside it. */
async function templateOf(initdb: string, user: Program['user']): Promise<string | undefined> {
  if (!(await exists(dirname(dirname(TEMPLATES))))) return undefined;
  const { size, mtimeMs } = await stat(initdb);
  const digest = createHash('sha256').update(JSON.stringify([initdb, size, mtimeMs, user, INIT]));
  return join(TEMPLATES, digest.digest('hex').slice(0, 16));
}

/** Other test files do the same at the same time: each copies to a place of its own, and one of them gets the name. */
async function keep(folder: string, template: string): Promise<void> {
  const own = `${template}.${process.pid}`;
  try {
    await mkdir(TEMPLATES, { recursive: true });
    await run('cp', ['-a', folder, own]);
    await rename(own, template);
  } catch {
    await rm(own, { recursive: true, force: true }); // another was first, or there is no room: then initdb does it again
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}

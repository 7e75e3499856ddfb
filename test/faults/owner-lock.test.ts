import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { lockFolder } from '../../src/storage/index.ts';

const STORAGE = new URL('../../src/storage/index.ts', import.meta.url).href;

/** Another process asks for the folder. @returns what it was told */
function askElsewhere(folder: string): string {
  const program = `import { lockFolder } from '${STORAGE}';
    try { lockFolder(process.argv[1]); console.log('taken'); } catch (error) { console.log(error.code); }`;
  return execFileSync(process.execPath, ['--input-type=module', '-e', program, folder]).toString().trim();
}

// The system drops all locks that a process has on a file as soon as it closes any handle of that file.
test('a folder stays its owner’s when somebody in the same process asks for it, too', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'twinkeep-lock-'));
  t.after(() => rm(folder, { recursive: true }));
  const lock = lockFolder(folder);
  assert.equal(askElsewhere(folder), 'STORAGE_LOCKED');
  assert.throws(() => lockFolder(folder), { code: 'STORAGE_LOCKED' });
  assert.equal(askElsewhere(folder), 'STORAGE_LOCKED');
  lock.release();
  assert.equal(askElsewhere(folder), 'taken');
});

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const { CI, TWINKEEP_VECTORS } = process.env;

/** Where the shared vectors lie: beside the repository, or in the folder that `TWINKEEP_VECTORS` names. */
const folder = TWINKEEP_VECTORS
  ? resolve(TWINKEEP_VECTORS)
  : fileURLToPath(new URL('../../../shared/vectors', import.meta.url));

/**
 * A test over one file of the shared vectors. They are under several licences and stay outside the repository, so the
 * test is skipped where their folder is absent; in CI that is a failure, for there nobody reads what was skipped.
 *
 * @param file Path within the folder. A file missing from a folder that is there fails the test.
 * @param body Given the file's text.
 */
export function vectorTest(
  name: string,
  file: string,
  body: (text: string, t: TestContext) => void | Promise<void>,
): void {
  vectorFoldersTest(name, async (pathOf, t) => body(await readFile(pathOf(file), 'utf8'), t));
}

/** The same over whole folders. @param body Given what makes a path within the vectors into one of the system. */
export function vectorFoldersTest(
  name: string,
  body: (pathOf: (path: string) => string, t: TestContext) => Promise<void>,
): void {
  test(name, async (t) => {
    if (!existsSync(folder)) {
      if (CI === 'true') throw new Error(`the shared vectors are not at ${folder}; set TWINKEEP_VECTORS`);
      t.skip(`no shared vectors at ${folder}; set TWINKEEP_VECTORS`);
      return;
    }
    await body((path) => resolve(folder, path), t);
  });
}

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { createKit } from '../testing/index.ts';

const root = join(import.meta.dirname, '../..');
const blocks = [...readFileSync(join(root, 'docs/client.md'), 'utf8').matchAll(/```js( browser)?\n([\s\S]*?)```/g)].map(
  ([, browser, code = '']) => ({ isBrowser: browser !== undefined, code }),
);

test('the examples of docs/client.md run as they stand', async (t) => {
  const kit = await createKit();
  const folder = mkdtempSync(join(tmpdir(), 'twinkeep-docs-'));
  const said: unknown[] = [];
  t.mock.method(console, 'log', (...words: readonly unknown[]) => void said.push(...words));
  try {
    for (const [at, { isBrowser, code }] of blocks.entries()) {
      const file = join(folder, `${at}.mjs`);
      const room = pathToFileURL(join(import.meta.dirname, 'index.ts')).href;
      writeFileSync(file, code.replace("'twinkeep/client'", `'${room}'`).replace('https://twin.example', kit.address));
      if (!isBrowser) await import(pathToFileURL(file).href);
      else assert.equal(spawnSync(process.execPath, ['--check', file]).status, 0, code);
    }
    const flaws = said.splice(5, 1);
    assert.match(JSON.stringify(flaws), /"at":"body\/name"/);
    assert.deepEqual(said, ['admin', true, true, 422, 'HTTP_INPUT_REFUSED', 'to the login page', true]);
  } finally {
    await kit.close();
    rmSync(folder, { recursive: true });
  }
});

test('it type-checks against the library of browsers, without Node', () => {
  const tsc = spawnSync('npx', ['tsc', '-p', join(import.meta.dirname, 'tsconfig.json')], {
    cwd: root,
    encoding: 'utf8',
  });
  assert.equal(tsc.status, 0, tsc.stdout);
});

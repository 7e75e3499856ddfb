import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'twinkeep-packed-'));
const run = (file: string, args: readonly string[], cwd: string): string =>
  execFileSync(file, args, { cwd, encoding: 'utf8', timeout: 120_000, stdio: ['ignore', 'pipe', 'pipe'] });

before(() => {
  run(process.execPath, ['tools/pack.mjs'], root);
  const packed = readdirSync(join(root, 'dist')).find((name) => name.endsWith('.tgz')) ?? '';
  writeFileSync(join(folder, 'package.json'), '{"name":"somebody","private":true,"type":"module"}');
  run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', join(root, 'dist', packed)], folder);
});
after(() => rmSync(folder, { recursive: true, force: true }));

test('the published package leaves its user the Node that he has, and brings no database driver', () => {
  const manifest = JSON.parse(readFileSync(join(folder, 'node_modules/twinkeep/package.json'), 'utf8'));
  assert.equal(manifest.optionalDependencies, undefined);
  assert.equal(existsSync(join(folder, 'node_modules/.bin/node')), false);
  assert.equal(existsSync(join(folder, 'node_modules/pg')), false);
});

test('the library runs from the package: a Twinkeep on a database in memory answers', () => {
  writeFileSync(
    join(folder, 'try.js'),
    `import { createTwinkeep, loadConfig } from 'twinkeep';
     import { verifyLog } from 'twinkeep/audit';
     const config = await loadConfig({ TWINKEEP_DATA: ${JSON.stringify(join(folder, 'data'))}, TWINKEEP_LOG_LEVEL: 'silent' });
     const twinkeep = await createTwinkeep(config);
     const report = await verifyLog(twinkeep.storage, { key: twinkeep.house.audit.key });
     console.log(twinkeep.ledger.length, report.whole, twinkeep.firstAdministrator.username);
     await twinkeep.close();`,
  );
  assert.match(run(process.execPath, ['try.js'], folder), /^\d+ true admin\n$/);
});

test('the command runs from the package, and says which Node it needs on an older one', () => {
  const command = join(folder, 'node_modules/twinkeep/cli/main.js');
  assert.match(run(process.execPath, [command, 'version'], folder), /^twinkeep \d/);
  const other = olderNode();
  if (other === undefined) return;
  assert.throws(
    () => run(other, [command, 'version'], folder),
    (error: unknown) => error instanceof Error && /Node 24/.test(error.message),
  );
});

/** A Node below 24 on this machine, where there is one. */
function olderNode(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(':').filter((entry) => !entry.includes('node_modules'));
  const found = folders.map((entry) => join(entry, 'node')).find((file) => existsSync(file));
  if (found === undefined) return undefined;
  return Number(run(found, ['-p', 'process.versions.node.split(".")[0]'], tmpdir())) < 24 ? found : undefined;
}

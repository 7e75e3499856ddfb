import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const sample = fileURLToPath(new URL('embedded-sample.contract.ts', import.meta.url));
const page = join(import.meta.dirname, '../../docs/vault.md');

test('the example in docs/vault.md is the one that the compiler checks', () => {
  const code = readFileSync(sample, 'utf8').replace("'./index.ts'", "'twinkeep/vault'");
  assert.ok(readFileSync(page, 'utf8').includes(`\`\`\`ts\n${code}\`\`\``));
});

test('the example in docs/vault.md runs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'twinkeep-sample-'));
  try {
    const said = execFileSync(process.execPath, [sample], { cwd: folder, encoding: 'utf8', timeout: 60_000 });
    assert.equal(said, 'vera@twin.example\n');
    assert.ok(readdirSync(folder).includes('master.key'));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

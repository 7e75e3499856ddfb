import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { planBatches } from './test-batches.mjs';

const SUITE = fileURLToPath(new URL('./test-suite.mjs', import.meta.url));
const BATCH = new URL('./test-batch.mjs', import.meta.url).href;

const folder = mkdtempSync(join(tmpdir(), 'twinkeep-run-tests-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const HEAD = "import assert from 'node:assert/strict';\nimport { after, before, beforeEach, test } from 'node:test';\n";

/** Test files of these bodies. */
function written(bodies) {
  return Object.entries(bodies).map(([name, body]) => {
    const file = join(folder, `${name}.test.mjs`);
    writeFileSync(file, `${HEAD}${body}\n`);
    return file;
  });
}

/** Runs files as one batch. @returns the exit code and all that was printed */
async function runTogether(files, patience = {}) {
  const entry = join(folder, `batch-${Object.keys(patience).length}-${files.length}.mjs`);
  const call = `runBatch(${JSON.stringify(files)}, ${JSON.stringify(patience)})`;
  writeFileSync(entry, `import { runBatch } from '${BATCH}';\nprocess.exitCode = await ${call};\n`);
  const told = JSON.stringify({ files: [entry], concurrency: 1 });
  const { NODE_TEST_CONTEXT: _, ...env } = process.env; // it would take this for one of its own files
  const child = spawn(process.execPath, [SUITE, told], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      text += chunk;
    });
  }
  const code = await new Promise((resolve) => child.on('close', resolve));
  const counted = (what) => Number(new RegExp(`^ℹ ${what} (\\d+)$`, 'm').exec(text)?.[1]);
  return { code, text, passed: counted('pass'), failed: counted('fail') };
}

test('files of a batch share a process, keep their hooks to themselves and stand in one summary', async () => {
  const files = written({
    first:
      "globalThis.runs = 1; before(() => { globalThis.of = 'first'; }); beforeEach(() => { globalThis.runs++; });\n" +
      "after(() => { globalThis.of = undefined; });\ntest('a', () => assert.equal(globalThis.of, 'first'));",
    second:
      "await Promise.resolve();\ntest('b', async () => { await test('inner', () => {}); });\n" +
      "test('c', () => { assert.equal(globalThis.of, undefined); assert.equal(globalThis.runs, 2); });",
  });
  const { code, text, passed, failed } = await runTogether(files);
  assert.equal(code, 0, text);
  assert.deepEqual([passed, failed], [4, 0], text);
  assert.equal(text.match(/^ℹ tests /gm)?.length, 1, text);
});

test('a failed test, a file that cannot be loaded and one without an end are red, and hide no other', async () => {
  const files = written({
    fails: "test('fails', () => assert.equal(1, 2));",
    broken: "throw new Error('not loadable');",
    waits: "test('never ends', () => new Promise(() => {}));",
    good: "test('goes on', () => {});",
  });
  const { code, text, passed } = await runTogether(files);
  assert.equal(code, 1);
  assert.match(text, /✖ fails/);
  assert.match(text, /not loadable/);
  assert.match(text, /✖ never ends/);
  assert.match(text, /✔ goes on/);
  assert.equal(passed, 1, text);
});

test('a file that ends its process or hangs is reported, and those behind it run', async () => {
  const files = written({
    before: "test('before', () => {});",
    dies: "test('dies', () => { process.kill(process.pid, 'SIGKILL'); });",
    leaves: "test('leaves', () => { process.exit(0); });",
    spins: "test('spins', () => { for (;;); });",
    behind: "test('behind', () => {});",
  });
  const { code, text, passed } = await runTogether(files, { patienceMs: 3_000 });
  assert.equal(code, 1);
  assert.match(text, /✔ before/);
  assert.match(text, /dies\.test\.mjs/);
  assert.match(text, /SIGKILL/);
  assert.match(text, /leaves\.test\.mjs/);
  assert.match(text, /it did not end in time/);
  assert.match(text, /✔ behind/);
  assert.ok(passed >= 2, text);
});

test('what a file leaves open does not hold the run, and is red', async () => {
  const files = written({ open: "test('opens', () => { setInterval(() => {}, 1_000); });" });
  const { code, text } = await runTogether(files, { patienceMs: 20_000, leaveMs: 500 });
  assert.equal(code, 1);
  assert.match(text, /left open held/);
});

test('a file that measures or changes its process, or starts others without a kit, has one of its own', () => {
  const [plain, kit, tied, child, server, commands] = written({
    plain: "test('a', () => {});",
    kit: "import { createKit } from './kit.mjs';",
    tied: "test('a', () => process.exit());",
    child: "import { spawn } from 'node:child_process';",
    server: "await serverSuite('PostgreSQL', startPostgres, () => {});",
    commands: "import { createKit } from './kit.mjs';\nimport { spawn } from 'node:child_process';",
  });
  const { alone, batches } = planBatches('/', [plain, kit, tied, child, server, commands]);
  assert.deepEqual(alone, [tied, child]);
  assert.deepEqual(batches, [[commands], [server], [kit], [plain]]);
});

test('whoever only reads its environment shares a process, and whoever sets it does not', () => {
  const [reads, compares, sets, removes] = written({
    reads: "test('a', () => { if (process.env['CI'] ?? process.env.HOME) process.nextTick(() => {}); });",
    compares: "test('a', () => process.env.CI === 'true');",
    sets: "test('a', () => { process.env['CI'] = 'true'; });",
    removes: "test('a', () => { delete process.env['CI']; });",
  });
  const { alone, batches } = planBatches('/', [reads, compares, sets, removes]);
  assert.deepEqual(alone, [sets, removes]);
  assert.deepEqual(batches, [[reads, compares]]);
});

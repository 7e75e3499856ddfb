/**
 * Runs the test files that it is given as `node --test` does, and says which took longest: `node test-suite.mjs <JSON>`. Small
 * files share processes.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { slowestFiles } from './slowest-files.mjs';
import { planBatches } from './test-batches.mjs';

const { files, concurrency, timeout, together } = JSON.parse(process.argv[2] ?? '{}');
const { alone, batches } = together ? planBatches(process.cwd(), files) : { alone: files, batches: [] };

const folder = mkdtempSync(join(tmpdir(), 'twinkeep-tests-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(130)); // its children get it too

const events = run({ files: [...alone, ...batches.map(written)], concurrency, ...(timeout ? { timeout } : {}) });
const report = new spec();
report.pipe(process.stdout);
const slowest = slowestFiles();
for await (const event of events) {
  const { type, data } = event;
  slowest.note(event);
  // The list stands before node's own summary, which whoever reads the end of the output looks for.
  if (isFirstOfSummary(event)) report.push(slowest.text());
  if (type === 'test:summary' && data.file === undefined && !data.success) process.exitCode = 1;
  report.write(event);
}
report.end();

/** A file for the test runner, which knows nothing else: it stands for those of the batch. */
function written(batch, at) {
  const file = join(folder, `batch-${at + 1}.mjs`);
  const url = new URL('./test-batch.mjs', import.meta.url);
  const lines = [
    `import { runBatch } from ${JSON.stringify(url.href)};`,
    `process.exitCode = await runBatch(${JSON.stringify(batch)});`,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

function isFirstOfSummary({ type, data }) {
  return type === 'test:diagnostic' && data.nesting === 0 && /^tests \d+$/.test(data.message);
}

/** A reporter of `node --test`: says at the end which test files took longest, for whoever has to make the suite quicker. */

const SHOWN = 25;
const LEAST_MS = 2_000;

// biome-ignore lint/style/noDefaultExport: `node --test` takes no other
export default async function* slowestFiles(source) {
  const files = [];
  for await (const { type, data } of source) {
    if (type === 'test:summary' && data.file !== undefined) files.push([data.duration_ms, data.file]);
  }
  const slow = files.filter(([ms]) => ms >= LEAST_MS).sort(([a], [b]) => b - a);
  if (slow.length === 0) return;
  const total = files.reduce((sum, [ms]) => sum + ms, 0);
  yield `slowest of ${files.length} files, which took ${seconds(total)} together:\n`;
  for (const [ms, file] of slow.slice(0, SHOWN))
    yield `${seconds(ms).padStart(9)}  ${file.replace(`${process.cwd()}/`, '')}\n`;
}

const seconds = (ms) => `${(ms / 1_000).toFixed(1)} s`;

const SHOWN = 25;
const LEAST_MS = 2_000;
const TEST_FILE = /\.(?:test\.ts|test\.mjs|soak\.ts)$/;

/** Says which test files took longest, for whoever has to make the suite quicker. It is fed the events of the test runner. */
export function slowestFiles() {
  const files = [];
  return {
    note: ({ type, data }) => {
      // One with a process of its own ends with a summary, one of a batch is a suite at the top.
      const alone = type === 'test:summary' && data.file !== undefined;
      const shared = data?.nesting === 0 && (type === 'test:pass' || type === 'test:fail') && TEST_FILE.test(data.name);
      if (alone && TEST_FILE.test(data.file)) files.push([data.duration_ms, data.file]);
      if (shared) files.push([data.details.duration_ms, data.name]);
    },
    text: () => {
      const slow = files.filter(([ms]) => ms >= LEAST_MS).sort(([a], [b]) => b - a);
      if (slow.length === 0) return '';
      const total = files.reduce((sum, [ms]) => sum + ms, 0);
      const lines = slow
        .slice(0, SHOWN)
        .map(([ms, file]) => `${seconds(ms).padStart(9)}  ${file.replace(`${process.cwd()}/`, '')}`);
      return `${[`slowest of ${files.length} files, which took ${seconds(total)} together:`, ...lines].join('\n')}\n`;
    },
  };
}

const seconds = (ms) => `${(ms / 1_000).toFixed(1)} s`;

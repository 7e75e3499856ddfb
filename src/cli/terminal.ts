import type { Json } from '../kernel/tx.ts';

/** Where a command speaks: answers on standard output, everything else on standard error. */
export interface Terminal {
  /** One JSON value is the whole answer, and nobody reads along. */
  readonly json: boolean;
  /** Somebody is watching standard error. */
  readonly watched: boolean;
  /** The answer; with `--json` as the value, else as the text. */
  answer(value: Json, text: string): void;
  /** A sentence on the way, which is no part of the answer; nothing with `--json`. */
  say(text: string): void;
  /** Replaces the line of progress; without a text it is wiped. Only where somebody is watching. */
  progress(text?: string): void;
}

const WIPE = '\r\u001b[2K';

export function createTerminal(json: boolean): Terminal {
  const { stdout, stderr } = process;
  const watched = stderr.isTTY === true && !json;
  let line = false;
  const wipe = (): void => {
    if (line) stderr.write(WIPE);
    line = false;
  };
  // Whoever reads our output may stop reading, as `| head` does: that is no fault.
  for (const stream of [stdout, stderr]) {
    stream.on('error', (error) => process.exit('code' in error && error.code === 'EPIPE' ? 0 : 1));
  }
  return {
    json,
    watched,
    answer: (value, text) => {
      wipe();
      stdout.write(`${json ? JSON.stringify(value) : text}\n`);
    },
    say: (text) => {
      wipe();
      if (!json) stderr.write(`${text}\n`);
    },
    progress: (text) => {
      wipe();
      if (!watched || text === undefined) return;
      stderr.write(text.slice(0, (stderr.columns ?? 80) - 1));
      line = true;
    },
  };
}

/** Columns of text under their heads. */
export function tableOf(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heads.map((head, at) => Math.max(head.length, ...rows.map((row) => row[at]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd();
  return [heads, ...rows].map(line).join('\n');
}

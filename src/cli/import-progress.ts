import type { ImportPosition } from './resume.ts';
import type { Terminal } from './terminal.ts';

const BAR = 30;
const LINE_EVERY_MS = 5_000;

/** Says how far an import is: a bar for whoever watches, else a line now and then. */
export function createImportProgress(
  terminal: Terminal,
  size: number,
  from: ImportPosition,
): (at: ImportPosition) => void {
  const since = performance.now();
  let told = since;
  return (at) => {
    const now = performance.now();
    const share = size === 0 ? 1 : Math.min(1, at.bytes / size);
    const speed = Math.round((at.rows - from.rows) / Math.max(0.001, (now - since) / 1_000));
    const text = `${Math.floor(share * 100)} %  ${group(at.rows)} rows  ${group(speed)} rows/s`;
    if (terminal.watched) {
      const full = Math.round(share * BAR);
      terminal.progress(`[${'#'.repeat(full)}${'-'.repeat(BAR - full)}] ${text}`);
    } else if (now - told >= LINE_EVERY_MS) {
      told = now;
      terminal.say(text);
    }
  };
}

/** `20,352`. */
export const group = (count: number): string => count.toLocaleString('en');

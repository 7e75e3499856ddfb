import { appendFile, closeSync, createWriteStream, mkdirSync, openSync, type WriteStream } from 'node:fs';
import { dirname } from 'node:path';

/** A text file that grows by lines, for collectors that follow it. */
export interface LogFile {
  /** Never waits and never throws: what cannot be written is counted, and told in a line of its own once it can. */
  line(text: string): void;
  close(): Promise<void>;
}

const MAX_WAITING_BYTES = 8_388_608;
const REOPEN_MS = 5_000;

/**
 * Opens a file for appending and keeps it open; every five seconds by its name again, so that one which was moved away
 * by `logrotate` is not written on.
 *
 * @param onError hears of a disk that is full or a folder that is gone, once until it works again
 * @throws the system's error where folder or file cannot be made
 */
export function openLogFile(path: string, onError: (error: unknown) => void): LogFile {
  mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
  closeSync(openSync(path, 'a', 0o640)); // what can't be written is told at the start, not by an empty log
  let failing = false;
  let lost = 0;
  let closed = false;
  let stream = open();

  function open(): WriteStream {
    const opened = createWriteStream(path, { flags: 'a', mode: 0o640 });
    opened.on('error', (error) => {
      if (!failing) onError(error);
      failing = true;
    });
    opened.on('open', () => {
      failing = false;
    });
    return opened;
  }

  function reopen(): void {
    const old = stream;
    stream = open();
    old.end();
  }

  const timer = setInterval(reopen, REOPEN_MS).unref();
  const write = (text: string): void => void stream.write(`${text}\n`);

  return {
    line: (text) => {
      if (closed)
        return appendFile(path, `${text}\n`, { mode: 0o640 }, (error) => (error ? onError(error) : undefined));
      if (failing || stream.writableLength > MAX_WAITING_BYTES) {
        lost++; // a disk that is slow or full must not fill the memory
        return;
      }
      if (lost > 0) write(`... ${lost} lines could not be written ...`);
      lost = 0;
      write(text);
    },
    close: () => {
      clearInterval(timer);
      closed = true; // a request that ends later still gets its line
      return new Promise((resolve) => {
        stream.once('close', resolve);
        stream.end();
        if (stream.destroyed) resolve();
      });
    },
  };
}

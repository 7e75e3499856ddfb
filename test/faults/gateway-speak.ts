import { connect } from 'node:net';

/** What came back for some bytes. */
export interface Spoken {
  readonly text: string;
  readonly statuses: readonly number[];
  /** The stable codes of the problems among the answers. */
  readonly codes: readonly string[];
  /** False where the other side kept the connection open. */
  readonly closed: boolean;
}

const PATIENCE_MS = 3_000;

/**
 * Sends bytes as they are and reads until the other side closes.
 *
 * @param bytes latin1; several parts go out one after the other, each once something came back for the one before
 * @param patienceMs after which it counts as left open
 */
export function speak(address: string, bytes: string | readonly string[], patienceMs = PATIENCE_MS): Promise<Spoken> {
  const { port, hostname } = new URL(address);
  const parts = typeof bytes === 'string' ? [bytes] : [...bytes];
  return new Promise((resolve) => {
    let text = '';
    let closed = true;
    const next = (): void => {
      const part = parts.shift();
      if (part !== undefined) socket.write(part, 'latin1');
    };
    const socket = connect(Number(port), hostname, next);
    const timer = setTimeout(() => {
      closed = false;
      socket.destroy();
    }, patienceMs);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      next();
    });
    socket.on('error', () => undefined); // a reset closes it, too
    socket.on('close', () => {
      clearTimeout(timer);
      const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
      const codes = [...text.matchAll(/"code":"([A-Z_]+)"/g)].map(([, code]) => String(code));
      resolve({ text, statuses, codes, closed });
    });
  });
}

import { after, describe, test } from 'node:test';

/** A throw-away server on a port of its own. It ends with the process that started it. */
export interface TestServer {
  readonly url: string;
  /** Ends it and removes its files. */
  stop(): Promise<void>;
  /** `SIGKILL` for a crash, `SIGSTOP` and `SIGCONT` for one that hangs. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same port with the same files; ends it first if it still runs. */
  restart(): Promise<void>;
}

/**
 * A suite against a real server. Where the server can't be had the suite is skipped and says so; in CI that is a
 * failure. To be awaited at the top of a test file.
 */
export async function serverSuite<Server extends TestServer>(
  name: string,
  start: () => Promise<Server | undefined>,
  define: (server: Server) => void,
): Promise<void> {
  const server = await start();
  if (server !== undefined) {
    describe(name, () => {
      after(() => server.stop());
      define(server);
    });
  } else if (process.env['CI'] === 'true') {
    test(name, () => {
      throw new Error('the server of this suite could not be started');
    });
  } else {
    describe(name, { skip: 'the server could not be started here' }, () => undefined);
  }
}

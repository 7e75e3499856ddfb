/** Holds the sockets and ends their sessions, a process of its own: takes one job by message, sends one result, ends. */
import { setTimeout as delay } from 'node:timers/promises';
import { type RevocationJob, type RevocationResult, revocationJob } from './fleet/revocation-job.ts';
import { openConnection } from './load/connection.ts';
import { type OpenSocket, openSocket } from './load/socket.ts';

const AT_ONCE = 25; // handshakes: this does not measure how many can be opened in a second
const PATIENCE_MS = 10_000;
const POLL_MS = 1;

type Held = { readonly session: string; readonly socket: OpenSocket };

async function run(message: unknown): Promise<RevocationResult> {
  const job = revocationJob.parse(message);
  const held = await openAll(job);
  const refused: number[] = [];
  const closed: number[] = [];
  for (const session of job.sessions) {
    const sockets = held.filter((one) => one.session === session).map(({ socket }) => socket);
    const asking = job.ports.map((port) => refusedAt(port, session));
    const sentAt = performance.now();
    await logOut(job.ports[0] ?? 0, session);
    const late = delay(PATIENCE_MS).then((): never => {
      throw new Error(`a session that was ended goes on after ${PATIENCE_MS} ms`);
    });
    late.catch(() => undefined); // all is over by then, as a rule
    const over = Promise.all([Promise.all(asking), Promise.all(sockets.map(({ closedAt }) => closedAt))]);
    const [answers, ends] = await Promise.race([over, late]);
    refused.push(...answers.map((at) => at - sentAt));
    closed.push(...ends.map((at) => at - sentAt));
  }
  if ([...refused, ...closed].some((ms) => ms < 0)) throw new Error('a session was over before it was ended');
  return { kind: 'measured', refused, closed };
}

/** Every session has sockets in every process. */
async function openAll({ ports, sessions, sockets, path }: RevocationJob): Promise<readonly Held[]> {
  const held: Held[] = [];
  for (let at = 0; at < sockets; at += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, sockets - at) }, async (_, i): Promise<Held> => {
      const session = sessions[(at + i) % sessions.length] ?? '';
      const port = ports[Math.floor((at + i) / sessions.length) % ports.length] ?? 0;
      return { session, socket: await openSocket(port, path, session) };
    });
    held.push(...(await Promise.all(some)));
  }
  return held;
}

/** Asks a process over and over. @returns when it has refused */
async function refusedAt(port: number, session: string): Promise<number> {
  const connection = await openConnection(port);
  const request = `GET /v1/me HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nauthorization: ${session}\r\n\r\n`;
  try {
    for (const until = performance.now() + PATIENCE_MS; performance.now() < until; await delay(POLL_MS)) {
      const { status } = await connection.send(request);
      if (status === 401) return performance.now();
      if (status !== 200) throw new Error(`GET /v1/me was answered ${status}`);
    }
    throw new Error(`a token that was called back is still good after ${PATIENCE_MS} ms`);
  } finally {
    connection.close();
  }
}

async function logOut(port: number, session: string): Promise<void> {
  const connection = await openConnection(port);
  const head = `POST /v1/logout HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nauthorization: ${session}\r\n`;
  const { status } = await connection.send(`${head}content-length: 0\r\n\r\n`);
  connection.close();
  if (status !== 204) throw new Error(`POST /v1/logout was answered ${status}`);
}

process.once('message', (message) => {
  run(message)
    .catch(
      (error: unknown): RevocationResult => ({
        kind: 'failed',
        reason: error instanceof Error ? error.message : String(error),
      }),
    )
    .then((result) => process.send?.(result, () => process.exit(0)))
    .catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
});

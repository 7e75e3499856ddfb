import { connect, createServer } from 'node:net';

/** Addresses that a client calls from: a public one, one of the private net, one of the net of databases. */
const FROM = { public: '192.0.2.9', private: '10.9.9.9', database: '10.0.1.9' } as const;
const PORTS = [22, 2_222, 80, 443, 8_000, 27_017, 9_000];
/** A dropped packet answers nothing; over a cable in memory a live port answers in less than a millisecond. */
const PATIENCE_MS = 700;

const [does, ...words] = process.argv.slice(2);
if (does === 'listen') for (const port of words) createServer((socket) => socket.end()).listen(Number(port), '0.0.0.0');
else for (const [name, from] of Object.entries(FROM)) console.log(name, (await reachable(from)).join(' '));

async function reachable(from: string): Promise<readonly number[]> {
  const to = from.startsWith('10.') ? '10.0.0.1' : '192.0.2.1';
  const answers = await Promise.all(PORTS.map((port) => answersAt(to, port, from)));
  return PORTS.filter((_, index) => answers[index]);
}

function answersAt(host: string, port: number, localAddress: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, localAddress, timeout: PATIENCE_MS });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket
      .on('connect', () => end(true))
      .on('error', () => end(false))
      .on('timeout', () => end(false));
  });
}

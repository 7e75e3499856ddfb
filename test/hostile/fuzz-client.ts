import { connect, type Socket } from 'node:net';

/** One request as bytes, and how its answer is to be read. */
export interface Shot {
  /** What it is, for whoever has to find out why it broke something. */
  readonly name: string;
  readonly bytes: Buffer;
  readonly method: string;
  /** Its framing is broken, so it may be left without an answer: on a connection of its own, for a moment. */
  readonly alone: boolean;
}

export interface Fired {
  readonly shot: Shot;
  /** 0 where no answer came. */
  readonly status: number;
  readonly text: string;
}

const PATIENCE_MS = 15_000;
const ALONE_MS = 100;

/** Sends each in turn, on so many kept connections at once. */
export async function fireAll(
  address: string,
  shots: Iterator<Shot>,
  lanes: number,
  told: (fired: Fired) => void,
): Promise<void> {
  const lane = async (): Promise<void> => {
    let kept = openLine(address);
    try {
      for (let next = shots.next(); next.done !== true; next = shots.next()) {
        const shot = next.value;
        if (shot.alone) {
          told(await once(address, shot, ALONE_MS));
          continue;
        }
        let answer = await kept.ask(shot, PATIENCE_MS);
        if (answer === undefined) {
          kept.end(); // closed between two requests, as any server may
          kept = openLine(address);
          answer = await kept.ask(shot, PATIENCE_MS);
        }
        told({ shot, status: answer?.status ?? 0, text: answer?.text ?? '' });
        if (answer?.last !== false) {
          kept.end();
          kept = openLine(address);
        }
      }
    } finally {
      kept.end();
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

async function once(address: string, shot: Shot, patienceMs: number): Promise<Fired> {
  const line = openLine(address);
  const answer = await line.ask(shot, patienceMs);
  line.end();
  return { shot, status: answer?.status ?? 0, text: answer?.text ?? '' };
}

interface Read {
  readonly status: number;
  readonly text: string;
  /** Nothing may follow on this connection. */
  readonly last: boolean;
}

interface Line {
  /** @returns `undefined` where the connection ended, or the time */
  ask(shot: Shot, patienceMs: number): Promise<Read | undefined>;
  end(): void;
}

function openLine(address: string): Line {
  const { port, hostname } = new URL(address);
  const socket: Socket = connect(Number(port), hostname);
  let received = '';
  let over = false;
  let wake = (): void => undefined;
  socket.setNoDelay(true);
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
    wake();
  });
  socket.on('error', () => undefined); // the `close` that follows tells
  socket.on('close', () => {
    over = true;
    wake();
  });
  return {
    ask: async ({ bytes, method }, patienceMs) => {
      let late = false;
      const timer = setTimeout(() => {
        late = true;
        wake();
      }, patienceMs);
      socket.write(bytes);
      for (;;) {
        const read = readAnswer(received, method, over);
        if (read !== undefined || over || late) {
          clearTimeout(timer);
          received = received.slice(read?.length ?? 0);
          return read === undefined ? undefined : { ...read, last: read.last || over || received !== '' };
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    end: () => socket.destroy(),
  };
}

/** The first answer of what came, those before the last one passed over; `undefined` as long as it isn't whole. */
function readAnswer(received: string, method: string, over: boolean): (Read & { readonly length: number }) | undefined {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd === -1) return undefined;
  const head = received.slice(0, headEnd).toLowerCase();
  const status = Number(head.slice(9, 12));
  const start = headEnd + 4;
  if (status >= 100 && status < 200 && status !== 101) {
    const after = readAnswer(received.slice(start), method, over);
    return after === undefined ? undefined : { ...after, length: after.length + start };
  }
  const last = status === 101 || head.includes('\r\nconnection: close');
  const end =
    method === 'HEAD' || status === 204 || status === 304 || status === 101
      ? start
      : bodyEnd(received, head, start, over);
  return end === undefined ? undefined : { status, text: received.slice(0, end), last, length: end };
}

function bodyEnd(received: string, head: string, start: number, over: boolean): number | undefined {
  if (head.includes('\r\ntransfer-encoding: chunked')) {
    const end = received.startsWith('0\r\n\r\n', start) ? start : received.indexOf('\r\n0\r\n\r\n', start);
    if (end === -1) return undefined;
    return end === start ? start + 5 : end + 7;
  }
  const length = /\r\ncontent-length: (\d+)/.exec(head)?.[1];
  if (length === undefined) return over ? received.length : undefined;
  const end = start + Number(length);
  return received.length >= end ? end : undefined;
}

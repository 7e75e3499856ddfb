import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { after, before, test } from 'node:test';
import { Server } from 'socket.io';
import { io, type Socket } from 'socket.io-client';
import { type ProfileKit, SECRET, startProfile } from '../profile-kit.ts';
import { createPlace } from '../started.ts';

const PAGE = 'https://twin.example';

interface Twin {
  readonly url: string;
  /** How the clients came that got through, and what they sent along. */
  readonly transports: string[];
  readonly tokens: unknown[];
  /** How many asked for a session, let in or not. */
  asked(): number;
  close(): Promise<void>;
}

/** The old system's server, Socket.IO over long polling and WebSocket, which trusts whoever reaches it. */
async function startTwin(): Promise<Twin> {
  const server = createServer();
  const twin = new Server(server, { pingInterval: 2_000 });
  const [transports, tokens]: [string[], unknown[]] = [[], []];
  let asked = 0;
  const note = ({ url = '' }: IncomingMessage): void => {
    if (!url.includes('sid=')) asked++;
  };
  server.on('request', note).on('upgrade', note);
  twin.on('connection', (socket) => {
    transports.push(socket.conn.transport.name);
    tokens.push(socket.handshake.headers.authorization);
    socket.on('echo', (value: unknown, answer: (value: unknown) => void) => answer(value));
    socket.emit('twin_update', { meter: 'STEEL-01', kwh: 12.5 });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : assert.fail();
  const close = async (): Promise<void> => void (await twin.close());
  return { url: `http://127.0.0.1:${port}`, transports, tokens, asked: () => asked, close };
}

let twin: Twin;
let kit: ProfileKit;
let token: string;
before(async () => {
  twin = await startTwin();
  const routes = [{ path: '/socket.io/*', to: 'twin', sockets: true, origins: [PAGE], profile: 'digital-twin-v1' }];
  const gateway = { backEnds: { twin: { url: twin.url } }, routes };
  kit = await startProfile('digital-twin-v1', { corsOrigins: [PAGE] }, { config: { gateway } });
  token = await kit.login();
});
after(async () => {
  await twin.close(); // first, so that it ends even where the kit never began
  await kit.close();
});

interface Client {
  readonly transports: string[];
  readonly bearer?: string | undefined;
  readonly origin?: string;
}

function open({ transports, bearer, origin }: Client): Socket {
  const extraHeaders = {
    ...(bearer === undefined ? {} : { Authorization: `Bearer ${bearer}` }),
    ...(origin === undefined ? {} : { Origin: origin }),
  };
  return io(kit.address, { transports, extraHeaders, reconnection: false, forceNew: true });
}

/** What the server said first, or why it could not be reached. */
const outcome = (socket: Socket): Promise<unknown> =>
  new Promise((resolve) => {
    socket.once('twin_update', resolve);
    socket.once('connect_error', (error) => resolve(error instanceof Error ? 'refused' : error));
  });

const ways = [['polling'], ['websocket'], ['polling', 'websocket']];

for (const transports of ways) {
  test(`A13 a frontend with its token speaks Socket.IO over ${transports.join(' and then ')}`, async () => {
    const socket = open({ transports, bearer: token, origin: PAGE });
    try {
      assert.deepEqual(await outcome(socket), { meter: 'STEEL-01', kwh: 12.5 });
      const large = 'x'.repeat(200_000);
      assert.equal(await socket.timeout(5_000).emitWithAck('echo', large), large);
      assert.equal(twin.transports.at(-1), transports[0]);
      assert.equal(twin.tokens.at(-1), undefined, 'the token stays with us');
    } finally {
      socket.disconnect();
    }
  });

  test(`A13 without a token, or with a bad one, nothing reaches the twin over ${transports.join(' and then ')}`, async () => {
    const before = twin.asked();
    for (const bearer of [undefined, 'bad', `${token}x`]) {
      const socket = open({ transports, bearer, origin: PAGE });
      assert.equal(await outcome(socket), 'refused');
      socket.disconnect();
    }
    assert.equal(twin.asked(), before);
  });
}

// Attack: a page of somebody else opens the socket with what its visitor's browser sends along.
test('A13 a socket from another origin is refused, and no other origin may read an answer', async () => {
  for (const origin of [
    'https://evil.example',
    'null',
    `${PAGE}.evil.example`,
    'http://twin.example',
    `${PAGE}:8443`,
  ]) {
    const socket = open({ transports: ['websocket'], bearer: token, origin });
    assert.equal(await outcome(socket), 'refused', origin);
    socket.disconnect();
  }
  const poll = (origin: string) =>
    kit.call('GET', '/socket.io/?EIO=4&transport=polling', { token, headers: { origin } });
  assert.equal((await poll(PAGE)).headers.get('access-control-allow-origin'), PAGE);
  assert.equal((await poll('https://evil.example')).headers.get('access-control-allow-origin'), null);
});

test('A13 X25 CORS_ALLOWED_ORIGINS=* does not start in production', async (t) => {
  const place = createPlace(t, { JWT_SECRET_KEY: SECRET, TWINKEEP_PROFILE: 'digital-twin-v1' });
  const { stderr } = await place.refused({ CORS_ALLOWED_ORIGINS: '*', NODE_ENV: 'production' });
  assert.match(stderr, /must not hold \* in production/);
});

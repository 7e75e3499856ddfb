import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { type PostgresServer, serverSuite, startPostgres, startRedis } from '../../src/testing/index.ts';
import { call, signIn } from './call.ts';
import { gatewayTo, writeConfig } from './gateway-victim.ts';
import { type Place, postgresPlace } from './places.ts';
import { startVictim, type Victim } from './start-victim.ts';

const PROCESSES = 3;
const SESSIONS = 25;
const SOCKETS = 5_000;
const ONCE = 25; // handshakes at a time: this is no test of how many can be opened in a second

/** A back end that says nothing. */
async function startQuiet(): Promise<string> {
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => socket.on('error', () => undefined));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  after(() => {
    for (const socket of sockets.clients) socket.terminate();
    server.close().closeAllConnections();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return `http://127.0.0.1:${address.port}`;
}

/** Three processes on one PostgreSQL and one Redis. */
async function startProcesses(server: PostgresServer, redisUrl: string, backEnd: string): Promise<readonly Victim[]> {
  const first = await postgresPlace(server);
  const shared = {
    ...first.setting.env,
    TWINKEEP_REDIS_URL: redisUrl,
    TWINKEEP_MASTER_KEY: randomBytes(32).toString('base64'),
    TWINKEEP_ISSUER: 'https://twin.example',
  };
  const victims: Victim[] = [];
  for (let nth = 0; nth < PROCESSES; nth++) {
    const place: Place = nth === 0 ? first : await postgresPlace(server);
    const TWINKEEP_CONFIG = writeConfig(place, {
      gateway: { ...gatewayTo(backEnd), sockets: { maxPerPrincipal: SOCKETS } },
    });
    const victim = await startVictim({ data: place.setting.data, env: { ...shared, TWINKEEP_CONFIG } });
    after(async () => {
      await victim.kill('SIGKILL');
      await place.remove();
    });
    victims.push(victim);
  }
  return victims;
}

interface Opened {
  readonly session: number;
  readonly closedAt: Promise<number>;
}

async function openSocket(victim: Victim, token: string, session: number): Promise<Opened> {
  const url = `${victim.address.replace('http', 'ws')}/twin/live`;
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` }, perMessageDeflate: false });
  const closed = Promise.withResolvers<number>();
  socket.on('close', () => closed.resolve(performance.now()));
  socket.on('error', () => undefined);
  await once(socket, 'open');
  return { session, closedAt: closed.promise };
}

const redis = await startRedis();

await serverSuite('revocation at open sockets', startPostgres, (server: PostgresServer) => {
  after(() => redis?.stop());

  // Attack: a session was ended, and what it had opened goes on being served.
  test('the sockets of a session that ends are closed in all processes within a second', async (t) => {
    assert.ok(redis, 'Redis could not be started');
    const victims = await startProcesses(server, redis.url, await startQuiet());
    const [teller] = victims;
    assert.ok(teller);
    const tokens: string[] = [];
    for (let nth = 0; nth < SESSIONS; nth++) tokens.push(await signIn(teller.address));
    const opened: Opened[] = [];
    for (let at = 0; at < SOCKETS; at += ONCE) {
      const some = Array.from({ length: ONCE }, (_, i) => {
        const session = (at + i) % SESSIONS;
        const victim = victims[Math.floor((at + i) / SESSIONS) % PROCESSES] ?? teller;
        return openSocket(victim, tokens[session] ?? '', session);
      });
      opened.push(...(await Promise.all(some)));
    }
    t.diagnostic(`${opened.length} sockets open`);
    const took: number[] = [];
    for (const [session, token] of tokens.entries()) {
      const mine = opened.filter((one) => one.session === session);
      const { status } = await call(teller.address, 'POST', '/v1/logout', { token });
      assert.equal(status, 204);
      const endedAt = performance.now();
      took.push(...(await Promise.all(mine.map(async ({ closedAt }) => (await closedAt) - endedAt))));
    }
    took.sort((a, b) => a - b);
    const at = (share: number): number => Math.round(took[Math.floor(took.length * share)] ?? 0);
    t.diagnostic(`p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${Math.round(took.at(-1) ?? 0)} ms`);
    assert.ok(at(0.99) <= 1_000, `p99 ${at(0.99)} ms`);
  });
});

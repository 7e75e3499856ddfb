import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { KIT_PASSWORD } from '../../src/testing/index.ts';
import { openWire, type Wire } from '../hostile/wire.ts';
import { createCommandLine, signIn } from '../journeys/command.ts';
import { answerOf, type Recorder, startRecorder } from './gateway-recorder.ts';
import { gatewayTo, reload, writeConfig } from './gateway-victim.ts';

const CONNECTIONS = 32;
const RELOADS = 20;
const SLOW_MS = 100;

interface Served {
  readonly address: string;
  readonly pid: number;
  readonly token: string;
  readonly backEnds: readonly [Recorder, Recorder];
  /** Writes the configuration that leads to a back end, or one that is none. */
  write(config: 0 | 1 | string): void;
  reload(): ReturnType<typeof reload>;
  /** How the server ended, where it did. */
  ended(): number | null;
}

/** A server as its operator starts it, before two back ends that answer with their numbers. */
async function served(t: TestContext): Promise<Served> {
  const answering = (name: string) =>
    startRecorder(({ target }, socket) => {
      const send = (): void => void (socket.writable && socket.write(answerOf(name)));
      if (target.startsWith('/twin/slow')) setTimeout(send, SLOW_MS);
      else send();
      return undefined;
    });
  const backEnds = [await answering('0'), await answering('1')] as const;
  const cli = createCommandLine({ TWINKEEP_ADMIN_PASSWORD: KIT_PASSWORD, TWINKEEP_LIMITS: 'off' });
  t.after(async () => {
    await cli.close();
    for (const one of backEnds) await one.close();
  });
  const place = { setting: { data: join(cli.folder, 'data') } };
  const write: Served['write'] = (config) =>
    void writeConfig(place, typeof config === 'string' ? config : { gateway: gatewayTo(backEnds[config].url) });
  const file = join(cli.folder, 'data', 'gateway.config.json');
  write(0);
  const { address, child } = await cli.serve({ TWINKEEP_CONFIG: file });
  const token = await signIn(address, 'admin', KIT_PASSWORD);
  return {
    address,
    pid: child.pid ?? 0,
    token,
    backEnds,
    write,
    reload: () => reload(place),
    ended: () => child.exitCode,
  };
}

/** Asks on one kept connection as long as it is told. @returns which back ends answered, and what was no answer of theirs */
async function load(wire: Wire, token: string, at: number, running: () => boolean) {
  const seen = new Set<string>();
  const flaws: string[] = [];
  let asked = 0;
  const head = `host: twin.test\r\nauthorization: Bearer ${token}\r\n`;
  for (; running(); asked++) {
    const path = `/twin/${(asked + at) % 4 === 0 ? 'slow' : 'x'}/${at}-${asked}`;
    wire.send(
      asked % 2 === 0
        ? `GET ${path} HTTP/1.1\r\n${head}\r\n`
        : `POST ${path} HTTP/1.1\r\n${head}content-length: 2\r\n\r\n{}`,
    );
    const { status, body } = await wire.answer();
    if (status === 200) seen.add(body);
    else flaws.push(`${path}: ${status} ${body}`);
  }
  return { asked, seen, flaws };
}

test('no request fails while the configuration is exchanged twenty times', async (t) => {
  const server = await served(t);
  const wires = await Promise.all(Array.from({ length: CONNECTIONS }, () => openWire(server.address)));
  let running = true;
  const loads = Promise.all(wires.map((wire, at) => load(wire, server.token, at, () => running)));
  for (let each = 1; each <= RELOADS; each++) {
    const wanted = each % 2 === 0 ? 0 : 1;
    server.write(wanted);
    const { status, text } = await server.reload();
    assert.equal(status, 200, text);
    const asked = await openWire(server.address);
    asked.send(`GET /twin/x HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${server.token}\r\n\r\n`);
    assert.equal((await asked.answer()).body, String(wanted), 'what is asked after a reload goes where it says');
    asked.end();
    await pause(30);
  }
  running = false;
  const all = await loads;
  for (const wire of wires) wire.end();
  assert.deepEqual(all.flatMap(({ flaws }) => flaws).slice(0, 5), []);
  assert.deepEqual([...new Set(all.flatMap(({ seen }) => [...seen]))].sort(), ['0', '1']);
  const asked = all.reduce((sum, one) => sum + one.asked, 0);
  assert.ok(asked > CONNECTIONS * RELOADS);
  t.diagnostic(`${RELOADS} reloads, ${asked} requests over ${CONNECTIONS} connections`);
});

test('a bad configuration is refused with its flaws, and the old one goes on', async (t) => {
  const server = await served(t);
  const route = { path: '/twin/*', to: 'nobody', access: 'public' };
  const bad: Readonly<Record<string, string>> = {
    '{"gateway":': 'cannot be read',
    '{"gatewai":{}}': 'is not a setting',
    [JSON.stringify({ gateway: { routes: [route] } })]: 'there is no back end called nobody',
    [JSON.stringify({ gateway: { backEnds: { twin: { url: 'ftp://x' } } } })]: 'backEnds.twin.url',
    [JSON.stringify({ limits: { addressPerMinute: 0 } })]: 'limits.addressPerMinute',
    [JSON.stringify({ profiles: ['ems'] })]: 'JWT_SECRET_KEY',
    [JSON.stringify({ gateway: gatewayTo('http://127.0.0.1:1', { tls: { caFile: '/nowhere.pem' } }) })]: 'tls',
    '{"port":"${NOBODY_SET_THIS}"}': 'NOBODY_SET_THIS',
  };
  for (const [config, flaw] of Object.entries(bad)) {
    server.write(config);
    const { status, text } = await server.reload();
    assert.ok(status >= 400 && status < 500, `${config}: ${status} ${text}`);
    const { code, errors } = JSON.parse(text);
    assert.equal(code, 'APP_CONFIG_REFUSED');
    assert.ok(JSON.stringify(errors).includes(flaw), text);
    const asked = await openWire(server.address);
    asked.send(`GET /twin/x HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${server.token}\r\n\r\n`);
    assert.deepEqual([(await asked.answer()).body, server.ended()], ['0', null]);
    asked.end();
  }
});

test('SIGHUP reads the configuration anew, and a bad one changes nothing', async (t) => {
  const server = await served(t);
  const backEnd = async (): Promise<string> => {
    const asked = await openWire(server.address);
    asked.send(`GET /twin/x HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${server.token}\r\n\r\n`);
    const { body } = await asked.answer();
    asked.end();
    return body;
  };
  server.write(1);
  process.kill(server.pid, 'SIGHUP');
  for (let each = 0; each < 100 && server.ended() === null && (await backEnd()) !== '1'; each++) await pause(50);
  assert.equal(server.ended(), null, 'it ended');
  assert.equal(await backEnd(), '1');
  server.write('{"gateway":');
  process.kill(server.pid, 'SIGHUP');
  await pause(500);
  assert.equal(await backEnd(), '1');
});

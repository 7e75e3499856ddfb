/**
 * `npm run -w bench detection:loop [-- --quick] [--hostile]`: all attacks through a real server in `block` mode, several connections
 * at once, and how late its event loop is meanwhile, and an honest client's answers; the same before it begins, for what
 * the machine itself makes late. `--hostile` adds the texts that are made to be dear.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request as send } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createChildren } from '../children.ts';
import { startTwinkeep } from '../contenders/twinkeep.ts';
import { askLoop } from '../load/loop.ts';
import { cpuMs } from '../proc.ts';
import { quantile } from '../stats.ts';
import { attacksOf } from './corpora.ts';
import { crsAttacks } from './crs-requests.ts';
import { hostileTexts } from './hostile.ts';
import type { WholeRequest } from './subject.ts';
import { sharedPath } from './vectors-folder.ts';

const CLASSES = ['sqli', 'xss', 'traversal', 'rce', 'ssti', 'xxe', 'nosql', 'ldap', 'open_redirect'];
const CONNECTIONS = 8;
const BAR_P99_MS = 50;
const HONEST_EVERY_MS = 20;
const WIDE = 1_000_000;

async function main(): Promise<number> {
  const children = createChildren();
  const folder = mkdtempSync(join(tmpdir(), 'twinkeep-loop-'));
  const backEnd = createServer((request, response) => request.resume().on('end', () => response.end('{}')));
  await new Promise<void>((resolve) => backEnd.listen(0, '127.0.0.1', resolve));
  process.once('exit', () => {
    children.killAll();
    rmSync(folder, { recursive: true, force: true });
  });
  const file = join(folder, 'twinkeep.config.json');
  const address = backEnd.address();
  writeFileSync(file, JSON.stringify(inFrontOf(typeof address === 'object' ? (address?.port ?? 0) : 0)));
  const stage = { children, redis: undefined, backEnd: unused, postgres: unused, wrk: undefined };
  const server = await startTwinkeep(stage, folder, { settings: { TWINKEEP_CONFIG: file }, probed: true });
  try {
    const lines = requests(process.argv.includes('--quick') ? 10 : 1);
    const { loopFile = '' } = server;
    await honestWhile(server.port, server.person, delay(1_000)); // the first requests pay for what is made once
    await askLoop(server.pid, loopFile);
    await honestWhile(server.port, server.person, delay(2_000));
    const idle = await askLoop(server.pid, loopFile);
    const begin = performance.now();
    const counts = new Map<number, number>();
    const cpuBefore = cpuMs(server.pid);
    const honest = await honestWhile(server.port, server.person, flood(server.port, lines, counts));
    const seconds = (performance.now() - begin) / 1e3;
    const loop = await askLoop(server.pid, loopFile);
    const cpu = (cpuMs(server.pid) - cpuBefore) / lines.length;
    const told = [...counts].toSorted(([one], [other]) => one - other).map(([status, n]) => `${n} x ${status}`);
    const ms = (value: number): string => value.toFixed(1);
    console.log(
      `${lines.length} requests in ${seconds.toFixed(1)} s over ${CONNECTIONS} connections: ${told.join(', ')}`,
    );
    console.log(`${cpu.toFixed(2)} ms of CPU a request`);
    console.log(`event loop before: p50 ${ms(idle.p50Ms)}, p99 ${ms(idle.p99Ms)}, max ${ms(idle.maxMs)} ms`);
    console.log(
      `event loop: p50 ${ms(loop.p50Ms)}, p99 ${ms(loop.p99Ms)} (bar ${BAR_P99_MS}), max ${ms(loop.maxMs)} ms`,
    );
    console.log(
      `honest client: ${honest.length} answers, p50 ${ms(quantile(honest, 0.5))}, p99 ${ms(quantile(honest, 0.99))} ms`,
    );
    return loop.p99Ms <= BAR_P99_MS ? 0 : 1;
  } finally {
    await server.stop();
    backEnd.close();
  }
}

const unused = async (): Promise<never> => {
  throw new Error('not for this row');
};

const inFrontOf = (port: number) => ({
  limits: { addressPerMinute: WIDE, principalPerMinute: WIDE, tenantPerMinute: WIDE },
  detection: { never: ['127.0.0.1'] }, // all come from one address, which would be blocked at once
  gateway: {
    backEnds: { twin: { url: `http://127.0.0.1:${port}` } },
    routes: [{ path: '/*', to: 'twin', access: 'public', because: 'of the measurement', detection: 'block' }],
  },
});

/** Each attack once, as a parameter or in a JSON body in turn; the CRS requests as they are; and the hostile texts. */
function requests(every: number): readonly WholeRequest[] {
  const attacks = CLASSES.flatMap((name) => attacksOf(sharedPath, name)).flatMap(({ input }) =>
    input.kind === 'value' ? [input.text] : [],
  );
  const crs = crsAttacks(sharedPath).flatMap(({ input }) => (input.kind === 'request' ? [input.request] : []));
  const sizes = process.argv.includes('--hostile') ? [4_096, 102_400] : [];
  const hostile = sizes.flatMap(hostileTexts).map((text) => posted(text));
  const all = [...attacks.map((text, at) => (at % 2 === 0 ? asked(text) : posted(text))), ...crs];
  // Spread over the run: the hostile ones are not to come all together.
  const step = Math.ceil(all.length / Math.max(1, hostile.length));
  return [...all, ...hostile]
    .map((one, at) => ({ one, rank: at < all.length ? at : (at - all.length) * step }))
    .toSorted((one, other) => one.rank - other.rank)
    .map(({ one }) => one)
    .filter((_one, at) => at % every === 0);
}

const asked = (text: string): WholeRequest => ({
  method: 'GET',
  uri: `/api/search?q=${encodeURIComponent(text.toWellFormed())}`,
  headers: { accept: 'application/json' },
  body: new Uint8Array(),
});
const posted = (text: string): WholeRequest => ({
  method: 'POST',
  uri: '/api/notes',
  headers: { 'content-type': 'application/json' },
  body: Buffer.from(JSON.stringify({ note: text })),
});

async function flood(port: number, lines: readonly WholeRequest[], counts: Map<number, number>): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  let next = 0;
  const work = async (): Promise<void> => {
    for (let line = lines[next++]; line !== undefined; line = lines[next++]) {
      const status = await statusOf(port, line, agent).catch(() => 0); // some can't be sent, or are cut off
      counts.set(status, (counts.get(status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, work));
  agent.destroy();
}

/** @returns how long each answer to an honest client took while something else went on, in ms, the shortest first */
async function honestWhile(
  port: number,
  person: Readonly<Record<string, string>>,
  work: Promise<void>,
): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const times: number[] = [];
  let isOver = false;
  const end = work.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    const begin = performance.now();
    const line = { method: 'GET', uri: '/v1/me', headers: person, body: new Uint8Array() };
    const status = await statusOf(port, line, agent);
    if (status !== 200) throw new Error(`the honest client got ${status}`);
    times.push(performance.now() - begin);
    await delay(HONEST_EVERY_MS);
  }
  await end;
  agent.destroy();
  return times.toSorted((one, other) => one - other);
}

function statusOf(port: number, { method, uri, headers, body }: WholeRequest, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const { 'content-length': _length, 'transfer-encoding': _coding, connection: _own, ...rest } = headers;
    const options = { host: '127.0.0.1', port, method, path: uri, headers: rest, agent, timeout: 30_000 };
    const asking = send(options, (answer) => {
      answer
        .resume()
        .on('end', () => resolve(answer.statusCode ?? 0))
        .on('error', reject);
    });
    asking.on('error', reject).on('timeout', () => asking.destroy(new Error('no answer')));
    asking.end(body);
  });
}

process.exit(await main());

import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Caller } from './assertion.ts';
import type { Meter } from './building.ts';
import type { Viewers } from './live.ts';
import { Refusal } from './refusal.ts';
import { command, mayCommand, meterOf, type Twin } from './twin.ts';

export interface ServerDeps {
  readonly twin: Twin;
  readonly viewers: Viewers;
  readonly verifyAssertion: (token: string) => Promise<Caller>;
  /** The page, by path. */
  readonly files: ReadonlyMap<string, { readonly type: string; readonly body: Buffer }>;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  readonly caller: Caller;
  /** What stands in the path for the meter. */
  readonly id: string;
}

/** What it returns is the answer; nothing where it answers by itself. */
type Route = readonly [method: 'GET' | 'POST', path: RegExp, handle: (exchange: Exchange) => unknown];

const RECENT = 60;
const MAX_BODY = 1_024;
const PAGE_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cache-control': 'no-cache',
  'x-content-type-options': 'nosniff',
};

export function createTwinServer({ twin, viewers, verifyAssertion, files }: ServerDeps): Server {
  const buildingOf = ({ caller }: Exchange) => twin.of(caller.tenant);

  const routes: readonly Route[] = [
    ['GET', /^\/api\/building$/, building],
    ['GET', /^\/api\/meters$/, (asked) => ({ items: [...buildingOf(asked).meters.values()].map(viewOf) })],
    ['GET', /^\/api\/meters\/([a-z0-9-]{1,32})$/, (asked) => viewOf(meterOf(buildingOf(asked), asked.id))],
    ['GET', /^\/api\/meters\/([a-z0-9-]{1,32})\/readings$/, readings],
    ['POST', /^\/api\/meters\/([a-z0-9-]{1,32})\/setpoint$/, setpoint],
    ['GET', /^\/api\/events$/, ({ response, caller }) => viewers.addStream(response, caller.tenant)],
  ];

  function building(asked: Exchange): unknown {
    const { kw, ...climate } = buildingOf(asked).live();
    const { name, roles, tenant } = asked.caller;
    const you = { name, roles, may_command: mayCommand(asked.caller) };
    return { name: 'Danube House', tenant, ...climate, grid_kw: kw['grid'], pv_kw: kw['pv-roof'], you };
  }

  function readings(asked: Exchange): unknown {
    const last = Number(asked.query.get('last') ?? RECENT);
    if (!Number.isInteger(last) || last < 1 || last > 300) throw new Refusal(400, '`last` is a number from 1 to 300.');
    return { meter: asked.id, unit: 'kW', items: meterOf(buildingOf(asked), asked.id).readings.slice(-last) };
  }

  async function setpoint(asked: Exchange): Promise<unknown> {
    const told = command(buildingOf(asked), asked.id, await valueIn(asked.request), asked.caller);
    viewers.tell(asked.caller.tenant, told);
    return told;
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = '', search] = (request.url ?? '').split('?', 2);
    const file = files.get(path);
    if (file !== undefined && (request.method === 'GET' || request.method === 'HEAD'))
      return void response.writeHead(200, { ...PAGE_HEADERS, 'content-type': file.type }).end(file.body);
    if (path === '/healthz') return json(response, 200, { status: 'ok' });

    const caller = await verifyAssertion(assertionOf(request));
    const there = routes.filter(([, pattern]) => pattern.test(path));
    if (there.length === 0) throw new Refusal(404, 'There is nothing here.');
    const route = there.find(([method]) => method === request.method);
    if (route === undefined) throw new Refusal(405, 'Not with this method.', { allow: there.map(([m]) => m).join() });
    const id = route[1].exec(path)?.[1] ?? '';
    const body = await route[2]({ request, response, query: new URLSearchParams(search), caller, id });
    if (body !== undefined) json(response, 200, body);
  }

  async function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    if (request.url !== '/live') throw new Refusal(404, 'There is nothing here.');
    viewers.addSocket(request, socket, head, (await verifyAssertion(assertionOf(request))).tenant);
  }

  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    answer(request, response).catch((error: unknown) => {
      const { status, problem, headers } = refusalOf(error);
      if (response.headersSent) response.destroy();
      else json(response, status, problem, headers);
    });
  });
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    upgrade(request, socket, head).catch((error: unknown) => {
      const { status } = refusalOf(error);
      socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    });
  });
  return server;
}

/** Two assertions are as good as none: nobody can say which of them the gateway set. */
function assertionOf({ headersDistinct }: IncomingMessage): string {
  const [assertion, ...others] = headersDistinct['twinkeep-assertion'] ?? [];
  if (assertion === undefined || others.length > 0)
    throw new Refusal(401, 'Only the gateway is heard here: one twinkeep-assertion.');
  return assertion;
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  console.error(JSON.stringify({ level: 'error', message: 'a request failed', error: String(error) }));
  return new Refusal(500, 'Something went wrong here.');
}

/** What a meter looks like from outside; `recent` are its last powers in kW, a second apart. */
function viewOf({ plan, kw, kwh, setpoint, readings }: Meter): unknown {
  const { id, name, floor, kind, command: bounds } = plan;
  const recent = readings.slice(-RECENT).map((reading) => reading.kw);
  return { id, name, floor, kind, kw, kwh: Math.round(kwh), setpoint: bounds && { ...bounds, ...setpoint }, recent };
}

function json(response: ServerResponse, status: number, value: unknown, headers = {}): void {
  const type = status < 400 ? 'application/json' : 'application/problem+json';
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', ...headers });
  response.end(JSON.stringify(value));
}

/** The number in `{"value": 21.5}`. */
async function valueIn(request: IncomingMessage): Promise<number> {
  if (request.headers['content-type']?.split(';')[0] !== 'application/json') throw new Refusal(415, 'Send JSON.');
  let text = '';
  for await (const chunk of request.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    text += chunk;
    if (text.length > MAX_BODY) throw new Refusal(413, 'The body is longer than 1 KiB.', { connection: 'close' });
  }
  try {
    const { value } = JSON.parse(text);
    if (Number.isFinite(value)) return value;
  } catch {
    // said below
  }
  throw new Refusal(400, 'The body is {"value": <number>}.');
}

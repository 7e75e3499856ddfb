import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import WebSocket from 'ws';
import { z } from 'zod';

/** A tab of a real browser. */
export interface Tab {
  /** Runs the body of an async function in the page, with `createClient` in reach. @returns what it answers, as JSON has it */
  run(body: string): Promise<unknown>;
  /** One command of the DevTools protocol. */
  command(method: string, params?: object): Promise<unknown>;
}

export interface Browser {
  open(url: string): Promise<Tab>;
  close(): Promise<void>;
}

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const place = PLACES.find((path) => existsSync(path));
export const noChromium = place === undefined ? 'no Chromium on this machine' : false;

/** Chromium with a profile that is thrown away, driven over its DevTools protocol. */
export async function startChromium(): Promise<Browser> {
  const folder = mkdtempSync(join(tmpdir(), 'twinkeep-chromium-'));
  const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'];
  const child = spawn(
    place ?? '',
    [...flags, '--remote-debugging-port=0', `--user-data-dir=${folder}`, 'about:blank'],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    let said = '';
    child.stderr.on('data', (part: Buffer) => {
      said += part;
      const found = /DevTools listening on (ws:\S+)/.exec(said)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once('exit', () => reject(new Error(`Chromium ended: ${said.slice(-500)}`)));
  });
  const { send, close } = await connect(url);
  return {
    open: async (page) => {
      const { targetId } = z.object({ targetId: z.string() }).parse(await send('Target.createTarget', { url: page }));
      const wish = { targetId, flatten: true };
      const { sessionId } = z.object({ sessionId: z.string() }).parse(await send('Target.attachToTarget', wish));
      const command: Tab['command'] = (method, params) => send(method, params, sessionId);
      const tab: Tab = { command, run: (body) => evaluate(command, body) };
      while ((await tab.run('return globalThis.ready === true')) !== true) await new Promise((r) => setTimeout(r, 50));
      return tab;
    },
    close: async () => {
      close();
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

const evaluated = z.object({
  result: z.object({ value: z.unknown().optional() }),
  exceptionDetails: z.object({ exception: z.object({ description: z.string().optional() }).optional() }).optional(),
});

async function evaluate(command: Tab['command'], body: string): Promise<unknown> {
  const wish = { expression: `(async () => { ${body} })()`, awaitPromise: true, returnByValue: true };
  const { result, exceptionDetails } = evaluated.parse(await command('Runtime.evaluate', wish));
  if (exceptionDetails !== undefined) throw new Error(exceptionDetails.exception?.description ?? 'thrown in the page');
  return result.value;
}

const answered = z.object({
  id: z.int().optional(),
  result: z.unknown().optional(),
  error: z.object({ message: z.string() }).optional(),
});

async function connect(url: string) {
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const waiting = new Map<number, (answer: z.output<typeof answered>) => void>();
  socket.on('message', (data) => {
    const answer = answered.parse(JSON.parse(String(data)));
    waiting.get(answer.id ?? 0)?.(answer);
  });
  let last = 0;
  return {
    send: async (method: string, params: object = {}, sessionId?: string): Promise<unknown> => {
      const id = ++last;
      const { result, error } = await new Promise<z.output<typeof answered>>((resolve) => {
        waiting.set(id, resolve);
        socket.send(JSON.stringify({ id, method, params, sessionId }));
      });
      waiting.delete(id);
      if (error !== undefined) throw new Error(`${method}: ${error.message}`);
      return result;
    },
    close: () => socket.terminate(),
  };
}

const PAGE = `<!doctype html><title>twin</title><script type="module">
import { createClient } from '/client/index.ts';
Object.assign(globalThis, { createClient, ready: true });
</script>`;

/** A site on `localhost`: a page that has the client, and behind it everything that Twinkeep answers. */
export async function serveSite(): Promise<{
  readonly url: string;
  behind(address: string): void;
  close(): Promise<void>;
  readonly asked: string[];
}> {
  let twinkeep = '';
  const asked: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const path = new URL(incoming.url ?? '/', 'http://site').pathname;
    const file = /^\/client\/([a-z-]+\.ts)$/.exec(path)?.[1];
    if (file !== undefined) {
      outgoing.writeHead(200, { 'content-type': 'text/javascript' });
      outgoing.end(stripTypeScriptTypes(readFileSync(join(import.meta.dirname, file), 'utf8')));
    } else if (path === '/' || path === '/login') {
      outgoing.writeHead(200, { 'content-type': 'text/html' }).end(PAGE);
    } else {
      asked.push(`${incoming.method} ${path}`);
      const { method, headers } = incoming;
      const onwards = request(
        new URL(incoming.url ?? '/', twinkeep),
        { method: method ?? 'GET', headers, agent: false },
        (answer) => {
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(outgoing);
        },
      );
      onwards.on('error', () => outgoing.destroy());
      incoming.pipe(onwards);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  const { port } = z.object({ port: z.int() }).parse(server.address());
  return {
    ...{ url: `http://localhost:${port}`, asked },
    behind: (address) => {
      twinkeep = address;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingHttpHeaders, request as overHttp } from 'node:http';
import { request as overTls } from 'node:https';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { ROOT, ran } from '../deploy-assets.ts';

export const HOST = 'twin.example';

export interface Got {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Asked {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** The shipped nginx.conf, run as it is but for its ports, folders and waits. */
export interface Nginx {
  readonly plainPort: number;
  readonly tlsPort: number;
  readonly ca: string;
  plain(method: string, path: string, asked?: Asked): Promise<Got>;
  tls(method: string, path: string, asked?: Asked): Promise<Got>;
  /** What it has written to its two logs. */
  logs(): string;
}

/** @param upstream the port on which Twinkeep listens */
export async function startNginx(t: TestContext, upstream: number): Promise<Nginx> {
  const folder = mkdtempSync(join(tmpdir(), 'twinkeep-nginx-'));
  cpSync(join(ROOT, 'deploy/nginx'), folder, { recursive: true });
  const made = ran(join(ROOT, 'deploy/secrets/make.sh'), ['--out', join(folder, 'secrets'), '--self-signed', HOST]);
  assert.equal(made.code, 0, made.output);
  cpSync(join(folder, 'secrets/tls'), join(folder, 'tls'), { recursive: true });
  const [plainPort, tlsPort] = [await freePort(), await freePort()];
  const conf = moved(readFileSync(join(folder, 'nginx.conf'), 'utf8'), folder, plainPort, tlsPort);
  writeFileSync(join(folder, 'nginx.conf'), conf);
  replaceIn(join(folder, 'upstream.conf'), '127.0.0.1:8080', `127.0.0.1:${upstream}`);

  const program = ['/usr/sbin/nginx', '-p', folder, '-c', join(folder, 'nginx.conf')] as const;
  const checked = ran(program[0], [...program.slice(1), '-t']);
  assert.equal(checked.code, 0, checked.output);
  const child = spawn(program[0], [...program.slice(1), '-g', 'daemon off;'], { stdio: 'ignore' });
  t.after(async () => {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
    rmSync(folder, { recursive: true, force: true });
  });
  await listens(tlsPort);
  const ca = readFileSync(join(folder, 'tls/fullchain.pem'), 'utf8');
  return {
    plainPort,
    tlsPort,
    ca,
    plain: (method, path, asked = {}) => send(overHttp, { port: plainPort }, method, path, asked),
    tls: (method, path, asked = {}) => send(overTls, { port: tlsPort, ca, servername: HOST }, method, path, asked),
    logs: () => ['access.log', 'error.log'].map((name) => readFileSync(join(folder, name), 'utf8')).join(''),
  };
}

/** Every replacement must find its place, or the test would run something else than what is shipped. */
function moved(conf: string, folder: string, plainPort: number, tlsPort: number): string {
  const replaced: readonly (readonly [RegExp, string])[] = [
    [/^ *listen \[::\].*\n/gm, ''],
    [/listen 80\b/g, `listen 127.0.0.1:${plainPort}`],
    [/listen 443\b/g, `listen 127.0.0.1:${tlsPort}`],
    [/\/run\/nginx\.pid/g, `${folder}/nginx.pid`],
    [/\/var\/log\/nginx\//g, `${folder}/`],
    [/\/var\/www\/acme/g, `${folder}/acme`],
    [/_timeout 10s;/g, '_timeout 1s;'],
    [
      /server_tokens off;/g,
      `server_tokens off; client_body_temp_path ${folder}/bodies; proxy_temp_path ${folder}/answers;`,
    ],
  ];
  return replaced.reduce((text, [pattern, by]) => {
    assert.match(text, new RegExp(pattern.source, 'm'));
    return text.replaceAll(pattern, by);
  }, conf);
}

function replaceIn(file: string, text: string, by: string): void {
  const before = readFileSync(file, 'utf8');
  assert.ok(before.includes(text), file);
  writeFileSync(file, before.replaceAll(text, by));
}

function send(
  over: typeof overHttp | typeof overTls,
  to: { readonly port: number; readonly ca?: string; readonly servername?: string },
  method: string,
  path: string,
  { headers = {}, body }: Asked,
): Promise<Got> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', ...to, method, path, agent: false, headers: { host: HOST, ...headers } };
    const sent = over(options, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      answer.on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : assert.fail();
}

async function listens(port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const socket = connect(port, '127.0.0.1');
    const there = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (there) return;
    await pause(50);
  }
  assert.fail('nginx does not listen');
}

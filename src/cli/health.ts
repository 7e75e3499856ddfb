import { request as overHttp } from 'node:http';
import { request as overTls } from 'node:https';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import { isFault } from '../kernel/errors.ts';
import type { Run } from './command.ts';
import { failure, usageFault } from './errors.ts';

/** With the start of this process it stays within the three seconds that a container gives its probe. */
const PATIENCE_MS = 2_500;
const MAX_BYTES = 4_096;

/** `health`: asks a server whether it lives. It needs no other program, so it works in the smallest image (D13). */
export const probeHealth: Run = async (args, terminal) => {
  const given = args.text('url');
  const startedAt = performance.now();
  const url = given === undefined ? await askOwn(urlOf(await ownAddress())) : urlOf(given);
  if (given !== undefined) await ask(url);
  const ms = Math.round(performance.now() - startedAt);
  terminal.answer({ status: 'ok', url: url.href, ms }, `${url.href} is healthy (${ms} ms).`);
  return 0;
};

/** @throws CLI_USAGE */
function urlOf(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw usageFault('--url needs an address: --url https://host:port');
  if (url.username !== '' || url.password !== '') throw usageFault('--url must hold no user and no password');
  if (url.pathname === '/') url.pathname = '/health';
  return url;
}

/**
 * Where the server of this environment listens. The whole configuration is read only where the environment does not
 * say it all: a file that was spoilt after the start must not make a server look dead that goes on with the old one.
 */
async function ownAddress(): Promise<string> {
  const { TWINKEEP_HOST: host, TWINKEEP_PORT: port = '' } = process.env;
  if (host !== undefined && /^\d{1,5}$/.test(port)) return addressOf(host, Number(port));
  const { loadSettings } = await import('./setting.ts');
  const config = await loadSettings();
  return addressOf(config.host, config.port);
}

/** All addresses of a machine are no address to connect to: its own loopback is one of them. */
function addressOf(host: string, port: number): string {
  if (port === 0) throw usageFault('port 0 takes any free one; name it: --url http://127.0.0.1:PORT');
  if (host === '0.0.0.0') return `http://127.0.0.1:${port}`;
  if (host === '::') return `http://[::1]:${port}`;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/**
 * Whether this machine's own server speaks TLS is in a file that may be spoilt, so it is found out: a server of TLS hangs
 * up on a request in the clear.
 *
 * @returns where it answered @throws CLI_FAILED
 */
async function askOwn(url: URL): Promise<URL> {
  try {
    await ask(url);
    return url;
  } catch (error) {
    if (!HUNG_UP.has(codeOf(error))) throw error;
  }
  const overTlsUrl = new URL(url.href.replace(/^http:/, 'https:'));
  try {
    await ask(overTlsUrl);
  } catch (error) {
    if (!UNPROVEN.has(codeOf(error))) throw error;
    await askOwner(); // it asks clients for a certificate, which a probe has none of
  }
  return overTlsUrl;
}

/** The owner's door asks nobody for a certificate: whoever may open its file is the owner. @throws CLI_FAILED */
async function askOwner(): Promise<void> {
  await ask(new URL('http://owner/health'), { socketPath: await ownerDoor() });
}

/** Like the address, from the environment alone where it says so; `ownerSocketOf` would load all of the server. */
async function ownerDoor(): Promise<string> {
  const { TWINKEEP_DATA: data } = process.env;
  if (data !== undefined) return join(data, 'owner.sock');
  const [{ loadSettings }, { ownerSocketOf }] = await Promise.all([import('./setting.ts'), import('../app/index.ts')]);
  return ownerSocketOf(await loadSettings());
}

const HUNG_UP = new Set(['ECONNRESET', 'EPIPE', 'HPE_INVALID_CONSTANT']);
/** How TLS 1.3 ends without a certificate: the client is done before, and may write into what is shut already. */
const UNPROVEN = new Set(['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'ECONNRESET', 'EPIPE']);

/** Why a question failed; empty for what is no fault of the connection. */
const codeOf = (error: unknown): string =>
  isFault(error) && error.cause instanceof Error && 'code' in error.cause ? String(error.cause.code) : '';

/** @throws CLI_FAILED where no healthy Twinkeep answers in time */
function ask(url: URL, by: { readonly socketPath?: string } = {}): Promise<void> {
  const options = {
    ...by,
    signal: AbortSignal.timeout(PATIENCE_MS),
    agent: false,
    headers: { accept: 'application/json', connection: 'close' },
    // Over loopback nobody stands between, and no certificate is made out to it; every other one must be trusted.
    rejectUnauthorized: !isLoopback(url),
  } as const;
  return new Promise((resolve, reject) => {
    const lost = (error: Error): void =>
      reject(failure(`${by.socketPath ?? url.origin} is not healthy: ${reasonOf(error)}.`, {}, error));
    const sent = (url.protocol === 'https:' ? overTls : overHttp)(url, options, (answer) => {
      let text = '';
      answer.on('error', lost);
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (text.length > MAX_BYTES) answer.destroy(new Error('its answer is no health answer'));
      });
      answer.on('end', () => {
        if (answer.statusCode === 200 && isOk(text)) resolve();
        else lost(new Error(`it answered ${answer.statusCode}, and no status ok`));
      });
    });
    sent.on('error', lost);
    sent.end();
  });
}

/** Something else may have taken the port, and answer 200 to everything. */
function isOk(text: string): boolean {
  try {
    return Object(JSON.parse(text)).status === 'ok';
  } catch {
    return false;
  }
}

function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || (isIPv4(hostname) && hostname.startsWith('127.'));
}

function reasonOf(error: Error): string {
  if (error.name === 'AbortError') return `no answer within ${PATIENCE_MS} ms`;
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { Agent, type RequestOptions, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import {
  type ConfigInput,
  configSchema,
  createTwinkeep,
  type Listening,
  listen,
  type Twinkeep,
} from '../../src/app/index.ts';
import { makeSet, type Pair } from '../../src/cli/tls-make.ts';
import { days, systemClock } from '../../src/kernel/clock.ts';
import { KIT_PASSWORD } from '../../src/testing/index.ts';

/** A Twinkeep behind its real doors, with an authority of its own for both sides. */
export interface TlsKit {
  readonly folder: string;
  readonly twinkeep: Twinkeep;
  readonly listening: Listening;
  readonly port: number;
  readonly ca: Pair;
  readonly server: Pair;
  readonly client: Pair;
  /** Writes a file into the folder. @returns its path */
  file(name: string, text: string): string;
  ask(path: string, options?: Ask): Promise<TlsAnswer>;
  /** An administrator's token. */
  token(as?: Pair): Promise<string>;
}

export interface Ask extends RequestOptions {
  readonly body?: unknown;
  /** The client certificate that is shown. */
  readonly as?: Pair | undefined;
}

export interface TlsAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The SHA-256 of the certificate that was shown. */
  readonly shown: string;
}

/** An argon2id that costs next to nothing. */
const QUICK = { memoryKib: 8, passes: 1, parallelism: 1 };

export const newSet = (hosts: readonly [string, ...string[]] = ['localhost', '127.0.0.1'], lifeMs = days(90)) =>
  makeSet({ type: 'p-256', hosts, lifeMs, now: systemClock.now() });

/**
 * @param settings all but the files of the server, which are there: `server.pem` and `server.key`
 * @param trustsOwn writes the authority of the kit into `ca.pem` before it starts
 */
export async function startTls(
  t: TestContext,
  settings: (file: (name: string, text: string) => string) => ConfigInput = () => ({}),
  trustsOwn = false,
): Promise<TlsKit> {
  const folder = mkdtempSync(join(tmpdir(), 'twinkeep-tls-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const { ca, server, client } = await newSet();
  const own = { certFile: file('server.pem', server.certificate), keyFile: file('server.key', server.key) };
  const { tls, ...rest } = settings(file);
  if (trustsOwn) file('ca.pem', ca.certificate);
  const config = configSchema.parse({
    port: 0,
    data: join(folder, 'data'),
    logLevel: 'silent',
    adminPassword: KIT_PASSWORD,
    limits: { refusalMs: 0, badCredentialsPerAddress: 100_000 },
    detection: { failures: 1_000 },
    ...rest,
    tls: { ...own, ...tls },
  });
  const twinkeep = await createTwinkeep(config, { passwordCost: QUICK });
  const listening = await listen(twinkeep).catch(async (error) => {
    await twinkeep.close();
    throw error;
  });
  t.after(() => listening.close());
  const port = Number(new URL(listening.address).port);
  const ask: TlsKit['ask'] = (path, options = {}) => askTls(port, path, { ca: ca.certificate, ...options });
  return {
    folder,
    twinkeep,
    listening,
    port,
    ca,
    server,
    client,
    file,
    ask,
    token: async (as) => {
      const body = { username: 'admin', password: KIT_PASSWORD };
      return JSON.parse((await ask('/v1/login', { method: 'POST', body, as })).text).access_token;
    },
  };
}

/** One request over TLS; over a connection of its own unless an agent is given. */
export function askTls(port: number, path: string, options: Ask = {}): Promise<TlsAnswer> {
  const { body, as, headers, ...more } = options;
  const shownByUs = as === undefined ? {} : { cert: as.certificate, key: as.key };
  return new Promise((resolve, reject) => {
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const all = { ...type, ...Object(headers) };
    const base = { host: '127.0.0.1', port, path, servername: 'localhost', agent: new Agent({ maxCachedSessions: 0 }) };
    const sent = request({ ...base, ...shownByUs, ...more, headers: all }, (answer) => {
      const { fingerprint256: shown } = Object(answer.socket).getPeerCertificate();
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      answer.on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text, shown }));
    });
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

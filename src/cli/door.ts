import { existsSync } from 'node:fs';
import { createServer, type RequestOptions, request } from 'node:http';
import { connect } from 'node:net';
import { type Duplex, duplexPair } from 'node:stream';
import { type Config, databaseUrlOf, ownerSocketOf, sqliteFileOf, type Twinkeep } from '../app/index.ts';
import { TwinkeepError } from '../kernel/errors.ts';
import type { Arguments } from './command.ts';
import { failure } from './errors.ts';
import { announce } from './first-administrator.ts';
import { isServed, takeFolder } from './folder.ts';
import { loadSettings } from './setting.ts';
import type { Terminal } from './terminal.ts';

/** The owner's door: requests through it are the operator's, and the audit log says so. */
export interface Door {
  /** @returns the body of the answer; `undefined` where it has none. @throws the problem that it answers with */
  call(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<unknown>;
}

interface OpenDoor {
  readonly connect: () => Duplex;
  readonly close: () => Promise<void>;
}

/**
 * Runs `work` with the owner's door: that of the running server, or of a Twinkeep opened here for as long as it takes.
 *
 * @param makes whether the command may be the first that a data folder sees
 * @throws STORAGE_LOCKED when whoever holds the folder opens no door within 10 s
 */
export async function throughDoor<Result>(
  args: Arguments,
  terminal: Terminal,
  makes: 'makes' | 'needs data',
  work: (door: Door) => Promise<Result>,
): Promise<Result> {
  const config = await loadSettings();
  const door = await openDoor(config, terminal, makes === 'makes');
  try {
    return await work({ call: (method, path, body) => call(door.connect, args.text('tenant'), method, path, body) });
  } finally {
    await door.close();
  }
}

/** The same with a server that runs, for what makes no sense without one. @throws CLI_FAILED where none runs */
export async function throughServer<Result>(args: Arguments, work: (door: Door) => Promise<Result>): Promise<Result> {
  const socketPath = ownerSocketOf(await loadSettings());
  if (!(await isServed(socketPath))) throw failure('No server runs on this data folder; start one: twinkeep serve');
  const open = () => connect(socketPath);
  return work({ call: (method, path, body) => call(open, args.text('tenant'), method, path, body) });
}

async function openDoor(config: Config, terminal: Terminal, makes: boolean): Promise<OpenDoor> {
  const folder = await takeFolder({ ...config, logLevel: 'error' }, () => makes || assertData(config), {
    isVisit: true,
    onUnopened: (firstAdministrator) => announce({ firstAdministrator }, terminal),
  });
  if (folder.kind === 'opened') return openHere(folder.twinkeep, terminal);
  return { connect: () => connect(folder.socketPath), close: async () => undefined };
}

/** A command that only looks must not make a folder full of secrets out of a typing error. */
function assertData(config: Config): void {
  const file = sqliteFileOf(databaseUrlOf(config));
  if (file === undefined || existsSync(file)) return;
  throw failure(`There is no Twinkeep at ${file}; set TWINKEEP_DATA, or start one first: twinkeep serve`);
}

/** The door of a Twinkeep of our own: the same requests, over a pair of streams instead of a socket. */
function openHere(twinkeep: Twinkeep, terminal: Terminal): OpenDoor {
  announce(twinkeep, terminal);
  const server = createServer(twinkeep.handleOperator);
  return {
    connect: () => {
      const [ours, theirs] = duplexPair();
      server.emit('connection', theirs);
      return ours;
    },
    close: () => twinkeep.close(),
  };
}

async function call(
  open: () => Duplex,
  tenant: string | undefined,
  method: string,
  path: string,
  body: unknown,
): Promise<unknown> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers = {
    host: 'owner',
    connection: 'close',
    ...(tenant === undefined ? {} : { 'twinkeep-tenant': tenant }),
    ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
  };
  const { status, value } = await exchange({ method, path, headers, createConnection: open }, text);
  if (status < 400) return value;
  const { code, title, type: _type, status: _status, instance: _instance, ...facts } = Object(value);
  throw new TwinkeepError(String(code ?? 'HTTP'), 'invalid', String(title ?? `answered ${status}`), facts);
}

function exchange(
  options: RequestOptions,
  body?: string,
): Promise<{ readonly status: number; readonly value: unknown }> {
  return new Promise((resolve, reject) => {
    const lost = (error: unknown): void => reject(failure('The running Twinkeep ended before it answered.', {}, error));
    const sent = request(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', lost);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, value: text === '' ? undefined : JSON.parse(text) });
      });
    });
    sent.on('error', lost);
    sent.end(body);
  });
}

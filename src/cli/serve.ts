import { flushCompileCache } from 'node:module';
import {
  type Config,
  type ConfigInput,
  createLog,
  type Listening,
  type Log,
  listen,
  type Twinkeep,
} from '../app/index.ts';
import { isFault } from '../kernel/errors.ts';
import { storageFault } from '../storage/index.ts';
import type { Arguments, Run } from './command.ts';
import { failure, usageFault } from './errors.ts';
import { announce } from './first-administrator.ts';
import { takeFolder } from './folder.ts';
import { loadSettings } from './setting.ts';
import { welcome } from './welcome.ts';

/** A second signal within this time is the same Ctrl-C, passed on once more by npm. */
const SAME_SIGNAL_MS = 500;
/** What still holds the process after everything is closed is cut off then. */
const LEAVE_MS = 2_000;

/** `serve`: the way of production. It speaks in JSON log lines alone. */
export const serve: Run = async (args, terminal) => {
  const config = await loadSettings(workersOf(args));
  widenPool(config.workers);
  const log = createLog(config);
  const opened: Opened = ({ firstAdministrator }, { address }) => {
    if (terminal.json) terminal.answer({ address }, '');
    // Logs are collected and kept, so the password is not in them: whoever may open the socket sets one.
    if (firstAdministrator?.generatedPassword !== undefined) {
      const fix = `twinkeep users password ${firstAdministrator.username}`;
      log.warn('first start: the first administrator needs a password', { fix });
    }
    log.info('listening', { address, pid: process.pid });
    return () => log.info('stopped');
  };
  return runUntilSignal({ config, readConfig: () => loadSettings(workersOf(args)), opened, shut: () => undefined });
};

/** `dev`: the way of a first look. */
export const dev: Run = async (args, terminal) => {
  const twin = args.flag('twin') ? await (await import('./energy-twin.ts')).findEnergyTwin() : undefined;
  const readConfig = () => loadSettings({ ...twin?.config, workers: 1 });
  const config = await readConfig();
  const opened: Opened = (twinkeep, { address }) => {
    const child = twin?.start(address, twinkeep.issuer);
    child?.once('exit', (code) => terminal.say(`The example twin has ended (${code}); restart to have it again.`));
    const { value, text } = welcome(twinkeep, address, twin !== undefined);
    terminal.answer(value, text);
    return () => {
      child?.removeAllListeners('exit').kill('SIGTERM');
      terminal.say('Stopped.');
    };
  };
  // A port that is taken must not cost the only sight of the password.
  return runUntilSignal({ config, readConfig, opened, shut: (twinkeep) => announce(twinkeep, terminal) });
};

function workersOf(args: Arguments): ConfigInput {
  const typed = args.text('workers');
  if (typed === undefined) return {};
  if (!/^\d{1,3}$/.test(typed)) throw usageFault('--workers needs a number: --workers N');
  return { workers: Number(typed) };
}

/** Each thread hashes a password at a time at least, all in one pool: two of its places stay free for disk syncs. */
function widenPool(workers: number): void {
  const present = Number(process.env['UV_THREADPOOL_SIZE'] ?? 4);
  process.env['UV_THREADPOOL_SIZE'] = String(Math.max(present, workers === 1 ? 0 : workers + 2)); // nothing waits in it yet
}

type Opened = (twinkeep: Twinkeep, listening: Listening) => () => void;

interface Serving {
  readonly config: Config;
  /** For a reload. */
  readonly readConfig: () => Promise<Config>;
  readonly opened: Opened;
  /** Where all was there but the port, or not even that. */
  readonly shut: (twinkeep: Pick<Twinkeep, 'firstAdministrator'>) => void;
}

async function runUntilSignal({ config, readConfig, opened, shut }: Serving): Promise<number> {
  const signal = firstSignal(); // from now on, so that a signal while it starts ends it cleanly too
  const folder = await takeFolder(config, () => undefined, {
    readConfig,
    onUnopened: (firstAdministrator) => shut({ firstAdministrator }),
  });
  if (folder.kind === 'served') throw storageFault('STORAGE_LOCKED', { folder: config.data });
  const { twinkeep } = folder;
  let listening: Listening;
  try {
    listening = await listen(twinkeep);
  } catch (error) {
    shut(twinkeep);
    await twinkeep.close();
    throw withPort(error, config);
  }
  const closed = opened(twinkeep, listening);
  const log = createLog(config);
  process.on('SIGHUP', () => void reloadNow(twinkeep, log));
  setImmediate(flushCompileCache); // a server may be killed, and the cache is written at a clean end alone
  await signal;
  await listening.close();
  closed();
  setTimeout(() => process.exit(0), LEAVE_MS).unref();
  return 0;
}

/** The way of Unix to say that the configuration has changed; what became of it stands in the log. */
async function reloadNow(twinkeep: Twinkeep, log: Log): Promise<void> {
  try {
    await twinkeep.reload();
  } catch (error) {
    if (!isFault(error)) log.failed(error);
  }
}

/** Resolves at the first SIGINT or SIGTERM; a later one does not wait for what still runs. */
function firstSignal(): Promise<void> {
  let since: number | undefined;
  return new Promise((resolve) => {
    const take = (): void => {
      const now = performance.now();
      if (since !== undefined && now - since > SAME_SIGNAL_MS) process.exit(1);
      since ??= now;
      resolve();
    };
    process.on('SIGINT', take);
    process.on('SIGTERM', take);
  });
}

function withPort(error: unknown, { host, port }: Config): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code !== 'EADDRINUSE') return error;
  return failure(`Port ${port} of ${host} is taken; set TWINKEEP_PORT to another one (0 takes any).`, {}, error);
}

import { flushCompileCache } from 'node:module';
import { type Config, createLog, type Listening, listen, type Twinkeep } from '../app/index.ts';
import { storageFault } from '../storage/index.ts';
import type { Run } from './command.ts';
import { failure } from './errors.ts';
import { announce } from './first-administrator.ts';
import { takeFolder } from './folder.ts';
import { loadSettings } from './setting.ts';
import { welcome } from './welcome.ts';

/** A second signal within this time is the same Ctrl-C, passed on once more by npm. */
const SAME_SIGNAL_MS = 500;
/** What still holds the process after everything is closed is cut off then. */
const LEAVE_MS = 2_000;

/** `serve`: the way of production. It speaks in JSON log lines alone. */
export const serve: Run = async (_args, terminal) => {
  const config = await loadSettings();
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
  return runUntilSignal(config, opened, () => undefined);
};

/** `dev`: the way of a first look. */
export const dev: Run = async (_args, terminal) => {
  const config = await loadSettings();
  const opened: Opened = (twinkeep, { address }) => {
    const { value, text } = welcome(twinkeep, address);
    terminal.answer(value, text);
    return () => terminal.say('Stopped.');
  };
  // A port that is taken must not cost the only sight of the password.
  return runUntilSignal(config, opened, (twinkeep) => announce(twinkeep, terminal));
};

type Opened = (twinkeep: Twinkeep, listening: Listening) => () => void;

async function runUntilSignal(config: Config, opened: Opened, shut: (twinkeep: Twinkeep) => void): Promise<number> {
  const signal = firstSignal(); // from now on, so that a signal while it starts ends it cleanly too
  const folder = await takeFolder(config, () => undefined);
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
  setImmediate(flushCompileCache); // a server may be killed, and the cache is written at a clean end alone
  await signal;
  await listening.close();
  closed();
  setTimeout(() => process.exit(0), LEAVE_MS).unref();
  return 0;
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

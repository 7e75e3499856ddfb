import { mkdirSync } from 'node:fs';
import type { Server } from 'node:http';
import { dirname, resolve } from 'node:path';
import { fileHead, memoryHead } from '../audit/index.ts';
import { type FirstAdministrator, firstStart } from '../flows/index.ts';
import { createAddressReader, type Route } from '../http/index.ts';
import { type Clock, systemClock } from '../kernel/clock.ts';
import { createSystemRandom, newUuid, type Random } from '../kernel/random.ts';
import { createMetrics, type Metrics } from '../metrics/index.ts';
import { type Bus, type HotState, lockDatabase, lockFolder, type OwnerLock, type Storage } from '../storage/index.ts';
import { MAIN_TENANT } from '../tenants/index.ts';
import { auditHeadOf, type Config, databaseUrlOf, ownerSocketOf } from './config.ts';
import { createContextReader } from './context.ts';
import { createHttpApp, type HttpApp } from './http-app.ts';
import { startJobs } from './jobs.ts';
import { type LedgerRow, ledgerOf } from './ledger.ts';
import { createLog } from './log.ts';
import { openMaster } from './master.ts';
import { openBus, openHotState, openStorage } from './open-storage.ts';
import { createRequestLine } from './request-line.ts';
import { faultTables, type House, migrations, openHouse } from './rooms.ts';
import { systemRoutes } from './system-routes.ts';
import { VERSION } from './version.ts';

export interface TwinkeepOptions {
  readonly clock?: Clock;
  readonly random?: Random;
  /** A database to use instead of the configured one; `close` closes it. */
  readonly storage?: Storage;
  /** False where the database has no data folder of its own: tests on `:memory:`. */
  readonly ownFolder?: boolean;
}

/** One running Twinkeep, without a door: `server` is yet to listen, `handle` takes requests that came elsewhere. */
export interface Twinkeep {
  readonly config: Config;
  readonly house: House;
  readonly storage: Storage;
  readonly server: Server;
  readonly routes: readonly Route[];
  readonly ledger: readonly LedgerRow[];
  readonly firstAdministrator: FirstAdministrator | undefined;
  /** Marks a socket as the operator's and hands its requests in. */
  readonly handleOperator: HttpApp['handle'];
  /** Where the owner's door belongs. */
  readonly socketPath: string;
  /** Refuses new work, finishes what runs, signs the log, lets the folder go. */
  close(): Promise<void>;
}

/**
 * Opens the data folder and the database, brings both up to date, and ties the rooms together.
 *
 * @throws STORAGE_LOCKED, STORAGE_NEWER, STORAGE_UNAVAILABLE, VAULT_MASTER_KEY
 */
export async function createTwinkeep(config: Config, options: TwinkeepOptions = {}): Promise<Twinkeep> {
  const { clock = systemClock, random = createSystemRandom(), ownFolder = true } = options;
  const log = createLog(config);
  const onError = log.failed;
  if (!config.limits.enabled) log.warn('limits are off: anybody may send as much as they like');
  const undo: (() => unknown)[] = [];
  try {
    if (ownFolder) for (const lock of openFolder(config)) undo.push(lock.release);
    const storage = options.storage ?? (await openStorage(databaseUrlOf(config), clock, onError));
    undo.push(() => storage.close());
    await storage.migrate(migrations);
    const hot = await openHotState(config, clock, onError);
    undo.push(() => hot.close());
    const bus = await openBus(config, onError);
    undo.push(() => bus.close());
    const master = await openMaster(config, storage, random, ownFolder);
    const metrics = createMetrics();
    const holder = newUuid(clock, random);
    const issuer = config.issuer ?? `http://${config.host}:${config.port}`;
    const head = ownFolder ? fileHead(auditHeadOf(config)) : memoryHead();
    const house = await openHouse({
      config,
      issuer,
      storage,
      hot,
      bus,
      master,
      head,
      clock,
      random,
      metrics,
      holder,
      onError,
    });
    const people = { ...house, random };
    const admin = await firstStart(people, { username: config.adminUsername, password: config.adminPassword });
    return await assemble({ config, clock, random, storage, hot, bus, metrics, house, holder, log, admin, undo });
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

function openFolder(config: Config): readonly OwnerLock[] {
  mkdirSync(config.data, { recursive: true, mode: 0o700 });
  const own = lockFolder(config.data);
  const url = databaseUrlOf(config).reveal();
  const file = url.startsWith('sqlite:') ? url.slice('sqlite:'.length) : ':memory:';
  if (file === ':memory:' || dirname(resolve(file)) === resolve(config.data)) return [own];
  try {
    return [own, lockDatabase(file)];
  } catch (error) {
    own.release();
    throw error;
  }
}

interface Parts {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly storage: Storage;
  readonly hot: HotState;
  readonly bus: Bus;
  readonly metrics: Metrics;
  readonly house: House;
  readonly holder: string;
  readonly log: ReturnType<typeof createLog>;
  readonly admin: FirstAdministrator | undefined;
  readonly undo: (() => unknown)[];
}

async function assemble(parts: Parts): Promise<Twinkeep> {
  const { config, clock, random, storage, hot, bus, metrics, house, holder, log, admin, undo } = parts;
  const inspection = house.detection.describes;
  let serving = true;
  const faults = Object.assign({}, ...Object.values(faultTables));
  const system = { storage, hot, bus, metrics, version: VERSION, inspection, faults, serving: () => serving };
  const routes = [...systemRoutes(system, house.routes), ...house.routes];
  const operators = new WeakSet<object>();
  const addresses = createAddressReader(config.trustedProxies);
  const contextOf = createContextReader({ clock, random, addresses, operators });
  const line = createRequestLine({ ...house, contextOf, metrics, clock, onError: log.failedRequest });
  const { server, handle, close } = await createHttpApp(routes, line);

  await house.revocations.start();
  house.audit.start();
  const jobs = startJobs({ jobs: house.jobs, storage, holder, onError: log.failed });

  return {
    config,
    house,
    storage,
    server,
    routes,
    ledger: ledgerOf(routes, inspection),
    firstAdministrator: admin,
    socketPath: ownerSocketOf(config),
    handleOperator: (request, response) => {
      operators.add(request.socket);
      handle(request, response);
    },
    close: async () => {
      serving = false;
      await close();
      await jobs.stop();
      house.revocations.stop();
      await house.apiKeys.flushUse().catch(log.failed);
      await house.audit.stop();
      for (const step of undo.reverse()) await step();
    },
  };
}

/** The tenant that commands act in unless they name another. */
export const DEFAULT_TENANT = MAIN_TENANT;

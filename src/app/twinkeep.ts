import { mkdirSync } from 'node:fs';
import type { Server } from 'node:http';
import { dirname, resolve } from 'node:path';
import { fileHead, memoryHead } from '../audit/index.ts';
import type { Argon2Cost } from '../crypto/index.ts';
import type { AlertConfig } from '../delivery/index.ts';
import { type FirstAdministrator, firstStart } from '../flows/index.ts';
import { createAddressReader, type Route } from '../http/index.ts';
import { type Clock, systemClock } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import { createSystemRandom, newUuid, type Random } from '../kernel/random.ts';
import { createMetrics, type Metrics } from '../metrics/index.ts';
import { type Bus, type HotState, lockDatabase, lockFolder, type OwnerLock, type Storage } from '../storage/index.ts';
import { MAIN_TENANT } from '../tenants/index.ts';
import type { OpenMasters } from '../vault/index.ts';
import { namedSetting } from './administrator.ts';
import { faultTables, migrations } from './catalogue.ts';
import { auditHeadOf, type Config, databaseUrlOf, masterKeyOf, ownerSocketOf, sqliteFileOf } from './config.ts';
import { type Reloaded, reloadedSchema } from './config-changes.ts';
import { createContextReader } from './context.ts';
import { assertEvenRefusals } from './even-refusals.ts';
import { createFactorDue } from './factor-due.ts';
import { createHttpApp, type HttpApp } from './http-app.ts';
import { startJobs } from './jobs.ts';
import { type LedgerRow, ledgerOf } from './ledger.ts';
import { openLiveSurface } from './live-surface.ts';
import { createLog } from './log.ts';
import { openMasterKeys } from './master-keys.ts';
import { createMayHere } from './may.ts';
import { holdOff, openBus, openHotState, openStorage } from './open-storage.ts';
import { importProfileKeys } from './profile-keys.ts';
import { createRecordedReload } from './recorded-reload.ts';
import { createRequestLine } from './request-line.ts';
import { type House, openHouse } from './rooms.ts';
import { createSlow } from './slow.ts';
import { servesTls } from './tls-config.ts';
import { doubtful } from './unsafe.ts';
import { VERSION } from './version.ts';
import { createWho } from './who.ts';
import { remoteIntegrator, type Threads, threadsOf } from './worker-ground.ts';
import { type Crew, createCrew } from './workers.ts';

export interface TwinkeepOptions {
  readonly clock?: Clock;
  readonly random?: Random;
  /** What a new password hash costs, for tests that make many; no configuration can lower it. */
  readonly passwordCost?: Argon2Cost | undefined;
  /** A database to use instead of the configured one; `close` closes it. */
  readonly storage?: Storage;
  /** Who is told of what happens, beside the webhooks of tenants. */
  readonly alerts?: AlertConfig | undefined;
  /** Hears of the administrator that was made where what came after failed: nobody is ever told the password again. */
  readonly onUnopened?: (made: FirstAdministrator) => void;
  /** True for a command that opens the folder for a moment: what a server takes over from files at its start stays there. */
  readonly isVisit?: boolean;
  /** Reads the configuration again, for a reload; without it the one that was given stays. */
  readonly readConfig?: () => Promise<Config>;
  /** False where the database has no data folder of its own: tests on `:memory:`. */
  readonly ownFolder?: boolean;
  /** Given in a thread that joins the one which owns the data folder. */
  readonly threads?: Threads;
}

/** One running Twinkeep, without a door: `server` is yet to listen, `handle` takes requests that came elsewhere. */
export interface Twinkeep {
  readonly config: Config;
  /** The `iss` of the native tokens. */
  readonly issuer: string;
  readonly house: House;
  readonly storage: Storage;
  readonly server: Server;
  readonly metrics: Metrics;
  /** The threads that serve the port in the place of `server`, where there are several. */
  readonly crew: Crew | undefined;
  /** Every row that is served now, those of the gateway and the profiles included. */
  readonly routes: readonly Route[];
  readonly ledger: readonly LedgerRow[];
  readonly firstAdministrator: FirstAdministrator | undefined;
  /** Marks a socket as the operator's and hands its requests in. */
  readonly handleOperator: HttpApp['handle'];
  /** Where the owner's door belongs. */
  readonly socketPath: string;
  /**
   * Reads the configuration anew and serves it from the next request on; what runs is finished under the old one.
   *
   * @param actor who has it done; the owner of the process unless told
   * @throws APP_CONFIG_REFUSED: then the old one stays
   */
  reload(actor?: Actor): Promise<Reloaded>;
  /** Refuses new work, finishes what runs, signs the log, lets the folder go. */
  close(): Promise<void>;
}

/**
 * Opens the data folder and the database, brings both up to date, and ties the rooms together.
 *
 * @throws STORAGE_LOCKED, STORAGE_UNFINISHED, STORAGE_NEWER, STORAGE_UNAVAILABLE, VAULT_MASTER_KEY
 */
export async function createTwinkeep(config: Config, options: TwinkeepOptions = {}): Promise<Twinkeep> {
  const { clock = systemClock, random = createSystemRandom(), ownFolder = true } = options;
  const log = createLog(config);
  const onError = log.failed;
  const holder = newUuid(clock, random);
  const threads = options.threads ?? (ownFolder ? threadsOf(config, holder, random) : undefined);
  const owner = threads?.owner; // who joins finds the folder locked, the schema up to date and the first person there
  if (owner === undefined) for (const doubt of doubtful(config)) log.warn(doubt);
  const undo: (() => unknown)[] = [];
  let admin: FirstAdministrator | undefined;
  if (owner === undefined && options.isVisit !== true) await assertEvenRefusals(config);
  try {
    if (ownFolder && owner === undefined) for (const lock of openFolder(config)) undo.push(lock.release);
    const bus = await openBus(config, onError, threads);
    undo.push(() => bus.close());
    const storage = options.storage ?? (await openStorage(databaseUrlOf(config), clock, onError, threads, bus));
    undo.push(() => storage.close());
    const isFirst = owner === undefined && options.storage === undefined;
    const hold = isFirst ? await holdOff(databaseUrlOf(config)) : undefined;
    undo.push(() => hold?.release());
    if (owner === undefined) await storage.migrate(migrations);
    const hot = await openHotState(config, clock, onError, threads);
    undo.push(() => hot.close());
    const isAlone = storage.dialect === 'sqlite' && threads === undefined;
    const masterDeps = { storage, clock, random, ownFolder, isAlone, onError };
    const keyring = await openMasterKeys({ ...config, masterKey: masterKeyOf(config) }, masterDeps);
    const metrics = createMetrics({ ofProcess: owner === undefined });
    const issuer = config.issuer ?? `${servesTls(config.tls) ? 'https' : 'http'}://${config.host}:${config.port}`;
    const head = ownFolder ? fileHead(auditHeadOf(config)) : memoryHead();
    const house = await openHouse({
      config,
      issuer,
      storage,
      hot,
      bus,
      keyring,
      head,
      clock,
      random,
      passwordCost: options.passwordCost,
      metrics,
      integrator: remoteIntegrator(owner),
      holder,
      alerts: options.alerts,
      onWarn: log.warn,
      onError,
    });
    if (owner === undefined && options.isVisit !== true) await importProfileKeys(config, house.keys);
    const people = { ...house, random };
    admin =
      owner !== undefined
        ? undefined
        : await firstStart(people, { username: config.adminUsername, password: config.adminPassword }).catch(
            (error) => {
              throw namedSetting(error);
            },
          );
    await hold?.release();
    return await assemble({
      config,
      clock,
      random,
      storage,
      hot,
      bus,
      metrics,
      house,
      issuer,
      holder,
      log,
      admin,
      undo,
      alerts: options.alerts,
      readConfig: options.readConfig,
      isVisit: options.isVisit === true,
      threads,
    });
  } catch (error) {
    if (admin !== undefined) options.onUnopened?.(admin);
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

/** Keys that are open outlast the absence of the provider for a while; after it nothing can be sealed or opened. */
function standingOf(masters: OpenMasters): 'ok' | 'degraded' | 'failing' {
  try {
    masters.assertLent();
    return masters.state.reachable ? 'ok' : 'degraded';
  } catch {
    return 'failing';
  }
}

function openFolder(config: Config): readonly OwnerLock[] {
  mkdirSync(config.data, { recursive: true, mode: 0o700 });
  const own = lockFolder(config.data);
  const file = sqliteFileOf(databaseUrlOf(config)) ?? ':memory:';
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
  readonly issuer: string;
  readonly holder: string;
  readonly log: ReturnType<typeof createLog>;
  readonly admin: FirstAdministrator | undefined;
  readonly undo: (() => unknown)[];
  readonly alerts: TwinkeepOptions['alerts'];
  readonly readConfig: TwinkeepOptions['readConfig'];
  readonly isVisit: boolean;
  readonly threads: Threads | undefined;
}

async function assemble(parts: Parts): Promise<Twinkeep> {
  const { config, clock, random, storage, hot, bus, metrics, house, holder, log, admin, undo, threads } = parts;
  const owner = threads?.owner;
  const ledger = (routes: readonly Route[]) =>
    ledgerOf(routes, house.detection.modeOf, (route) => surface.profileOf(route).rules);
  let serving = true;
  const faults = Object.assign({}, ...Object.values(faultTables));
  const asked = {
    reload: async (actor: Actor) =>
      owner === undefined ? reload(actor) : reloadedSchema.parse(await owner.ask('reload')),
    metrics: { ...metrics, text: async () => (owner === undefined ? text() : String(await owner.ask('metrics'))) },
  };
  const vault = () => standingOf(house.masters);
  const system = { storage, hot, bus, vault, version: VERSION, ledger, faults, serving: () => serving, ...asked };
  const gatewayPorts = { audit: house.audit, clock, meter: metrics, onError: log.failed, onEvent: log.backEnd };
  const assertFactor = createFactorDue({ ...house, clock }); // one for the line and the profiles: what it has learnt is for both
  const surface = await openLiveSurface({
    ...parts,
    system,
    gatewayPorts,
    rolesOf: house.access.rolesOf,
    assertHolds: house.access.assertHolds,
    may: createMayHere({ access: house.access, assertFactor }),
    isOwner: owner === undefined,
    isVisit: parts.isVisit,
    onError: log.failed,
  });
  const operators = new WeakSet<object>();
  const addresses = createAddressReader(config.trustedProxies);
  const contextOf = createContextReader({ clock, random, addresses, operators, production: config.production });
  const { profileOf, assertServed, hold } = surface;
  const slow = createSlow(house.limits, profileOf);
  const who = createWho({ ...house, profileOf, slow });
  const onError = log.failedRequest;
  const line = createRequestLine({
    ...house,
    contextOf,
    profileOf,
    assertServed,
    hold,
    assertFactor,
    who,
    slow,
    bus,
    metrics,
    clock,
    onError,
  });
  const { server, handle, replace, close } = await createHttpApp({ ...surface.current(), line }, config.connections);

  const audit = owner === undefined ? house.audit : undefined;
  const reload = createRecordedReload({ audit, exchange, log, onError: log.failed });
  const shared = { config, alerts: parts.alerts, hot, audit: house.audit, metrics, log, reload };
  const crew = threads === undefined || owner !== undefined ? undefined : createCrew({ ...shared, ...threads });
  const text = crew?.metricsText ?? metrics.text;

  async function exchange(): Promise<Reloaded> {
    const read = async (): Promise<Config> => {
      const next = (await parts.readConfig?.()) ?? config;
      if (owner === undefined) await assertEvenRefusals(next, config.limits.refusalMs); // a new one takes a restart
      return next;
    };
    return surface.reload(read, async (opened, next) => {
      await replace({ ...opened, line });
      await crew?.adopt(next);
    });
  }

  await house.revocations.start();
  await house.blocks.start();
  house.audit.start();
  const keeping = owner === undefined ? house.startKeeping().catch(log.failed) : undefined;
  const jobs = startJobs({
    jobs: house.jobs.filter(({ perProcess }) => perProcess === true || owner === undefined),
    storage,
    holder,
    onError: log.failed,
  });

  return {
    config,
    issuer: parts.issuer,
    house,
    storage,
    server,
    metrics,
    crew,
    get routes() {
      return surface.current().routes;
    },
    get ledger() {
      return ledger(surface.current().routes);
    },
    firstAdministrator: admin,
    socketPath: ownerSocketOf(config),
    handleOperator: (request, response) => {
      operators.add(request.socket);
      handle(request, response);
    },
    reload,
    close: async () => {
      serving = false;
      house.endStreams(); // an open one would hold up the end
      await crew?.close();
      await Promise.all([close(), surface.close()]); // open sockets are the gateway's to end
      await house.delivery.stop(); // cuts what it sends to receivers that do not answer, so that the jobs can end
      await house.rewrap.stop(); // ends after its step, so that the jobs can end
      await Promise.all([jobs.stop(), keeping]); // neither may find the database closed
      house.revocations.stop();
      house.detection.stop();
      await house.blocks.stop();
      await house.apiKeys.flushUse().catch(log.failed);
      await house.sessions.flushUse().catch(log.failed);
      await house.keys.flushSeals().catch(log.failed);
      await house.audit.stop();
      for (const step of undo.reverse()) await step();
    },
  };
}

/** The tenant that commands act in unless they name another. */
export const DEFAULT_TENANT = MAIN_TENANT;

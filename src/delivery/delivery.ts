import { lookup } from 'node:dns/promises';
import type { AuditSink } from '../kernel/audit.ts';
import { epochMs, type TenantId } from '../kernel/brand.ts';
import { type Clock, hours, seconds } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';
import { platform } from '../kernel/tx.ts';
import type { Metrics } from '../metrics/index.ts';
import type { Storage } from '../storage/index.ts';
import { createAddressGuard, type Resolve } from './address-guard.ts';
import type { AlertConfig } from './alert-config.ts';
import { createAlerts } from './alerts.ts';
import { createBacklog } from './backlog.ts';
import { createClaims } from './claims.ts';
import type { DeliveryConfig } from './config.ts';
import { createCourier } from './courier.ts';
import { createEndpoints, type Endpoints } from './endpoints.ts';
import { createFanOut } from './fan-out.ts';
import { createDeliveryLog, type DeliveryLog } from './log.ts';
import { createMailer } from './mailer.ts';
import type { Message } from './message.ts';
import { createOutbox, type Outbox } from './outbox.ts';
import { OWN_LANES } from './places.ts';
import { PLATFORM, type SealerOf } from './sealing.ts';
import { createSettle } from './settle.ts';
import { createSlowLanes } from './slow-lanes.ts';
import { createSmsSender, type SendSms } from './sms-sender.ts';
import { messageStore } from './store.ts';
import { createWebhookSender } from './webhook-sender.ts';
import { createWorker } from './worker.ts';

export interface DeliveryDeps {
  readonly storage: Storage;
  readonly audit: AuditSink;
  readonly fields: SealerOf;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Pick<Metrics, 'counter'>;
  readonly config: DeliveryConfig;
  /** What `readAlertConfig` gave. Its mail server and SMS provider serve all messages where the config has none. */
  readonly alerts?: AlertConfig | undefined;
  /** Whose webhooks hear of events that belong to no tenant. */
  readonly home: TenantId;
  readonly onError: (error: unknown) => void;
  /**
   * Whether nobody else can be sending now, so that what is claimed was claimed by a process that is dead and need not
   * wait until that runs out. True on SQLite unless told; a thread beside the one that owns the database is told false.
   */
  readonly inherits?: boolean | undefined;
  /** The system's own unless told. */
  readonly resolve?: Resolve | undefined;
  /** Another provider than the configured one. */
  readonly sendSms?: SendSms | undefined;
}

/** E-mail, SMS and webhooks on their way out. */
export interface Delivery extends Pick<Outbox, 'enqueue' | 'publish'> {
  /** Sends all that is due; resolves when nothing is. Every process does, for what one has claimed no other sends. */
  run(): Promise<void>;
  /** Forgets what ended long ago. */
  prune(): Promise<void>;
  /** Both, as the app's jobs: how often each is to be done. */
  readonly jobs: readonly {
    readonly name: string;
    readonly everyMs: number;
    readonly perProcess?: boolean;
    readonly run: () => Promise<void>;
  }[];
  /** Before the storage is closed. */
  stop(): Promise<void>;
  readonly endpoints: Endpoints;
  readonly log: DeliveryLog;
}

const PRUNED_AT_ONCE = 500;

/** Opens the outbox on a migrated database. What is added to it goes out as soon as it is durable. */
export async function createDelivery(deps: DeliveryDeps): Promise<Delivery> {
  const { storage, fields, clock, config, onError } = deps;
  const nudge = (): void => void run().catch(onError);
  const parts = openParts(deps);
  const { alerts, guard, webhooks } = parts;
  let sealer = await fields(PLATFORM); // kept at hand, for inside a write nothing but the transaction may be awaited
  const channels = new Set<Message['kind']>();
  if (parts.sendEmail !== undefined) channels.add('email');
  if (parts.sendSms !== undefined) channels.add('sms');
  const lanes = config.webhooks.perTenant + OWN_LANES.length + 1; // and the alert file's
  const backlog = createBacklog({ ...deps, most: config.maxWaiting, lanes });
  const slow = createSlowLanes(clock);
  const outbox = createOutbox({ ...deps, sealer: () => sealer, channels, backlog, onAdded: nudge });
  const worker = createWorker({
    take: createClaims({ ...deps, slow, concurrency: config.concurrency }),
    fanOut: createFanOut({ ...deps, outbox, alerts, backlog }),
    courier: createCourier({ ...deps, ...parts }),
    settle: createSettle({ ...deps, backlog, disableAfterMs: config.webhooks.disableAfterMs }),
    slow,
    clock,
    onError,
  });

  if (deps.inherits ?? storage.dialect === 'sqlite') {
    await storage.write(platform, (tx) => messageStore.releaseAll(tx, clock.now()));
  }

  async function run(): Promise<void> {
    sealer = await fields(PLATFORM);
    await backlog.review();
    await writeDigests();
    await worker.run();
  }

  async function writeDigests(): Promise<void> {
    const now = clock.now();
    if (!(await storage.read(platform, (tx) => alerts.hasDigest(tx, now)))) return;
    await storage.write(platform, async (tx) => {
      for (const message of await alerts.digests(tx, now)) await outbox.enqueue(tx, message);
    });
  }

  async function prune(): Promise<void> {
    const before = epochMs(clock.now() - config.keepMs);
    const some = () => storage.write(platform, (tx) => messageStore.prune(tx, before, PRUNED_AT_ONCE));
    while ((await some()) === PRUNED_AT_ONCE);
  }

  return {
    enqueue: outbox.enqueue,
    publish: outbox.publish,
    run,
    prune,
    jobs: [
      { name: 'delivery.send', everyMs: seconds(1), perProcess: true, run },
      { name: 'delivery.prune', everyMs: hours(1), run: prune },
    ],
    stop: async () => {
      await worker.stop();
      await backlog.flush();
      await webhooks.close();
    },
    endpoints: createEndpoints({ ...deps, guard, outbox, backlog, perTenant: config.webhooks.perTenant }),
    log: createDeliveryLog({ ...deps, backlog, onAdded: nudge }),
  };
}

/** The drivers, none of which does anything before the first message. */
function openParts({ config, alerts: file, resolve = systemResolve, sendSms }: DeliveryDeps) {
  const smtp = config.smtp ?? file?.email?.smtp;
  const sms = config.sms ?? file?.sms?.provider;
  const guard = createAddressGuard(config.webhooks.allowPrivate, resolve);
  return {
    guard,
    alerts: createAlerts(file, config.alertsPerWindow),
    webhooks: createWebhookSender(guard, config.webhooks.timeoutMs),
    sendEmail: smtp && createMailer(smtp),
    sendSms: sendSms ?? (sms && createSmsSender(sms)),
  };
}

const systemResolve: Resolve = (hostname) => lookup(hostname, { all: true });

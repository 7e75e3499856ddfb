import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { decodeBase64url, encodeBase64url, NONCE_BYTES, open, seal } from '../crypto/index.ts';
import type { AuditEntry } from '../kernel/audit.ts';
import { type TenantId, tenantId } from '../kernel/brand.ts';
import { systemClock } from '../kernel/clock.ts';
import { type Facts, isFault } from '../kernel/errors.ts';
import type { Actor } from '../kernel/principal.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import { createSqliteStorage, type Storage } from '../storage/index.ts';
import { createTestClock, type TestClock } from '../testing/index.ts';
import type { AlertConfig } from './alert-config.ts';
import { deliveryConfig } from './config.ts';
import { createDelivery, type Delivery, type DeliveryDeps } from './delivery.ts';
import type { Logged } from './log.ts';
import { deliveryMigrations } from './migrations/index.ts';
import type { SealerOf } from './sealing.ts';

export interface StorageUnderTest {
  readonly storage: Storage;
  close(): Promise<void>;
}
export type MakeStorage = () => Promise<StorageUnderTest>;

export const inMemory: MakeStorage = async () => {
  const storage = createSqliteStorage({ file: ':memory:', clock: systemClock });
  return { storage, close: () => storage.close() };
};

export interface KitOptions {
  readonly config?: Record<string, unknown>;
  readonly alerts?: AlertConfig;
  readonly more?: Partial<DeliveryDeps>;
}

/** The room on an empty, migrated database. */
export interface Kit {
  readonly delivery: Delivery;
  readonly storage: Storage;
  readonly clock: TestClock;
  readonly entries: readonly AuditEntry[];
  /** What went wrong behind the scenes. */
  readonly errors: unknown[];
  /** Another process on the same database. */
  another(options?: KitOptions): Promise<Delivery>;
  write<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Lets time pass and sends what has become due. */
  after(ms: number): Promise<void>;
}

export const home = tenantId('home');
export const other = tenantId('other');
export const ada: Actor = { principal: { kind: 'operator', tenantId: home } };

/** Webhooks in these tests go to receivers on loopback, over http. */
const LOCAL = { webhooks: { allowPrivate: ['127.0.0.0/8'] } };

export async function withKit(
  make: MakeStorage,
  options: KitOptions,
  work: (kit: Kit) => Promise<void>,
): Promise<void> {
  const { storage, close } = await make();
  const opened: Delivery[] = [];
  try {
    await storage.migrate(deliveryMigrations);
    const clock = createTestClock(Date.now()); // the reference library compares with the real time
    const entries: AuditEntry[] = [];
    const errors: unknown[] = [];
    const another = async (wish: KitOptions = options): Promise<Delivery> => {
      const made = await createDelivery({
        storage,
        clock,
        random: createSystemRandom(),
        fields: sealerOf,
        audit: { record: async (tx, entry) => tx.afterCommit(() => entries.push(entry)) },
        metrics: { counter: () => ({ add: () => undefined }) },
        config: deliveryConfig.parse({ ...LOCAL, ...wish.config }),
        alerts: wish.alerts,
        home,
        onError: (error) => errors.push(error),
        ...wish.more,
      });
      opened.push(made);
      return made;
    };
    const delivery = await another();
    const after = async (ms: number): Promise<void> => {
      await delivery.run(); // what is on its way first
      clock.advance(ms);
      await delivery.run();
    };
    const write = <T>(inside: (tx: Tx) => Promise<T>) => storage.write(platform, inside);
    await work({ delivery, storage, clock, entries, errors, another, write, after });
    assert.deepEqual(errors, []);
  } finally {
    for (const one of opened) await one.stop();
    await close();
  }
}

const KEY = createSecretKey(Buffer.alloc(32, 7));
const random = createSystemRandom();

/** Seals as the vault does: what was sealed for a tenant and a place opens there alone. */
const sealerOf: SealerOf = async (tenant) => {
  const aad = (place: object): Buffer => Buffer.from(JSON.stringify([tenant, place]));
  return {
    seal: (place, text) => encodeBase64url(seal(KEY, random.bytes(NONCE_BYTES), Buffer.from(text), aad(place))),
    open: (place, sealed) => {
      const opened = open(KEY, decodeBase64url(sealed) ?? Buffer.alloc(0), aad(place));
      if (opened === undefined) throw new Error('does not open');
      return opened.toString();
    },
  };
};

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A real HTTP server that keeps what it gets. */
export interface Receiver {
  readonly url: string;
  readonly received: readonly Received[];
  /** How it answers from now on; `hang` never does. */
  answer: { status: number; headers?: Record<string, string>; body?: string } | 'hang';
  close(): Promise<void>;
}

async function startReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      received.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers, body });
      if (receiver.answer === 'hang') return;
      response.writeHead(receiver.answer.status, receiver.answer.headers);
      response.end(receiver.answer.body ?? '');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // a TCP server's address has a port
  const receiver: Receiver = {
    url: `http://127.0.0.1:${port}`,
    received,
    answer: { status: 204 },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return receiver;
}

export async function withReceiver(work: (receiver: Receiver) => Promise<void>): Promise<void> {
  const receiver = await startReceiver();
  try {
    await work(receiver);
  } finally {
    await receiver.close();
  }
}

/** A webhook of a tenant. @returns its id and secret */
export async function addWebhook(delivery: Delivery, url: string, events = ['*'], tenant: TenantId = home) {
  const { endpoint, secret } = await delivery.endpoints.add(ada, tenant, { url, events, description: '' });
  return { id: endpoint.row.id, secret };
}

/** The newest delivery of a webhook. */
export async function newest(delivery: Delivery, webhook: string, tenant: TenantId = home): Promise<Logged> {
  const [item] = (await delivery.log.ofWebhook(tenant, webhook, { limit: 1 })).items;
  return item ?? assert.fail('nothing was sent to this webhook');
}

export async function mails(delivery: Delivery): Promise<readonly Logged[]> {
  return (await delivery.log.mail({ tenantId: home, every: true, limit: 100 })).items;
}

/** Waits for what another thread or socket does. */
export async function until(isSo: () => boolean): Promise<void> {
  const end = performance.now() + 10_000;
  while (!isSo()) {
    if (performance.now() > end) assert.fail('it did not come about within 10 s');
    await pause(5);
  }
}

/** @returns the facts of the fault with which the promise is rejected */
export async function expectFault(code: string, promise: Promise<unknown>): Promise<Facts> {
  const error: unknown = await promise.then(
    () => assert.fail(`expected ${code}, but nothing was refused`),
    (reason: unknown) => reason,
  );
  if (isFault(error, code)) return error.facts;
  throw new Error(`expected ${code}`, { cause: error });
}

import { auditMigrations, createAudit, memoryHead } from '../audit/index.ts';
import type { AuditEntry, AuditSink } from '../kernel/audit.ts';
import { apiKeyId, epochMs, personId, realmId, requestId, sessionId, tenantId } from '../kernel/brand.ts';
import type { Principal } from '../kernel/principal.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { createMetrics } from '../metrics/index.ts';
import { type Bus, createMemoryBus, type Storage } from '../storage/index.ts';
import { createTestClock, type TestClock } from '../testing/index.ts';
import { createMasterKey, openVault, singleMaster, vaultMigrations } from '../vault/index.ts';
import { type Anomalies, type AnomalyDeps, createAnomalies } from './anomalies.ts';
import type { AnomalyEvent, Use } from './anomaly.ts';
import { type AnomalyConfig, anomalyConfig } from './anomaly-config.ts';
import type { Told } from './anomaly-episodes.ts';
import type { Spot } from './anomaly-travel.ts';
import { anomalyTenantMigration, baselineMigration } from './migrations/baseline.ts';

export const minute = 60_000;
export const hour = 60 * minute;
export const day = 24 * hour;

/** What a test is given: the room, what it said to others, and a clock. */
export interface AnomalyKit {
  readonly storage: Storage;
  readonly anomalies: Anomalies;
  readonly clock: TestClock;
  readonly entries: AuditEntry[];
  readonly events: AnomalyEvent[];
  readonly told: Told[];
  readonly asked: string[];
  readonly errors: unknown[];
  /** Another process on the same database. */
  again(change?: Partial<AnomalyConfig>, own?: Bus): Promise<Anomalies>;
}

const berlin: Spot = { country: 'DE', name: 'Berlin', point: { latitude: 52.5, longitude: 13.4, radiusKm: 20 } };
const potsdam: Spot = { country: 'DE', name: 'Potsdam', point: { latitude: 52.4, longitude: 13.06, radiusKm: 20 } };
const recife: Spot = { country: 'BR', name: 'Recife', point: { latitude: -8.05, longitude: -34.9, radiusKm: 50 } };
const munich: Spot = { country: 'DE', name: 'Munich', point: { latitude: 48.1, longitude: 11.6, radiusKm: 20 } };

/** As a database of places would have it. */
const PLACES: Readonly<Record<string, Spot>> = {
  '203.0.113.1': berlin,
  '203.0.113.2': potsdam,
  '198.51.100.7': recife,
  '198.51.100.8': munich,
};

export async function openKit(
  storage: Storage,
  change: Partial<AnomalyConfig> = {},
  start?: number,
): Promise<AnomalyKit> {
  await storage.migrate([...vaultMigrations, ...auditMigrations, baselineMigration, anomalyTenantMigration]);
  const random = createSystemRandom();
  const clock = createTestClock(start);
  const said = { entries: [], events: [], told: [], asked: [], errors: [] } as Pick<
    { -readonly [Name in keyof AnomalyKit]: AnomalyKit[Name] },
    'entries' | 'events' | 'told' | 'asked' | 'errors'
  >;
  const masters = singleMaster(createMasterKey(random.bytes(32), random));
  const vault = await openVault({
    storage,
    random,
    clock,
    masters,
    bus: createMemoryBus((error) => said.errors.push(error)),
  });
  const onError = (error: unknown): void => void said.errors.push(error);
  const log = await createAudit({ storage, vault, clock, random, holder: 'test', head: memoryHead(), onError });
  const audit: AuditSink = {
    record: async (tx, entry) => {
      await log.record(tx, entry);
      tx.afterCommit(() => said.entries.push(entry));
    },
  };
  const bus = createMemoryBus(onError);
  const again: AnomalyKit['again'] = async (more = {}, own = bus) => {
    const deps: AnomalyDeps = {
      storage,
      bus: own,
      audit,
      clock,
      random,
      metrics: createMetrics({ ofProcess: false }),
      config: { ...anomalyConfig.parse({}), ...change, ...more },
      announce: async (tx, event) => tx.afterCommit(() => void said.events.push(event)),
      suspect: (_use, what) => void said.told.push(what),
      askProof: (session) => void said.asked.push(session),
      placeOf: async (address) => PLACES[address],
      onError,
    };
    const made = createAnomalies(deps);
    await made.start();
    return made;
  };
  return { storage, anomalies: await again(), clock, ...said, again };
}

const main = tenantId('main');

export const keyOf = (id: string): Principal => ({
  kind: 'api-key',
  apiKeyId: apiKeyId(id),
  tenantId: main,
  scopes: [],
});

export const ada: Principal = {
  kind: 'person',
  personId: personId('ada'),
  sessionId: sessionId('session-of-ada'),
  realmId: realmId('main'),
  tenantId: main,
  username: 'ada',
  authenticatedAt: epochMs(0),
};

export function useOf(caller: Principal, more: Partial<Use> & { readonly address?: string } = {}): Use {
  const { address = '203.0.113.1', ...rest } = more;
  const context = {
    requestId: requestId('request-1'),
    receivedAt: epochMs(0),
    address,
    addressBlock: address,
    secure: true,
    operator: false,
    method: 'POST',
    url: '/v1/readings',
    headers: {},
  };
  return { context, caller, profile: 'twinkeep', status: 201, bytes: 700, records: 0, ...rest };
}

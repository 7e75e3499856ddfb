import { accessFault, accessMigrations } from '../access/index.ts';
import { apiKeyFault, apiKeyMigrations } from '../apikeys/index.ts';
import { auditFault, auditMigrations } from '../audit/index.ts';
import { backupFault, backupMigrations } from '../backups/index.ts';
import { cryptoFault } from '../crypto/index.ts';
import { deliveryFault, deliveryMigrations } from '../delivery/index.ts';
import { anomalyFault, detectionFault, detectionMigrations } from '../detection/index.ts';
import { gatewayFault } from '../gateway/index.ts';
import { httpFault } from '../http/index.ts';
import { identityFault, identityMigrations } from '../identity/index.ts';
import type { FaultTable } from '../kernel/errors.ts';
import { limitFault } from '../limits/index.ts';
import { mfaFault, mfaMigrations, passkeyFault } from '../mfa/index.ts';
import { readingFault, readingMigrations } from '../readings/index.ts';
import { feedFault, sessionFault, sessionMigrations } from '../sessions/index.ts';
import { type Migration, snapshotFault, storageFault } from '../storage/index.ts';
import { tenantFault, tenantMigrations } from '../tenants/index.ts';
import { masterFault, vaultFault, vaultMigrations } from '../vault/index.ts';
import { appFault } from './errors.ts';
import { tlsFault } from './tls-errors.ts';

/** Every table, in no order: each is named by its date. */
export const migrations: readonly Migration[] = [
  ...vaultMigrations,
  ...deliveryMigrations,
  ...auditMigrations,
  ...tenantMigrations,
  ...accessMigrations,
  ...apiKeyMigrations,
  ...identityMigrations,
  ...sessionMigrations,
  ...mfaMigrations,
  ...detectionMigrations,
  ...readingMigrations,
  ...backupMigrations,
];

/** Every code that a client can meet, by room; `docs/errors.md` is printed from it. */
export const faultTables: Readonly<Record<string, FaultTable>> = {
  http: httpFault.table,
  storage: { ...storageFault.table, ...snapshotFault.table },
  crypto: cryptoFault.table,
  vault: { ...vaultFault.table, ...masterFault.table },
  delivery: deliveryFault.table,
  audit: auditFault.table,
  tenants: tenantFault.table,
  identity: identityFault.table,
  sessions: { ...sessionFault.table, ...feedFault.table },
  mfa: { ...mfaFault.table, ...passkeyFault.table },
  access: accessFault.table,
  apikeys: apiKeyFault.table,
  limits: limitFault.table,
  detection: { ...detectionFault.table, ...anomalyFault.table },
  gateway: gatewayFault.table,
  readings: readingFault.table,
  backups: backupFault.table,
  app: { ...appFault.table, ...tlsFault.table },
};

/** What routes ask for; the catalogue that roles and keys are checked against is made of it. */
export const ASKED = [
  'read:meter_data',
  'write:meter_data',
  'delete:meter_data',
  'admin:users',
  'admin:api_keys',
  'admin:audit',
  'admin:webhooks',
  'platform:tenants',
  'platform:blocks',
  'platform:config',
  'platform:vault',
  'platform:backups',
  'admin:vault',
  'seal:fields',
  'open:fields',
  'platform:sessions',
  'platform:audit',
  'follow:revocations',
] as const;

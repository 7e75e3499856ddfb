import { type Audit, sealedFields as ofAudit } from '../audit/index.ts';
import { sealedFields as ofBackups } from '../backups/index.ts';
import { sealedFields as ofDelivery } from '../delivery/index.ts';
import type { Route } from '../http/index.ts';
import { sealedFields as ofIdentity } from '../identity/index.ts';
import { type TenantId, tenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import { days } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import type { Random } from '../kernel/random.ts';
import type { SealedField } from '../kernel/sealed.ts';
import { platform } from '../kernel/tx.ts';
import { sealedFields as ofMfa } from '../mfa/index.ts';
import { sealedFields as ofReadings } from '../readings/index.ts';
import { sealedFields as ofSessions } from '../sessions/index.ts';
import type { Storage } from '../storage/index.ts';
import {
  type Act,
  createKeys,
  createMasterActs,
  createMasterRotation,
  createRewrap,
  type Keys,
  keyRoutes,
  type MasterActs,
  type Rewrap,
  type Vault,
  vaultRoutes,
} from '../vault/index.ts';
import type { Config } from './config.ts';
import type { MasterKeyring } from './master-keys.ts';
import { settingOf } from './profile-keys.ts';
import type { Job } from './rooms.ts';

export interface KeepingDeps {
  readonly config: Config;
  readonly vault: Vault;
  readonly storage: Storage;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly random: Random;
  readonly keyring: MasterKeyring;
  readonly holder: string;
  /** The backups that a version of a data key is needed for. */
  readonly retainedBy: (tenant: TenantId, version: string) => Promise<readonly string[]>;
  /** Takes what was destroyed out of the backup of the keys. */
  readonly refreshKeystore: () => Promise<void>;
  /** For how long tokens that were sealed under a retired key may be alive. */
  readonly keepFor: () => number;
  readonly onError: (error: unknown) => void;
}

/** How keys follow each other, and what brings stored values along. */
export interface Keeping {
  /** Takes up a new master key that a setting names, at once. */
  start(): Promise<void>;
  readonly masterActs: MasterActs;
  readonly keys: Keys;
  readonly rewrap: Rewrap;
  readonly routes: readonly Route[];
  readonly jobs: readonly Job[];
}

const HOUSE: Actor = { principal: { kind: 'operator', tenantId: tenantId('platform') } }; // nobody asked: the time has come

/** Every column of every room whose values are envelopes. */
export const sealedFields: readonly SealedField[] = [
  ...ofMfa,
  ...ofAudit,
  ...ofSessions,
  ...ofDelivery,
  ...ofIdentity,
  ...ofReadings,
  ...ofBackups,
];

export function openKeeping(deps: KeepingDeps): Keeping {
  const { config, vault, storage, audit, clock, keyring, holder, onError } = deps;
  const rotator = createMasterRotation({ ...deps, ...keyring, operator: HOUSE });
  const acts = createMasterActs({ ...deps, ...keyring, rotator });
  const masterActs: MasterActs = {
    ...acts,
    rotate: async (by) => {
      const rotated = await acts.rotate(by);
      await deps.refreshKeystore().catch(onError); // it is sealed for the holder of the key before
      return rotated;
    },
  };
  const rewrap = createRewrap({ vault, storage, audit, clock, fields: sealedFields, holder, onError });
  const terms = { config: keyTerms(config), settingOf: settingOf(config) };
  const ordinary = createKeys({ ...deps, ...terms, countUnder: rewrap.countUnder });
  const keys: Keys = {
    ...ordinary,
    rotate: async (wish, by) => {
      const rotated = await ordinary.rotate(wish, by);
      if (wish.reason !== 'emergency') return rotated;
      if (wish.tenant === undefined) await rotatePseudonyms(deps, by);
      return rotated;
    },
    destroy: async (tenant, version, wish, by) => {
      await ordinary.destroy(tenant, version, wish, by);
      // Nobody else may be running. It is destroyed, whatever comes of this; a server that runs tries again.
      await deps.refreshKeystore().catch(onError);
    },
  };
  return {
    masterActs,
    keys,
    rewrap,
    routes: [...vaultRoutes({ vault, keys, clock }), ...keyRoutes({ keys, rewrap, master: masterActs })],
    start: async () => void (await rotator.settle()),
    jobs: [
      { name: 'vault.rotate', everyMs: 60_000, run: keys.rotateDue },
      { name: 'vault.rewrap', everyMs: 5_000, run: () => rewrap.run() },
      { name: 'vault.master', everyMs: 60_000, run: async () => void (await rotator.settle()) },
      { name: 'vault.provider', everyMs: 5_000, perProcess: true, run: keyring.masters.tend },
      // Word of a key that another process made may be lost: each looks for itself.
      { name: 'vault.keys', everyMs: 1_000, perProcess: true, run: vault.dataKeys.refresh },
      { name: 'vault.seals', everyMs: 10_000, perProcess: true, run: keys.flushSeals },
    ],
  };
}

/** Names that the log has for people nobody knows can be traced by whoever has the key; after this by nobody. */
async function rotatePseudonyms({ storage, vault, audit }: KeepingDeps, by: Act): Promise<void> {
  await storage.write(platform, async (tx) => {
    const name = await vault.subjects.rotatePseudonyms(tx);
    const object = { type: 'vault_key', id: name };
    await audit.record(tx, { ...by, action: 'vault.pseudonyms_rotated', outcome: 'done', object });
  });
}

/** Digital Twin v2.1 rotates once a year (X12); where anything else is served beside it, what that asks for. */
function keyTerms({ vault, profiles }: Config) {
  const yearly = profiles.every((name) => name === 'digital-twin-v2');
  return { ...vault, rotateEveryMs: vault.rotateEveryMs ?? (yearly ? days(365) : days(30)) };
}

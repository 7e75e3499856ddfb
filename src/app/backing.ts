import { resolve } from 'node:path';
import type { Audit } from '../audit/index.ts';
import { type BackupMaster, type Backups, backupRoutes, createBackups } from '../backups/index.ts';
import type { Route } from '../http/index.ts';
import { epochMs } from '../kernel/brand.ts';
import type { Place } from '../storage/index.ts';
import { backupIdentityOf, type OpenMasters, type Vault } from '../vault/index.ts';
import { migrations } from './catalogue.ts';
import { type Config, databaseUrlOf, sqliteFileOf } from './config.ts';
import { sealedFields } from './keeping.ts';
import type { Job, RoomDeps } from './rooms.ts';
import { VERSION } from './version.ts';

/** Backups, and what makes them on time. */
export interface Backing {
  readonly backups: Backups;
  readonly routes: readonly Route[];
  readonly jobs: readonly Job[];
  /** Says in the log what the operator should mend; of one thread of a process. */
  start(): Promise<void>;
}

export function openBacking(deps: RoomDeps & { readonly vault: Vault; readonly audit: Audit }): Backing {
  const { config, keyring, metrics, integrator } = deps;
  const place = placeOf(config);
  const backups = createBackups({
    ...deps,
    place,
    masters: keyring.masters,
    master: () => masterOf(keyring.masters),
    config: config.backups,
    folder: backupFolderOf(config),
    migrations,
    sealedFields,
    version: VERSION,
    metrics: integrator === undefined ? metrics : undefined, // one thread of a process tells
  });
  const look = async (): Promise<void> => {
    await backups.tidy();
    await backups.warnings();
  };
  const jobs: readonly Job[] = [
    { name: 'backups.make', everyMs: 60_000, run: backups.due },
    { name: 'backups.drill', everyMs: 60_000, run: backups.drillDue },
    { name: 'backups.keystore', everyMs: 60_000, run: backups.refreshKeystore },
    // Each process tells the ages in its own metrics, whoever makes the backups; of its threads one.
    ...(integrator === undefined ? [{ name: 'backups.look', everyMs: 60_000, perProcess: true, run: look }] : []),
  ];
  const lasts = place.dialect === 'postgres' || place.file !== ':memory:';
  const start = async (): Promise<void> => {
    if (!lasts) return;
    await backups.tidy().catch(deps.onError);
    for (const warning of await backups.warnings()) deps.onWarn(warning);
  };
  return { backups, routes: backupRoutes(backups), jobs: lasts ? jobs : [], start };
}

/** Where backups lie. */
export const backupFolderOf = ({ backups, data }: Pick<Config, 'backups' | 'data'>): string =>
  backups.folder ?? resolve(data, 'backups');

/** Where the database is, for what reads it beside the server. */
export function placeOf(config: Config): Place {
  const url = databaseUrlOf(config);
  const file = sqliteFileOf(url);
  return file === undefined ? { dialect: 'postgres', url: url.reveal() } : { dialect: 'sqlite', file };
}

async function masterOf(masters: OpenMasters): Promise<BackupMaster> {
  await masters.learn();
  const { id } = masters.current;
  const bytes = masters.bytes();
  const shares = Object(masters.known.find((known) => known.id === id)?.shares ?? {});
  const sharesMadeAt = Number.isSafeInteger(shares.at) ? epochMs(shares.at) : undefined;
  const scalar = backupIdentityOf(bytes.reveal());
  return { id, provider: masters.state.provider, scalar, bytes, sharesMadeAt };
}

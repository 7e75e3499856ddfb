import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isFault } from '../kernel/errors.ts';
import { createThrowaway, dropThrowaways, findThrowaways, type Place } from '../storage/index.ts';
import type { BackupDeps } from './backups.ts';
import { digestOf } from './backups-files.ts';
import { circumstanceOf, reasonOf } from './backups-reason.ts';
import { scratchOf } from './config.ts';
import { openSamples } from './drill-sealed.ts';
import { backupFault } from './errors.ts';
import { KEYSTORE_FILE } from './keystore.ts';
import { fillPlace } from './restore-place.ts';
import { type Rebuilt, rebuild } from './restore-rebuild.ts';
import { openBoth, type Source } from './restore-source.ts';
import type { Backup } from './store.ts';

/** One comparison of a drill. */
export interface Check {
  readonly what: string;
  readonly expected: string;
  readonly found: string;
  readonly good: boolean;
}

export interface DrillReport {
  /** `untried`: something beside the backup was in the way, which says nothing of it. */
  readonly result: 'good' | 'bad' | 'untried';
  readonly checks: readonly Check[];
  /** Why it could not be tried. */
  readonly reason: string | undefined;
}

type Deps = Pick<
  BackupDeps,
  | 'folder'
  | 'config'
  | 'place'
  | 'audit'
  | 'clock'
  | 'random'
  | 'migrations'
  | 'onError'
  | 'master'
  | 'masters'
  | 'sealedFields'
>;

const PREFIX = 'drill-';

/**
 * Restores a backup with the present keystore into a place that is thrown away, and holds what came out against what
 * went in. Whatever is wrong with the backup is a bad drill, not an error: it is the answer that was asked for.
 */
export async function drillBackup(deps: Deps, backup: Backup): Promise<DrillReport> {
  const checks: Check[] = [];
  try {
    await tryBackup(deps, backup, checks);
  } catch (error) {
    deps.onError(error);
    const reason = hindranceOf(error);
    if (reason !== undefined) return { result: 'untried', checks, reason };
    checks.push(checkOf('restores', 'yes', failureOf(error)));
  }
  return { result: checks.every(({ good }) => good) ? 'good' : 'bad', checks, reason: undefined };
}

const HINDRANCES: readonly string[] = [
  'STORAGE_UNAVAILABLE',
  'STORAGE_BUSY',
  'STORAGE_WAITED',
  'STORAGE_SCOPE',
  'VAULT_PROVIDER_AWAY',
  'BACKUP_UNSUPPORTED',
];

/** What was in the way beside the backup, which may be as good as ever; a file that is gone or fails is its own. */
function hindranceOf(error: unknown): string | undefined {
  const isOfFiles = error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'EIO');
  const circumstance = isOfFiles ? undefined : circumstanceOf(error);
  if (circumstance !== undefined) return circumstance;
  return isFault(error) && HINDRANCES.includes(error.code) ? reasonOf(error) : undefined;
}

async function tryBackup(deps: Deps, backup: Backup, checks: Check[]): Promise<void> {
  const file = join(deps.folder, backup.file);
  if (backup.sha256 !== undefined) checks.push(checkOf('file', backup.sha256, await digestOf(file)));
  const { bytes } = await deps.master();
  const opened = await openBoth(file, join(deps.folder, KEYSTORE_FILE), { master: bytes, identity: undefined });
  const { place, remove } = await throwAway(deps, backup.id);
  try {
    const filled = await fillPlace(deps, opened, place);
    const { source } = filled;
    try {
      const found = new Map(filled.restored.tables.map(({ name, rows }) => [name, rows]));
      for (const { name, rows } of source.tables) checks.push(countCheck(name, rows, found.get(name)));
      const digests = new Map(filled.restored.digests.map(({ name, sha256 }) => [name, sha256]));
      for (const { name, sha256 } of source.parts) checks.push(checkOf(`digest of ${name}`, sha256, digests.get(name)));
      const rebuilt = await rebuild(deps, filled.storage, opened.keystore, source);
      checks.push(...(await compare(deps, rebuilt, source)));
    } finally {
      await filled.storage.close();
    }
  } finally {
    await remove();
  }
}

async function compare(deps: Deps, rebuilt: Rebuilt, source: Source): Promise<readonly Check[]> {
  const { flaws, entries } = rebuilt.audit;
  const opened = await openSamples(rebuilt.storage, rebuilt.vault, deps.sealedFields, Object.keys(source.needed));
  return [
    checkOf('audit log', 'whole', flaws[0] ?? 'whole'),
    {
      what: 'audit entries',
      expected: `${source.auditSize} or more`,
      found: String(entries),
      good: entries >= source.auditSize,
    },
    ...opened
      .filter(({ tried }) => tried > 0)
      .map(({ field, tried, opened: good }) =>
        checkOf(`opens ${field}`, `${tried} of ${tried}`, `${good} of ${tried}`),
      ),
  ];
}

const checkOf = (what: string, expected: string, found = 'nothing'): Check => ({
  what,
  expected,
  found,
  good: expected === found,
});

const countCheck = (name: string, rows: number, found: number | undefined): Check =>
  checkOf(`rows of ${name}`, String(rows), found === undefined ? undefined : String(found));

async function throwAway(deps: Deps, id: string): Promise<{ place: Place; remove: () => Promise<void> }> {
  const { folder, config, place } = deps;
  if (place.dialect === 'postgres') {
    await clearDrills(deps);
    const name = `${prefixOf(place.url, deps.audit.key.keyName)}${id.replaceAll('-', '').slice(-12)}`;
    const { url, drop } = await createThrowaway(place.url, name).catch((error: unknown) => {
      if (!isFault(error, 'STORAGE_SCOPE')) throw error;
      const reason = 'the user of the database may not make the database of a drill: alter role … createdb';
      throw backupFault('BACKUP_UNSUPPORTED', { reason }, error);
    });
    return { place: { dialect: 'postgres', url }, remove: drop };
  }
  const scratch = scratchOf(config, folder);
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  const own = await mkdtemp(join(scratch, PREFIX));
  return {
    place: { dialect: 'sqlite', file: join(own, 'twinkeep.db') },
    remove: () => rm(own, { recursive: true, force: true }),
  };
}

/**
 * Drops the databases of drills whose processes were killed: they hold what everybody has entrusted to the real one.
 * Only where no drill can be running.
 */
export async function clearDrills({ place, audit }: Pick<Deps, 'place' | 'audit'>): Promise<void> {
  if (place.dialect === 'postgres') await dropThrowaways(place.url, prefixOf(place.url, audit.key.keyName));
}

/** Whether there are any that a killed process has left, or that a running drill needs. */
export async function hasDrills({ place, audit }: Pick<Deps, 'place' | 'audit'>): Promise<boolean> {
  if (place.dialect !== 'postgres') return false;
  return (await findThrowaways(place.url, prefixOf(place.url, audit.key.keyName))).length > 0;
}

/** Of this Twinkeep in this database alone: a server of databases may hold others, whose drills are running. */
function prefixOf(url: string, origin: string): string {
  const own = createHash('sha256').update(JSON.stringify([new URL(url).pathname, origin]));
  return `twinkeep_drill_${own.digest('hex').slice(0, 12)}_`;
}

function failureOf(error: unknown): string {
  if (isFault(error)) {
    const { reason } = error.facts;
    return typeof reason === 'string' ? `${error.message} ${reason}` : error.message;
  }
  return error instanceof Error && 'code' in error ? String(error.code) : 'an error; see the log';
}

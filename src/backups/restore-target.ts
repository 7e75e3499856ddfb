import { accessSync, constants, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { lockDatabase, lockFolder, type OwnerLock } from '../storage/index.ts';
import { backupFault } from './errors.ts';

/** Where a backup goes: a data folder, and the file of its database, where it is one. */
export interface RestoreTo {
  readonly folder: string;
  readonly database: string | undefined;
}

/** What was at the target before, and where it is now. */
export interface Moved {
  readonly from: string;
  readonly to: string;
}

/** A target that is prepared beside its place. Nothing is at the place itself until `stand`. */
export interface Target {
  /** The folder whose contents will be those of the data folder. */
  readonly draft: string;
  /** The file that will be the database, where it is one. */
  readonly database: string | undefined;
  /** Puts everything in its place, or leaves all as it was. @returns what was there before */
  stand(): Promise<readonly Moved[]>;
  /** Removes what was prepared, and lets the folder go. */
  discard(): Promise<void>;
}

/** Moves that are made together. */
type Moves = readonly (readonly [from: string, to: string, aside: string])[];

/**
 * Prepares a target, and keeps every other Twinkeep out of it meanwhile.
 *
 * @param replace moves aside what is there, instead of refusing
 * @param stamp names what is prepared and what is moved aside
 * @throws BACKUP_TARGET where something is there, STORAGE_LOCKED where a Twinkeep runs on it
 */
export function prepareTarget(to: RestoreTo, replace: boolean, stamp: string): Target {
  const folder = resolve(to.folder);
  const file = to.database === undefined ? undefined : resolve(to.database);
  const apart = file !== undefined && relative(folder, file).startsWith('..') ? file : undefined;
  const locks = takeLocks(folder, apart);
  try {
    const present = [folder, ...(apart === undefined ? [] : DATABASE.map((end) => `${apart}${end}`))].filter(isTaken);
    if (present.length > 0 && !replace) throw backupFault('BACKUP_TARGET', { places: present });
    const stays = isFixed(folder);
    const draft = stays ? join(folder, `.restoring-${stamp}`) : `${folder}.restoring-${stamp}`;
    removeDead(draft);
    const database = apart === undefined ? file && join(draft, relative(folder, file)) : `${apart}.restoring-${stamp}`;
    if (apart !== undefined && database !== undefined) removeDead(database);
    mkdirSync(dirname(database ?? join(draft, '-')), { recursive: true, mode: 0o700 });
    mkdirSync(draft, { recursive: true, mode: 0o700 });
    locks.push(lockDatabase(draft));
    if (apart !== undefined && database !== undefined) locks.push(lockDatabase(database));
    const moves = (): Moves => [
      ...(apart === undefined || database === undefined ? [] : movesOfDatabase(apart, database, stamp)),
      ...movesOf(folder, draft, stays, stamp),
    ];
    return targetOf(draft, database, moves, locks, apart !== undefined);
  } catch (error) {
    for (const lock of locks) lock.release();
    throw error;
  }
}

function targetOf(
  draft: string,
  database: string | undefined,
  moves: () => Moves,
  locks: OwnerLock[],
  isApart: boolean,
): Target {
  const release = (): void => {
    for (const lock of locks.splice(0)) lock.release();
  };
  const clear = (): void => {
    release();
    removeDraft(draft);
    if (isApart && database !== undefined) removeDraft(database);
  };
  return {
    draft,
    database,
    stand: async () => {
      await syncTree(draft);
      if (isApart && database !== undefined) await sync(database);
      const all = moves();
      const moved = moveAll(all);
      for (const parent of new Set(all.map(([, to]) => dirname(to)))) await sync(parent);
      clear();
      return moved;
    },
    discard: async () => clear(),
  };
}

/** A file of SQLite with what belongs to it, which would be played into whatever bears its name; the file last. */
const DATABASE = ['-wal', '-shm', '-journal', ''];

const movesOfDatabase = (file: string, draft: string, stamp: string): Moves =>
  DATABASE.map((end) => [
    existsSync(`${draft}${end}`) ? `${draft}${end}` : '',
    `${file}${end}`,
    `${file}.before-restore-${stamp}${end}`,
  ]);

/** A folder is moved as a whole; one that must stay where it is changes its contents, the database last. */
function movesOf(folder: string, draft: string, stays: boolean, stamp: string): Moves {
  if (!stays) return [[draft, folder, `${folder}.before-restore-${stamp}`]];
  const aside = join(folder, `before-restore-${stamp}`);
  const fresh = readdirSync(draft);
  fresh.sort((a, b) => Number(a.includes('.db')) - Number(b.includes('.db')));
  const old = readdirSync(folder).filter((name) => !HARMLESS.test(name) && !fresh.includes(name));
  if (old.length > 0 || fresh.some((name) => existsSync(join(folder, name)))) mkdirSync(aside, { mode: 0o700 });
  return [
    ...old.map((name) => ['', join(folder, name), join(aside, name)] as const),
    ...fresh.map((name) => [join(draft, name), join(folder, name), join(aside, name)] as const),
  ];
}

/** Half of an old state beside half of a new one is neither: a move that fails undoes those before it. */
function moveAll(moves: Moves): readonly Moved[] {
  const undo: (() => void)[] = [];
  const moved: Moved[] = [];
  const empty: string[] = [];
  const move = (from: string, to: string): void => {
    renameSync(from, to);
    undo.push(() => renameSync(to, from));
  };
  try {
    for (const [from, to, aside] of moves) {
      if (existsSync(to)) {
        const counts = isTaken(to);
        move(to, aside);
        if (counts) moved.push({ from: to, to: aside });
        else empty.push(aside);
      }
      if (from !== '') move(from, to);
    }
    for (const place of empty) rmSync(place, { recursive: true, force: true });
    return moved;
  } catch (error) {
    for (const step of undo.reverse()) step();
    throw error;
  }
}

/** A folder with nothing but these is empty. */
const HARMLESS = /^(owner\.lock(-journal)?|lost\+found|\.restoring-.*|before-restore-.*)$/;

function isTaken(place: string): boolean {
  if (!existsSync(place)) return false;
  return !statSync(place).isDirectory() || readdirSync(place).some((name) => !HARMLESS.test(name));
}

/** A mounted volume, or a folder in one that we may not write to, can't be put aside. */
function isFixed(folder: string): boolean {
  if (!existsSync(folder)) return false;
  if (statSync(folder).dev !== statSync(dirname(folder)).dev) return true;
  try {
    accessSync(dirname(folder), constants.W_OK);
    return false;
  } catch {
    return true;
  }
}

function takeLocks(folder: string, file: string | undefined): OwnerLock[] {
  const locks: OwnerLock[] = [];
  try {
    if (existsSync(folder)) locks.push(lockFolder(folder));
    if (file !== undefined && DATABASE.some((end) => existsSync(`${file}${end}`))) locks.push(lockDatabase(file));
    return locks;
  } catch (error) {
    for (const lock of locks) lock.release();
    throw error;
  }
}

const STAMP = /^\d{8}T\d{6}Z$/;

/** What a killed restore has left holds everything in the clear. One that still runs holds its lock. */
function removeDead(draft: string): void {
  const prefix = basename(draft).slice(0, basename(draft).indexOf('restoring-') + 'restoring-'.length);
  if (!existsSync(dirname(draft))) return;
  for (const name of readdirSync(dirname(draft))) {
    if (!name.startsWith(prefix) || !STAMP.test(name.slice(prefix.length))) continue;
    const dead = join(dirname(draft), name);
    try {
      lockDatabase(dead).release();
    } catch {
      continue;
    }
    removeDraft(dead);
  }
}

const TRACES = ['', '-wal', '-shm', '-journal', '.lock', '.lock-journal'];

function removeDraft(draft: string): void {
  for (const end of TRACES) rmSync(`${draft}${end}`, { recursive: true, force: true });
}

async function syncTree(place: string): Promise<void> {
  if (statSync(place).isDirectory()) for (const name of readdirSync(place)) await syncTree(join(place, name));
  await sync(place);
}

async function sync(place: string): Promise<void> {
  const handle = await open(place, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

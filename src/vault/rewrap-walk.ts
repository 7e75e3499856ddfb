import { setImmediate as immediate } from 'node:timers/promises';
import { type EpochMs, personId, type TenantId } from '../kernel/brand.ts';
import { isFault } from '../kernel/errors.ts';
import type { RowKey, SealedField } from '../kernel/sealed.ts';
import { inTenant, platform, type Scope, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { Pace } from './rewrap-pace.ts';
import { rewrapStore, type Step } from './store-rewrap.ts';
import { keyFromValues, keyValues, type SealedRow, type SealedStore, type Swap } from './store-sealed.ts';
import type { SubjectKeys } from './subjects.ts';
import type { FieldSealer } from './vault.ts';

/** A sealed column with its SQL. */
export interface Walked {
  readonly field: SealedField;
  /** `table.column`. */
  readonly name: string;
  readonly store: SealedStore;
}

export interface WalkDeps {
  readonly storage: Storage;
  /** Takes up keys that another process has made: what it sealed is read before it is heard of. */
  readonly freshen: (tenant: TenantId) => Promise<unknown>;
  readonly subjects: SubjectKeys;
  readonly pace: Pace;
  readonly now: () => EpochMs;
}

/** One column of one tenant, on its way under one version. */
export interface Walk {
  readonly walked: Walked;
  readonly tenant: TenantId;
  readonly sealer: FieldSealer;
  readonly target: string;
  /** Versions that are followed by the target; what is under another one is left as it is, or unreadable. */
  readonly isNewer: (version: string) => boolean;
  /** False when there is no more time. */
  readonly goOn: () => Promise<boolean>;
}

const ROWS_PER_LOOK = 1_000;

export type Walkable = 'finished' | 'interrupted' | 'overtaken';

/** What is to be done with a stretch of rows. */
interface Plan {
  readonly step: Omit<Step, 'done'>;
  readonly swaps: readonly Swap[];
  readonly unreadable: readonly string[];
}

export const scopeOf = ({ rows }: SealedField, tenant: TenantId): Scope =>
  rows === 'tenant' ? inTenant(tenant) : platform;

/**
 * Brings a column's values under the target, stretch by stretch in the order of keys, from where the last walk stopped.
 * While a stretch is synced to the disk the next one is opened and sealed: whatever is changed meanwhile by others is
 * left to them, for each value is only replaced where it is still the one that was read.
 *
 * @returns 'overtaken' where another walk has come between, or the target is not what is sealed under any more
 */
export async function walkColumn(deps: WalkDeps, walk: Walk): Promise<Walkable> {
  const place = await placeOf(deps, walk);
  if (place.finishedAt !== undefined) return 'finished';
  let plan = await planNext(deps, walk, keyFromValues(walk.walked.field, place.afterKey));
  let seen = place.seen;
  for (;;) {
    if (walk.sealer.version !== walk.target) return 'overtaken';
    const current = plan;
    const { finishedAt } = current.step;
    const ran = Promise.withResolvers<void>();
    const writing = write(deps, walk, { ...place, seen }, current, ran.resolve).finally(ran.resolve);
    writing.catch(() => undefined); // it is awaited below
    await ran.promise;
    await immediate(); // the write is being synced, and nobody waits for the event loop but others
    if (finishedAt === undefined) plan = await planNext(deps, walk, keyAfter(walk, current));
    if (!(await writing)) return 'overtaken';
    if (finishedAt !== undefined) return 'finished';
    seen += current.step.seen;
    await deps.pace.rest();
    if (!(await walk.goOn())) return 'interrupted';
  }
}

const keyAfter = ({ walked }: Walk, { step }: Plan): RowKey | undefined => keyFromValues(walked.field, step.afterKey);

/** Where to go on; a walk under another target than the one before begins anew. */
async function placeOf({ storage, now }: WalkDeps, { tenant, walked: { name }, target }: Walk) {
  const known = await storage.read(platform, (tx) => rewrapStore.place(tx, tenant, name));
  if (known?.target === target) return known;
  const fresh = await storage.write(platform, async (tx) => {
    await rewrapStore.begin(tx, tenant, name, target, now());
    return rewrapStore.place(tx, tenant, name);
  });
  if (fresh === undefined) throw new TypeError('a walk that was begun has a place');
  return fresh;
}

/** Opens and seals the next stretch, without writing anything. */
async function planNext(deps: WalkDeps, walk: Walk, after: RowKey | undefined): Promise<Plan> {
  const { storage, pace, now } = deps;
  const { field, store } = walk.walked;
  const most = pace.rows();
  let from = performance.now();
  const { rows, subjects } = await storage.read(scopeOf(field, walk.tenant), async (tx) => {
    const found = await store.page(tx, after, most);
    return {
      rows: found,
      subjects: typeof field.under === 'object' ? await openAll(deps, walk, tx, found) : undefined,
    };
  });
  await deps.freshen(walk.tenant);
  if (storage.dialect !== 'sqlite') from = performance.now(); // the event loop was free while the database worked
  const swaps: Swap[] = [];
  const unreadable: string[] = [];
  const indexesOf = createIndexesOf(walk);
  for (const [n, row] of rows.entries()) {
    const outcome = planRow(walk, row, subjects?.[n], indexesOf);
    if (outcome === 'unreadable') unreadable.push(field.row(row.key));
    else if (outcome !== 'kept') swaps.push(outcome);
  }
  pace.spent(rows.length, performance.now() - from);
  const last = rows.at(-1);
  return {
    swaps,
    unreadable,
    step: {
      afterKey: last === undefined ? null : keyValues(field, last.key),
      seen: rows.length,
      unreadable: unreadable.length,
      finishedAt: rows.length < most ? now() : undefined,
    },
  };
}

/**
 * What is under a version after its walk: nothing, what does not open and is noted so, or what is to be walked again;
 * undefined where it was stopped.
 */
export type Left = 'nothing' | 'unreadable' | 'late' | undefined;

/**
 * Looks for what a walk has left behind under a version. Whatever opens came after the walk had passed, also where the row
 * was noted before as one that does not open.
 *
 * @param goOn is asked between stretches
 */
export async function leftUnder(deps: WalkDeps, walk: Walk, version: string): Promise<Left> {
  const { storage } = deps;
  const { walked, tenant, goOn } = walk;
  const { field, name, store } = walked;
  let left: Left = 'nothing';
  for (let after: RowKey | undefined; ; ) {
    const from = after;
    const { rows, subjects, last } = await storage.read(scopeOf(field, tenant), async (tx) => {
      const found = await store.under(tx, version, from, ROWS_PER_LOOK);
      const personal = typeof field.under === 'object' ? await openAll(deps, walk, tx, found.rows) : undefined;
      return { ...found, subjects: personal };
    });
    await deps.freshen(tenant);
    const indexesOf = createIndexesOf(walk);
    if (rows.some((row, n) => planRow(walk, row, subjects?.[n], indexesOf) !== 'unreadable')) return 'late';
    const names = rows.map(({ key }) => field.row(key));
    if (!(await storage.read(platform, (tx) => rewrapStore.areUnreadable(tx, tenant, name, names)))) return 'late';
    if (rows.length > 0) left = 'unreadable';
    if (last === undefined) return left;
    after = last;
    await immediate();
    if (!(await goOn())) return undefined;
  }
}

/** Text of a person's value; gone where the person's key was destroyed, and with it the right to be found. */
type Personal = { readonly text: string } | 'gone' | 'unreadable' | undefined;

async function openAll(deps: WalkDeps, walk: Walk, tx: Tx, rows: readonly SealedRow[]): Promise<readonly Personal[]> {
  const opened: Personal[] = [];
  for (const row of rows) opened.push(hasOldIndex(walk, row) ? await openPersonal(deps, walk, tx, row) : undefined);
  return opened;
}

async function openPersonal(
  { subjects }: WalkDeps,
  { walked: { name } }: Walk,
  tx: Tx,
  { subject, sealed }: SealedRow,
): Promise<Personal> {
  if (subject === undefined || sealed === null) return 'unreadable';
  try {
    return { text: await subjects.open(tx, personId(subject), name, sealed) };
  } catch (error) {
    if (isFault(error, 'VAULT_SUBJECT_ERASED')) return 'gone';
    if (isOfOneValue(error)) return 'unreadable';
    throw error;
  }
}

function planRow(walk: Walk, row: SealedRow, personal: Personal, indexesOf: IndexesOf): Swap | 'kept' | 'unreadable' {
  const { key, sealed } = row;
  const isIndexOld = hasOldIndex(walk, row);
  if (sealed === null) return isIndexOld ? 'unreadable' : 'kept';
  if (typeof walk.walked.field.under === 'object') {
    if (personal === undefined) return sealed.startsWith('tk1.') && isUnderOld(walk, sealed) ? 'unreadable' : 'kept';
    if (personal === 'unreadable') return personal;
    const indexes = personal === 'gone' ? row.indexes.map(() => null) : indexesOf(personal.text);
    return { key, previous: sealed, next: sealed, indexes };
  }
  if (!sealed.startsWith('tk1.')) return isIndexOld ? 'unreadable' : 'kept'; // an index of what we cannot read
  const isOld = isUnderOld(walk, sealed);
  if (!isOld && !isIndexOld) return 'kept';
  const { table, column, row: rowOf } = walk.walked.field;
  const place = { table, column, row: rowOf(key) };
  const text = opened(walk.sealer, place, sealed);
  if (text === undefined) return 'unreadable';
  return {
    key,
    previous: sealed,
    next: isOld ? walk.sealer.seal(place, text) : sealed,
    indexes: indexesOf(text),
  };
}

/** Undefined for what does not open: it is left as it is, and said to the operator by its row. */
function opened(sealer: FieldSealer, place: Parameters<FieldSealer['open']>[0], sealed: string): string | undefined {
  try {
    return sealer.open(place, sealed);
  } catch (error) {
    if (isOfOneValue(error)) return undefined;
    throw error;
  }
}

/** What one value is to blame for, or the one key it is under; a provider that is away is not among them. */
const OF_ONE_VALUE: ReadonlySet<string> = new Set(['VAULT_UNREADABLE', 'VAULT_KEY_UNKNOWN', 'VAULT_MASTER_KEY']);

const isOfOneValue = (error: unknown): boolean => isFault(error) && OF_ONE_VALUE.has(error.code);

type IndexesOf = (text: string) => readonly (string | null)[];

/** For one stretch of rows: neighbours often hold the same text, as the readings of one meter do. */
function createIndexesOf({ walked: { field }, sealer }: Walk): IndexesOf {
  const { table, column, indexes = [] } = field;
  const known = new Map<string, readonly (string | null)[]>();
  if (indexes.length === 0) return () => [];
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const made = indexes.map((index) => {
      const searched = index.of(text);
      return searched === undefined ? null : sealer.index({ table, column }, searched);
    });
    known.set(text, made);
    return made;
  };
}

const hasOldIndex = (walk: Walk, { indexes }: SealedRow): boolean =>
  indexes.some((index) => index?.startsWith('bi1.') === true && isUnderOld(walk, index));

function isUnderOld({ target, isNewer }: Walk, value: string): boolean {
  const version = value.slice(4, value.indexOf('.', 4)); // behind `tk1.` or `bi1.`
  return version !== target && !isNewer(version);
}

/** @returns false where another walk was here first: then nothing is changed */
async function write(
  { storage, pace, now }: WalkDeps,
  { walked: { field, name, store }, tenant }: Walk,
  place: Parameters<typeof rewrapStore.move>[1],
  plan: Plan,
  ran: () => void,
): Promise<boolean> {
  const asked = performance.now();
  try {
    await storage.write(scopeOf(field, tenant), async (tx) => {
      const from = performance.now();
      pace.waited(from - asked);
      const swapped = await Promise.all(plan.swaps.map((swap) => store.swap(tx, swap)));
      const done = swapped.reduce((sum, changed) => sum + changed, 0);
      if (plan.unreadable.length > 0) await rewrapStore.addUnreadable(tx, tenant, name, plan.unreadable, now());
      if (!(await rewrapStore.move(tx, place, { ...plan.step, done }))) throw OVERTAKEN;
      if (storage.dialect === 'sqlite') pace.spent(plan.swaps.length, performance.now() - from);
      ran();
    });
    return true;
  } catch (error) {
    if (error === OVERTAKEN) return false;
    throw error;
  }
}

const OVERTAKEN = new Error('another walk has come between');

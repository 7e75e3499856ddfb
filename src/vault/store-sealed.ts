import type { RowKey, SealedField } from '../kernel/sealed.ts';
import type { Columns, RowOf, Statement, Tx } from '../kernel/tx.ts';
import { statement } from '../storage/index.ts';

/** A row of a sealed column, as the walk reads it. */
export interface SealedRow {
  readonly key: RowKey;
  /** What is stored; null where the row has no value. */
  readonly sealed: string | null;
  /** Whose key it is sealed under; undefined where that is not a person's. */
  readonly subject: string | undefined;
  /** In the order of the field's indexes. */
  readonly indexes: readonly (string | null)[];
}

/** What a row is to hold in the place of what was read. */
export interface Swap {
  readonly key: RowKey;
  readonly previous: string;
  readonly next: string;
  readonly indexes: readonly (string | null)[];
}

/** A stretch of rows in the order of keys, and how many of them need a version. */
export interface Counted {
  readonly found: number;
  /** Behind which the next stretch begins; undefined where none is left. */
  readonly last: RowKey | undefined;
}

/** The SQL of one sealed column. Its rows are those of the transaction's tenant, or all where they are the platform's. */
export interface SealedStore {
  /** Rows behind `after`, in the order of keys. */
  page(tx: Tx, after: RowKey | undefined, most: number): Promise<readonly SealedRow[]>;
  /** @returns how many rows changed: 0 where it has changed since it was read, or is gone */
  swap(tx: Tx, swap: Swap): Promise<number>;
  /** Looks at the next `most` rows behind `after`: a whole table at once would stop the event loop for seconds. */
  count(tx: Tx, version: string, after: RowKey | undefined, most: number): Promise<Counted>;
  /** As `count`, but the rows themselves. */
  under(tx: Tx, version: string, after: RowKey | undefined, most: number): Promise<Found>;
}

/** A stretch of rows in the order of keys, and those of them that need a version. */
export interface Found {
  readonly rows: readonly SealedRow[];
  readonly last: RowKey | undefined;
}

type Made = Statement<Columns, Columns>;

const IDENTIFIER = /^[a-z][a-z0-9_]{0,62}$/;

/** @throws TypeError for a name that is not plain, a key column of another type, a table that nobody could walk */
export function createSealedStore(field: SealedField): SealedStore {
  const { table, key, under, rows } = assertField(field);
  const names = Object.keys(key);
  const indexes = field.indexes ?? [];
  const reach = rows;
  const mine = rows === 'tenant' ? ['tenant_id = :tenant_id'] : [];
  const order = names.join(', ');
  const keyColumns: Columns = Object.fromEntries(names.map((name) => [`key_${name}`, key[name] ?? 'text']));
  const selected = [
    ...names.map((name) => `${name} as key_${name}`),
    `${field.column} as sealed`,
    ...(typeof under === 'object' ? [`${under.subject} as subject`] : []),
    ...indexes.map(({ column }, n) => `${column} as index_${n}`),
  ].join(', ');
  const rowColumns: Columns = {
    ...keyColumns,
    sealed: 'text?',
    ...(typeof under === 'object' ? { subject: 'text?' as const } : {}),
    ...columnsOf(indexes.length, 'text?'),
  };
  const whole = (after: boolean) => whereOf([...mine, ...(after ? [behind(names)] : [])]);
  const from = (after: boolean): Columns => (after ? keyColumns : {});

  const makePage = (after: boolean): Made =>
    statement({
      reach,
      sql: `select ${selected} from ${table}${whole(after)} order by ${order} limit :most`,
      params: { ...from(after), most: 'int' },
      returns: rowColumns,
    });
  const makeLast = (after: boolean): Made =>
    statement({
      reach,
      sql: `select ${names.map((name) => `${name} as key_${name}`).join(', ')} from ${table}${whole(after)}
        order by ${order} limit 1 offset :skipped`,
      params: { ...from(after), skipped: 'int' },
      returns: keyColumns,
    });
  const makeCount = (after: boolean): Made =>
    statement({
      reach,
      sql: `select coalesce(sum(case when ${underVersion(indexes.length)} then 1 else 0 end), 0) as found
        from (select ${selected} from ${table}${whole(after)} order by ${order} limit :most) as stretch`,
      params: { ...from(after), most: 'int', low: 'text', past: 'text', ...indexRange(indexes.length) },
      returns: { found: 'int' },
    });
  const makeUnder = (after: boolean): Made =>
    statement({
      reach,
      sql: `select * from (select ${selected} from ${table}${whole(after)} order by ${order} limit :most) as stretch
        where ${underVersion(indexes.length)}`,
      params: { ...from(after), most: 'int', low: 'text', past: 'text', ...indexRange(indexes.length) },
      returns: rowColumns,
    });
  const page = both(makePage);
  const stretch = both(makeUnder);
  const last = both(makeLast);
  const count = both(makeCount);
  const update: Made = statement({
    reach,
    sql: `update ${table} set ${[`${field.column} = :next`, ...indexes.map(({ column }, n) => `${column} = :index_${n}`)].join(', ')}
      ${whereOf([...mine, ...names.map((name) => `${name} = :key_${name}`), `${field.column} = :previous`])}`,
    params: { ...keyColumns, next: 'text', previous: 'text', ...columnsOf(indexes.length, 'text?') },
  });

  const rowOf = (row: RowOf<Columns>): SealedRow => ({
    key: keyOf(names, row),
    sealed: textOf(row['sealed']),
    subject: textOf(row['subject']) ?? undefined,
    indexes: indexes.map((_, n) => textOf(row[`index_${n}`])),
  });
  const rangesOf = (version: string): Record<string, string> => {
    const index = rangeOf('bi1', version);
    const ofIndex = indexes.length > 0 ? { index_low: index.low, index_past: index.past } : {};
    return { ...rangeOf('tk1', version), ...ofIndex };
  };
  const lastOf = async (tx: Tx, after: RowKey | undefined, most: number): Promise<RowKey | undefined> => {
    const end = await tx.one(last(after), { ...paramsOf(after), skipped: most - 1 });
    return end && keyOf(names, end);
  };

  return {
    page: async (tx, after, most) => {
      const found = await tx.all(page(after), { ...paramsOf(after), most });
      return found.map(rowOf);
    },
    swap: (tx, { key: at, previous, next, indexes: values }) => {
      const params = paramsOf(at);
      params['previous'] = previous;
      params['next'] = next;
      for (let n = 0; n < values.length; n++) params[`index_${n}`] = values[n] ?? null;
      return tx.run(update, params);
    },
    count: async (tx, version, after, most) => {
      const counted = await tx.one(count(after), { ...paramsOf(after), most, ...rangesOf(version) });
      return { found: Number(counted?.['found'] ?? 0), last: await lastOf(tx, after, most) };
    },
    under: async (tx, version, after, most) => {
      const found = await tx.all(stretch(after), { ...paramsOf(after), most, ...rangesOf(version) });
      return { rows: found.map(rowOf), last: await lastOf(tx, after, most) };
    },
  };
}

/** A key as it is kept with the progress, and read from there. */
export const keyValues = (field: SealedField, key: RowKey): readonly (string | number)[] =>
  Object.keys(field.key).flatMap((name) => key[name] ?? []);

/** @returns undefined for what is no key of the field */
export function keyFromValues(field: SealedField, values: unknown): RowKey | undefined {
  const columns = Object.entries(field.key);
  if (!Array.isArray(values) || values.length !== columns.length) return undefined;
  const key: Record<string, string | number> = {};
  for (const [n, [name, type]] of columns.entries()) {
    const value: unknown = values[n];
    if (type === 'int' ? !Number.isSafeInteger(value) : typeof value !== 'string') return undefined;
    if (typeof value === 'string' || typeof value === 'number') key[name] = value;
  }
  return key;
}

function assertField(field: SealedField): SealedField {
  const { table, column, key, under, rows, indexes = [] } = field;
  const subject = typeof under === 'object' ? [under.subject] : [];
  for (const name of [table, column, ...Object.keys(key), ...subject, ...indexes.map((index) => index.column)]) {
    if (!IDENTIFIER.test(name)) throw new TypeError(`${name} is not a plain SQL name`);
  }
  const types = Object.values(key);
  if (types.length === 0 || types.some((type) => type !== 'text' && type !== 'int')) {
    throw new TypeError(`${table} must have a key of text and int columns to be walked`);
  }
  if (under !== rows && typeof under !== 'object') {
    throw new TypeError(`${table}.${column}: rows of a ${rows} are sealed under its own keys`);
  }
  return field;
}

const whereOf = (conditions: readonly string[]): string =>
  conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`;

function behind(names: readonly string[]): string {
  const params = names.map((name) => `:key_${name}`);
  return names.length === 1 ? `${names[0]} > ${params[0]}` : `(${names.join(', ')}) > (${params.join(', ')})`;
}

/** Text that begins with the name of a version: `.` is the character before `/`. */
const rangeOf = (form: string, version: string) => ({ low: `${form}.${version}.`, past: `${form}.${version}/` });

const underVersion = (indexes: number): string =>
  ['(sealed >= :low and sealed < :past)']
    .concat(Array.from({ length: indexes }, (_, n) => `(index_${n} >= :index_low and index_${n} < :index_past)`))
    .join(' or ');

const indexRange = (indexes: number): Columns => (indexes === 0 ? {} : { index_low: 'text', index_past: 'text' });

const columnsOf = (indexes: number, type: 'text?'): Columns =>
  Object.fromEntries(Array.from({ length: indexes }, (_, n) => [`index_${n}`, type]));

/** A statement from the first row on, and one from behind a key. */
function both(make: (after: boolean) => Made): (after: RowKey | undefined) => Made {
  const first = make(false);
  const next = make(true);
  return (after) => (after === undefined ? first : next);
}

function paramsOf(key: RowKey = {}): Record<string, string | number | null> {
  const params: Record<string, string | number | null> = {};
  for (const name in key) params[`key_${name}`] = key[name] ?? null;
  return params;
}

function keyOf(names: readonly string[], row: RowOf<Columns>): RowKey {
  const key: Record<string, string | number> = {};
  for (const name of names) {
    const value = row[`key_${name}`];
    if (typeof value === 'string' || typeof value === 'number') key[name] = value;
  }
  return key;
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { TenantId } from '../kernel/brand.ts';
import { TwinkeepError } from '../kernel/errors.ts';
import type { Columns, Insertion, Reach, RowOf, Scope, Statement, Tx } from '../kernel/tx.ts';
import { storageFault } from './errors.ts';
import { assertReach } from './scope.ts';
import { type Compiled, compile, compileInsertion, decodeRow, encode, type Stored } from './statement.ts';

/** One SQLite connection with its prepared statements. */
export interface Connection {
  readonly db: DatabaseSync;
  exec(sql: string): void;
  /** One of the few statements that open and close transactions, prepared. */
  step(sql: string): void;
  /** A transaction handle over this connection; `end` makes it refuse any further use. */
  open(scope: Scope, access: 'read' | 'write'): OpenTx;
  close(): void;
}

export interface OpenTx {
  readonly tx: Tx;
  readonly effects: readonly (() => void)[];
  end(): void;
}

interface Prepared {
  readonly compiled: Compiled;
  readonly call: StatementSync;
}

const PRAGMAS = `
  pragma trusted_schema = off;
  pragma cell_size_check = on;
  pragma temp_store = memory;
  pragma cache_size = -8000;
  pragma busy_timeout = 2000;
`;

/** Opens a database file, or `:memory:`. */
export function openConnection(file: string, readOnly: boolean): Connection {
  const db = attempt(() => new DatabaseSync(file, { readOnly, allowExtension: false }));
  db.exec(PRAGMAS);
  const prepared = new Map<object, Prepared>();

  const prepare = (source: Statement | Insertion): Prepared => {
    const known = prepared.get(source);
    if (known !== undefined) return known;
    const compiled = 'table' in source ? compileInsertion(source) : compile(source, 'sqlite');
    const fresh = { compiled, call: attempt(() => db.prepare(compiled.text)) };
    prepared.set(source, fresh);
    return fresh;
  };

  const steps = new Map<string, StatementSync>();
  const step = (sql: string): void => {
    const call = steps.get(sql) ?? db.prepare(sql);
    steps.set(sql, call);
    attempt(() => call.run());
  };

  return {
    db,
    exec: (sql) => attempt(() => db.exec(sql)),
    step,
    open: (scope, access) => openTx(prepare, scope, access),
    close: () => db.close(),
  };
}

function openTx(prepare: (source: Statement | Insertion) => Prepared, scope: Scope, access: 'read' | 'write'): OpenTx {
  const effects: (() => void)[] = [];
  let ended = false;

  const enter = (source: Statement | Insertion, changes: boolean): Prepared => {
    if (ended) throw storageFault('STORAGE_SCOPE', { reason: 'the transaction has ended' });
    if (changes && access === 'read') throw storageFault('STORAGE_SCOPE', { reason: 'a read may not write' });
    assertReach(source.reach, scope);
    return prepare(source);
  };

  const ownTenant = (reach: Reach): TenantId | undefined =>
    reach === 'tenant' && scope.kind === 'tenant' ? scope.tenantId : undefined;

  // `async` turns what is thrown into a rejection; the work itself is done before the call returns.
  const tx: Tx = {
    scope,
    async all<P extends Columns, R extends Columns>(source: Statement<P, R>, params: RowOf<P>) {
      const { compiled, call } = enter(source, false);
      const values = bind(compiled, params, ownTenant(source.reach));
      return attempt(() => call.all(...values)).map((raw) => decodeRow(source.returns, raw));
    },
    async one<P extends Columns, R extends Columns>(source: Statement<P, R>, params: RowOf<P>) {
      const { compiled, call } = enter(source, false);
      const values = bind(compiled, params, ownTenant(source.reach));
      const raw = attempt(() => call.get(...values));
      return raw === undefined ? undefined : decodeRow(source.returns, raw);
    },
    async run<P extends Columns, R extends Columns>(source: Statement<P, R>, params: RowOf<P>) {
      const { compiled, call } = enter(source, true);
      const values = bind(compiled, params, ownTenant(source.reach));
      return Number(attempt(() => call.run(...values)).changes);
    },
    async insert<C extends Columns>(source: Insertion<C>, rows: readonly RowOf<C>[]) {
      const { compiled, call } = enter(source, true);
      const leftOut: number[] = [];
      for (const [position, row] of rows.entries()) {
        const values = bind(compiled, row, ownTenant(source.reach));
        if (attempt(() => call.run(...values)).changes === 0) leftOut.push(position);
      }
      return leftOut;
    },
    afterCommit: (effect) => void effects.push(effect),
  };
  return {
    tx,
    effects,
    end: () => {
      ended = true;
    },
  };
}

/** @param ownTenant stands in for whatever the caller hands in as `tenant_id`, in statements of reach `tenant` */
function bind(
  compiled: Compiled,
  params: Readonly<Record<string, unknown>>,
  ownTenant: TenantId | undefined,
): Stored[] {
  return compiled.order.map(({ name, column }) => {
    const value = name === 'tenant_id' ? (ownTenant ?? params[name]) : params[name];
    return encode(name, column, value);
  });
}

const CONSTRAINT = 19;
/** SQLITE_READONLY_DBMOVED: its file was moved or removed while it was open. */
const FILE_GONE = 1_032;
const BY_CODE = new Map([
  [5, 'STORAGE_BUSY'],
  [6, 'STORAGE_BUSY'],
  [8, 'STORAGE_SCOPE'], // a write on a read-only connection
  [10, 'STORAGE_UNAVAILABLE'],
  [11, 'STORAGE_UNAVAILABLE'],
  [13, 'STORAGE_FULL'],
  [14, 'STORAGE_UNAVAILABLE'],
  [26, 'STORAGE_UNAVAILABLE'],
  [CONSTRAINT, 'STORAGE_CONFLICT'],
] as const);

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw sqliteFault(error);
  }
}

/** SQLite's own error as one of ours; the cause stays for the log and never reaches a client. */
export function sqliteFault(error: unknown): TwinkeepError {
  if (error instanceof TwinkeepError) return error;
  const extended = error instanceof Error && 'errcode' in error ? Number(error.errcode) : -1;
  if (extended === FILE_GONE) return storageFault('STORAGE_UNAVAILABLE', {}, error);
  const code = extended === -1 ? -1 : extended & 0xff;
  const known = [...BY_CODE].find(([primary]) => primary === code);
  return storageFault(known?.[1] ?? 'STORAGE_BROKEN', {}, error);
}

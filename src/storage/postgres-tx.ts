import type { PoolClient, QueryConfig, QueryResult } from 'pg';
import type { TwinkeepError } from '../kernel/errors.ts';
import type { Columns, Insertion, Reach, RowOf, Scope, Statement, Tx } from '../kernel/tx.ts';
import { storageFault } from './errors.ts';
import { postgresFault } from './postgres-errors.ts';
import { chunksOf, leftOutOf } from './postgres-insert.ts';
import type { Catalog } from './postgres-statements.ts';
import { ROLES, TENANT_SETTING } from './schema.ts';
import { assertReach } from './scope.ts';
import { decodeRow, encode } from './statement.ts';

export type Access = 'read' | 'write';

/** A transaction in the making: its handle, and what became of it at the database. */
export interface OpenTx {
  readonly tx: Tx;
  readonly effects: readonly (() => void)[];
  /** The first error of the database; after it PostgreSQL refuses the rest of the transaction. */
  failure(): TwinkeepError | undefined;
  /** Makes the handle refuse further use, then waits for the statements that are under way. */
  end(): Promise<void>;
}

/**
 * Opens a transaction without waiting for the answer: the connection is pipelined, so the first statement travels
 * with the opening. Were the opening refused, every statement behind it would be refused too (25P02).
 *
 * @param lost what ended the connection, if something did; it says more than the driver's error about its absence
 */
export function openTx(
  client: PoolClient,
  catalog: Catalog,
  scope: Scope,
  access: Access,
  lost: () => unknown,
): OpenTx {
  const wire = createWire(client, lost);
  const effects: (() => void)[] = [];
  let ended = false;

  const enter = (reach: Reach, changes: boolean): void => {
    if (ended) throw storageFault('STORAGE_SCOPE', { reason: 'the transaction has ended' });
    if (changes && access === 'read') throw storageFault('STORAGE_SCOPE', { reason: 'a read may not write' });
    assertReach(reach, scope);
  };

  wire.ask({ text: openingOf(scope, access) }).catch(() => undefined); // kept in `failure`
  return {
    tx: createTx(wire, catalog, scope, enter, effects),
    effects,
    failure: wire.failure,
    end: () => {
      ended = true;
      return wire.settle();
    },
  };
}

function createTx(
  wire: Wire,
  catalog: Catalog,
  scope: Scope,
  enter: (reach: Reach, changes: boolean) => void,
  effects: (() => void)[],
): Tx {
  const send = <P extends Columns, R extends Columns>(source: Statement<P, R>, params: RowOf<P>, changes: boolean) => {
    enter(source.reach, changes);
    const { text, name, order } = catalog.statement(source);
    const given: Readonly<Record<string, unknown>> = { ...params, ...tenantFor(source.reach, scope) };
    return wire.ask({ ...name, text, values: order.map((slot) => encode(slot.name, slot.column, given[slot.name])) });
  };

  return {
    scope,
    async all(source, params) {
      const { rows } = await send(source, params, false);
      return rows.map((raw) => decodeRow(source.returns, raw));
    },
    async one(source, params) {
      const raw = (await send(source, params, false)).rows[0];
      return raw === undefined ? undefined : decodeRow(source.returns, raw);
    },
    async run(source, params) {
      return (await send(source, params, true)).rowCount ?? 0;
    },
    async insert<C extends Columns>(source: Insertion<C>, rows: readonly RowOf<C>[]) {
      enter(source.reach, true);
      const { text, name } = catalog.insertion(source);
      const leftOut: number[] = [];
      for (const chunk of chunksOf(source, rows, tenantFor(source.reach, scope))) {
        const result = await wire.ask({ ...name, text, values: [...chunk.arrays] });
        if (result.rowCount !== chunk.rows.length) leftOut.push(...leftOutOf(source, chunk, result.rows));
      }
      return leftOut;
    },
    afterCommit: (effect) => void effects.push(effect),
  };
}

const NO_TENANT = {};

/** The tenant comes from the scope, never from the caller. */
function tenantFor(reach: Reach, scope: Scope): { readonly tenant_id?: string } {
  return reach === 'tenant' && scope.kind === 'tenant' ? { tenant_id: scope.tenantId } : NO_TENANT;
}

interface Wire {
  ask(query: QueryConfig<unknown[]>): Promise<QueryResult<Record<string, unknown>>>;
  failure(): TwinkeepError | undefined;
  settle(): Promise<void>;
}

function createWire(client: PoolClient, lost: () => unknown): Wire {
  const underWay = new Set<Promise<unknown>>();
  const { stream } = client.connection;
  let failure: TwinkeepError | undefined;
  let gathering = false;

  /** What is asked in one go leaves in one packet: a write to the socket costs more than what stands in it. */
  function gather(): void {
    if (gathering) return;
    gathering = true;
    stream.cork();
    process.nextTick(() => {
      gathering = false;
      stream.uncork();
    });
  }

  return {
    ask: (query) => {
      gather();
      const answer = client.query<Record<string, unknown>>(query).catch((error: unknown): never => {
        failure ??= postgresFault(lost() ?? error);
        throw failure; // the first one: those behind it only say that the transaction is aborted
      });
      underWay.add(answer);
      const done = (): void => void underWay.delete(answer);
      answer.then(done, done);
      return answer;
    },
    failure: () => failure,
    settle: async () => {
      while (underWay.size > 0) await Promise.allSettled(underWay);
    },
  };
}

/** Isolation, role and tenant in one message. Serializable, so that counting and then inserting is safe. */
function openingOf(scope: Scope, access: Access): string {
  const mode = access === 'read' ? 'repeatable read read only' : 'serializable';
  const role = scope.kind === 'lookup' ? ROLES.lookup : ROLES.app;
  const tenant =
    scope.kind === 'tenant' ? `; set local ${TENANT_SETTING} = '${scope.tenantId.replaceAll("'", "''")}'` : '';
  return `begin isolation level ${mode}; set local role ${role}${tenant}`;
}

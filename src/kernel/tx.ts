import type { TenantId } from './brand.ts';

/**
 * What a piece of work may touch. `platform`: rows of a realm (people, sessions, keys, the log). `tenant`: those of
 * one tenant too, and of no other. `lookup`: digest-to-owner rows only, for the moment before anybody is known.
 */
export type Scope =
  | { readonly kind: 'platform' }
  | { readonly kind: 'tenant'; readonly tenantId: TenantId }
  | { readonly kind: 'lookup' };

export const platform: Scope = { kind: 'platform' };
export const lookup: Scope = { kind: 'lookup' };
export const inTenant = (tenantId: TenantId): Scope => ({ kind: 'tenant', tenantId });

/** The six column types; both databases return the same values for each. A `?` admits null. */
export type ColumnType = 'text' | 'int' | 'real' | 'bool' | 'json' | 'bytes';
export type Column = ColumnType | `${ColumnType}?`;
export type Columns = Readonly<Record<string, Column>>;

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

type Plain<Type extends string> = Type extends 'text'
  ? string
  : Type extends 'int' | 'real'
    ? number
    : Type extends 'bool'
      ? boolean
      : Type extends 'bytes'
        ? Uint8Array
        : Json;

type ValueOf<C extends Column> = C extends `${infer Type}?` ? Plain<Type> | null : Plain<C>;

/** Values of a row or of a statement's parameters. */
export type RowOf<C extends Columns> = { readonly [Name in keyof C]: ValueOf<C[Name]> };

/** Which kind of rows a statement touches; a transaction refuses one outside its scope. */
export type Reach = 'platform' | 'tenant' | 'lookup';

/** SQL that both databases understand, prepared once. Made by `statement` of the storage room. */
export interface Statement<Params extends Columns = Columns, Returns extends Columns = Columns> {
  readonly reach: Reach;
  readonly sql: string;
  readonly params: Params;
  readonly returns: Returns;
}

/** Rows into one table, many at a time; those that a unique key already holds are left out and named. */
export interface Insertion<C extends Columns = Columns> {
  readonly reach: Reach;
  readonly table: string;
  readonly columns: C;
  /** The unique key whose holder makes a row be left out; without it a duplicate is an error. */
  readonly unless: readonly string[];
}

/** A transaction. Statements of reach `tenant` get `:tenant_id` from the scope, never from the caller. */
export interface Tx {
  readonly scope: Scope;
  all<P extends Columns, R extends Columns>(statement: Statement<P, R>, params: RowOf<P>): Promise<RowOf<R>[]>;
  one<P extends Columns, R extends Columns>(
    statement: Statement<P, R>,
    params: RowOf<P>,
  ): Promise<RowOf<R> | undefined>;
  /** @returns how many rows changed */
  run<P extends Columns, R extends Columns>(statement: Statement<P, R>, params: RowOf<P>): Promise<number>;
  /** @returns the positions in `rows` of those left out, ascending */
  insert<C extends Columns>(insertion: Insertion<C>, rows: readonly RowOf<C>[]): Promise<number[]>;
  /** Runs once the transaction is durable, never when it failed. */
  afterCommit(effect: () => void): void;
}

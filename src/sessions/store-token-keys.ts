import type { EpochMs } from '../kernel/brand.ts';
import type { RowOf, Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';

const key = {
  issuer: 'text',
  kid: 'text',
  public: 'json',
  sealed: 'text',
  created_at: 'int',
  signs_from: 'int?',
  ends_at: 'int?',
} as const;

const insertKey = insertion({ reach: 'platform', table: 'token_key', columns: key });

const selectKeys = statement({
  reach: 'platform',
  sql: `select ${Object.keys(key).join(', ')} from token_key where issuer = :issuer
    order by coalesce(signs_from, created_at), created_at, kid`,
  params: { issuer: 'text' },
  returns: key,
});

const endKeys = statement({
  reach: 'platform',
  sql: `update token_key set ends_at = :ends_at
    where issuer = :issuer and kid <> :successor and (ends_at is null or ends_at > :ends_at)`,
  params: { issuer: 'text', successor: 'text', ends_at: 'int' },
});

const dropKeys = statement({
  reach: 'platform',
  sql: 'delete from token_key where issuer = :issuer and ends_at <= :before',
  params: { issuer: 'text', before: 'int' },
});

const endEveryKey = statement({
  reach: 'platform',
  sql: 'update token_key set ends_at = :now where ends_at is null or ends_at > :now',
  params: { now: 'int' },
});

export type TokenKeyRow = RowOf<typeof key>;

export const tokenKeyStore = {
  /** Those of an issuer in the order in which they sign. */
  all: (tx: Tx, issuer: string) => tx.all(selectKeys, { issuer }),
  add: (tx: Tx, row: TokenKeyRow) => tx.insert(insertKey, [row]),
  /** Lets every key but the successor be good until a moment, and no longer. */
  endBut: (tx: Tx, issuer: string, successor: string, ends_at: EpochMs) =>
    tx.run(endKeys, { issuer, successor, ends_at }),
  /** Of every issuer. */
  endEvery: (tx: Tx, now: EpochMs) => tx.run(endEveryKey, { now }),
  drop: (tx: Tx, issuer: string, before: EpochMs) => tx.run(dropKeys, { issuer, before }),
};

import type { RowKey, SealedField } from '../kernel/sealed.ts';
import type { Columns, Tx } from '../kernel/tx.ts';
import { statement } from '../storage/index.ts';

/** A stored sealed value, and where it stands. */
export interface SealedSample {
  readonly key: RowKey;
  readonly sealed: string;
  /** Whose key it is sealed under, where that is a person's. */
  readonly subject: string | undefined;
}

/** The SQL that finds a few values of one sealed column, of the tenant of the transaction where it is a tenant's. */
export function samplesOf({ table, column, rows, key, under }: SealedField) {
  const names = Object.keys(key);
  const subject = typeof under === 'object' ? `, ${under.subject} as subject` : '';
  const mine = rows === 'tenant' ? 'tenant_id = :tenant_id and ' : '';
  const returns: Columns = { ...key, sealed_value: 'text', ...(subject === '' ? {} : { subject: 'text?' as const }) };
  const select = statement({
    reach: rows,
    sql: `select ${names.join(', ')}, ${column} as sealed_value${subject} from ${table}
      where ${mine}${column} is not null limit :count`,
    params: { count: 'int' },
    returns,
  });
  return async (tx: Tx, count: number): Promise<readonly SealedSample[]> =>
    (await tx.all(select, { count })).map((row) => ({
      key: Object.fromEntries(names.map((name) => [name, plain(row[name])])),
      sealed: String(row['sealed_value']),
      subject: typeof row['subject'] === 'string' ? row['subject'] : undefined,
    }));
}

const plain = (value: unknown): string | number => (typeof value === 'number' ? value : String(value));

import type { Pool } from 'pg';
import { epochMs } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import { postgresFault } from './postgres-errors.ts';
import type { Storage } from './storage.ts';

const NOW_MS = '(extract(epoch from clock_timestamp()) * 1000)::bigint';

const TAKE = `insert into twinkeep_lease as held (name, holder, fence, until) values ($1, $2, 1, ${NOW_MS} + $3::bigint)
  on conflict (name) do update set
    fence = held.fence + case when held.holder = excluded.holder then 0 else 1 end,
    holder = excluded.holder, until = excluded.until
  where held.holder = excluded.holder or held.until <= ${NOW_MS}
  returning fence`;

const END = 'update twinkeep_lease set until = 0 where name = $1 and holder = $2 and fence = $3';

/**
 * Leases by the database's time, so that the clocks of the processes need not agree. The end that a holder is told
 * counts from before it asked, by its own clock: it stops at the latest when the database lets the next one in.
 */
export function createPostgresLeases(pool: Pool, clock: Clock): Pick<Storage, 'lease' | 'release'> {
  const ask = async (name: string, text: string, values: readonly (string | number)[]) => {
    try {
      return await pool.query<Record<string, unknown>>({ name, text, values: [...values] });
    } catch (error) {
      throw postgresFault(error);
    }
  };
  return {
    lease: async (name, holder, ttlMs) => {
      const until = epochMs(clock.now() + ttlMs);
      const row = (await ask('lease', TAKE, [name, holder, ttlMs])).rows[0];
      return row === undefined ? undefined : { name, holder, fence: Number(row['fence']), until };
    },
    release: async ({ name, holder, fence }) => {
      await ask('unlease', END, [name, holder, fence]);
    },
  };
}

import { epochMs } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import { platform } from '../kernel/tx.ts';
import type { Writer } from './sqlite-writer.ts';
import { statement } from './statement.ts';
import type { Storage } from './storage.ts';

const takeLease = statement({
  reach: 'platform',
  sql: `insert into twinkeep_lease (name, holder, fence, until) values (:name, :holder, 1, :until)
    on conflict (name) do update set
      fence = twinkeep_lease.fence + case when twinkeep_lease.holder = excluded.holder then 0 else 1 end,
      holder = excluded.holder, until = excluded.until
    where twinkeep_lease.holder = excluded.holder or twinkeep_lease.until <= :now
    returning fence`,
  params: { name: 'text', holder: 'text', until: 'int', now: 'int' },
  returns: { fence: 'int' },
});

const endLease = statement({
  reach: 'platform',
  sql: 'update twinkeep_lease set until = 0 where name = :name and holder = :holder and fence = :fence',
  params: { name: 'text', holder: 'text', fence: 'int' },
});

/** Leases on the one writer. The holder who comes back after its lease ran out gets a new fence. */
export function createSqliteLeases(writer: Writer, clock: Clock): Pick<Storage, 'lease' | 'release'> {
  return {
    lease: async (name, holder, ttlMs) => {
      const now = clock.now();
      const until = epochMs(now + ttlMs);
      const row = await writer.write(platform, (tx) => tx.one(takeLease, { name, holder, until, now }));
      return row === undefined ? undefined : { name, holder, fence: row.fence, until };
    },
    release: async ({ name, holder, fence }) => {
      await writer.write(platform, (tx) => tx.run(endLease, { name, holder, fence }));
    },
  };
}

import type { Audit } from '../audit/index.ts';
import type { AuditEntry, Outcome } from '../kernel/audit.ts';
import { isFault } from '../kernel/errors.ts';
import { type Actor, nameOf } from '../kernel/principal.ts';
import { MAIN_TENANT } from '../tenants/index.ts';
import { linesOf, type Reloaded } from './config-changes.ts';
import { appFault } from './errors.ts';
import type { Log } from './log.ts';

export interface RecordedReloadDeps {
  /** Not given in a thread whose owner records it. */
  readonly audit: Pick<Audit, 'write'> | undefined;
  /** Has another configuration served. */
  readonly exchange: () => Promise<Reloaded>;
  readonly log: Pick<Log, 'info' | 'warn'>;
  readonly onError: (error: unknown) => void;
}

/** A signal says nothing of who sent it, but only the owner of the process may send one. */
const OWNER: Actor = { principal: { kind: 'operator', tenantId: MAIN_TENANT } };

/**
 * A reload that stands in the audit log: what is served is no row of the database, so one entry comes before and one
 * after. Where the first can't be written the old configuration stays.
 *
 * @throws APP_CONFIG_REFUSED
 */
export function createRecordedReload({ audit, exchange, log, onError }: RecordedReloadDeps) {
  const write = async (actor: Actor, outcome: Outcome, facts?: AuditEntry['facts']): Promise<void> =>
    audit?.write({ ...actor, action: 'config.reloaded', outcome, facts });

  function tell({ principal }: Actor, done: Reloaded): void {
    if (audit === undefined) return; // one thread of many says it for all
    const { restart_needed: waiting, ...changes } = done;
    const rest = waiting.length === 0 ? {} : { restart_needed: waiting.join(', ') };
    const facts = { by: nameOf(principal), changes: linesOf(changes).join(' '), ...rest };
    log.info('the new configuration is in force', facts);
  }

  return async (actor: Actor = OWNER): Promise<Reloaded> => {
    await write(actor, 'intended');
    try {
      const done = await exchange();
      await write(actor, 'done', { ...done }).catch(onError); // it is in force, recorded or not
      tell(actor, done);
      return done;
    } catch (error) {
      const code = isFault(error) ? error.code : 'INTERNAL';
      await write(actor, 'failed', { code }).catch(onError);
      if (!isFault(error)) throw error;
      // The whole truth goes to the operator: only they may ask for it.
      const { errors = [{ at: error.code, reason: error.message }] } = error.facts;
      if (audit !== undefined)
        log.warn('the new configuration is refused; the old one stays', { flaws: JSON.stringify(errors) });
      throw appFault('APP_CONFIG_REFUSED', { errors }, error);
    }
  };
}

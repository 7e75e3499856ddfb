import type { Audit } from '../audit/index.ts';
import type { AuditEntry, Outcome } from '../kernel/audit.ts';
import { isFault } from '../kernel/errors.ts';
import type { Actor } from '../kernel/principal.ts';
import { MAIN_TENANT } from '../tenants/index.ts';
import { appFault } from './errors.ts';

export interface RecordedReloadDeps {
  /** Not given in a thread whose owner records it. */
  readonly audit: Pick<Audit, 'write'> | undefined;
  /** Has another configuration served. @returns settings that need a restart */
  readonly exchange: () => Promise<readonly string[]>;
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
export function createRecordedReload({ audit, exchange, onError }: RecordedReloadDeps) {
  const write = async (actor: Actor, outcome: Outcome, facts?: AuditEntry['facts']): Promise<void> =>
    audit?.write({ ...actor, action: 'config.reloaded', outcome, facts });

  return async (actor: Actor = OWNER): Promise<readonly string[]> => {
    await write(actor, 'intended');
    try {
      const waiting = await exchange();
      await write(actor, 'done', { restart_needed: [...waiting] }).catch(onError); // it is in force, recorded or not
      return waiting;
    } catch (error) {
      const code = isFault(error) ? error.code : 'INTERNAL';
      await write(actor, 'failed', { code }).catch(onError);
      if (!isFault(error)) throw error;
      // The whole truth goes to the operator: only they may ask for it.
      const { errors = [{ at: error.code, reason: error.message }] } = error.facts;
      throw appFault('APP_CONFIG_REFUSED', { errors }, error);
    }
  };
}

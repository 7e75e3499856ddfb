import type { PersonId, TenantId } from '../kernel/brand.ts';
import { days } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import { inTenant, type Tx } from '../kernel/tx.ts';
import { removePerson } from './account-state.ts';
import { dropAccountTokens } from './account-tokens.ts';
import { type ImportDeps, proofOf } from './import-ground.ts';
import { importStore } from './store-import.ts';

/** Somebody whom an import made, as its report names them. */
export interface ImportedPerson {
  readonly id: PersonId;
  readonly username: string;
  /** Of the hash that they came with. */
  readonly proof: string;
}

/**
 * `removed`: gone, the name is free. `disabled`: they have used the account since, or the week is over, so it is theirs and
 * only shut. `gone`: no import of this tenant made anybody of that id and name, or they belong to other tenants too.
 */
export type UndoResult = 'removed' | 'disabled' | 'gone';

export interface ImportUndo {
  /** Takes back what an import made, and nothing else. @throws ACCESS_ESCALATION, IDENTITY_LAST_ADMINISTRATOR */
  undo(actor: Actor, tenant: TenantId, people: readonly ImportedPerson[]): Promise<readonly UndoResult[]>;
}

/** As long as sessions are kept behind their end: a person without any has never signed in. */
const REMOVABLE_MS = days(7);

export function createImportUndo(deps: ImportDeps): ImportUndo {
  const { storage, audit, identity, clock, vault } = deps;

  /** Whether the account is as the import made it: the same password hash, and no session ever. */
  async function isUnused(tx: Tx, { id, proof }: ImportedPerson): Promise<boolean> {
    const now = await importStore.imported(tx, id);
    if (now === undefined || proofOf(now.password_hash) !== proof) return false;
    if (clock.now() - now.password_changed_at > REMOVABLE_MS) return false;
    return !(await importStore.hasSession(tx, id));
  }

  async function takeBack(actor: Actor, tenant: TenantId, person: ImportedPerson): Promise<UndoResult> {
    const { id, username } = person;
    const own = await deps.tenantsOf(id);
    if (own.length !== 1 || own[0] !== tenant) return 'gone'; // another tenant's people are not ours to remove
    const acting = { ...actor, tenantId: tenant };
    return storage.write(inTenant(tenant), async (tx) => {
      const made = await importStore.imported(tx, id);
      if (made?.username !== username || made.imported_in !== tenant) return 'gone'; // nobody else is shut out by this
      const unused = await isUnused(tx, person);
      await deps.assertCovers(tx, acting, tenant, id);
      if (!unused) {
        await deps.stayGoverned(tx, acting, id, () => identity.setDisabled(tx, acting, id, true));
        await dropAccountTokens(tx, id);
        await deps.shutOut(tx, acting, id);
        return 'disabled';
      }
      await deps.stayGoverned(tx, acting, id, () => deps.withdraw(tx, acting, tenant, id));
      const object = { type: 'person', id };
      const facts = { undone: 'import' };
      await audit.record(tx, { ...acting, action: 'person.deleted', outcome: 'done', object, facts });
      await removePerson(tx, id, { clock, vault });
      return 'removed';
    });
  }

  return {
    undo: async (actor, tenant, people) => {
      const results: UndoResult[] = [];
      for (const person of people) results.push(await takeBack(actor, tenant, person));
      return results;
    },
  };
}

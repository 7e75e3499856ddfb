import { readPasswordHash } from '../crypto/index.ts';
import { epochMs, type PersonId, type TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import type { Actor } from '../kernel/principal.ts';
import { inTenant } from '../kernel/tx.ts';
import { emailAddress } from './emails.ts';
import { identityFault } from './errors.ts';
import { type ImportDeps, proofOf } from './import-ground.ts';
import { createImportUndo, type ImportUndo } from './import-undo.ts';
import { isOwnName } from './own-name.ts';
import { username as usernameSchema } from './username.ts';

/** A person as another system kept them. Bounded, and otherwise as it came. */
export interface ForeignPerson {
  readonly username: string;
  readonly passwordHash: string;
  readonly email?: string | undefined;
  readonly roles: readonly string[];
  readonly disabled: boolean;
  /** RFC 3339. */
  readonly createdAt?: string | undefined;
}

export interface ImportWish {
  /** The kind of file that they came in, for the record. */
  readonly from: string;
  /** Looks at everything and makes nobody. */
  readonly dryRun: boolean;
}

/** What became of one, in the order in which they were given. */
export type ImportResult =
  | { readonly kind: 'made'; readonly id: PersonId | undefined; readonly proof: string }
  | { readonly kind: 'exists' }
  | { readonly kind: 'refused'; readonly reason: string };

/** People taken over from another system with the hashes of their passwords. */
export interface PeopleImport extends ImportUndo {
  /**
   * Each person is a write of its own with one audit entry, so a batch that is cut off can be sent again: who is here
   * already is left as they are.
   *
   * @throws VAULT_PROVIDER_AWAY, CRYPTO_BUSY
   */
  run(
    actor: Actor,
    tenant: TenantId,
    people: readonly ForeignPerson[],
    wish: ImportWish,
  ): Promise<readonly ImportResult[]>;
}

/** Writes at a time: those of one turn of the event loop share one sync of the disk. */
const AT_ONCE = 16;
/** What one person can be to blame for, and the others of the batch are not. */
const OWN_FAULTS: ReadonlySet<string> = new Set([
  'IDENTITY_EMAIL_TAKEN',
  'IDENTITY_USERNAME_REFUSED',
  'ACCESS_ROLE_UNKNOWN',
  'ACCESS_ESCALATION',
]);
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

export function createPeopleImport(deps: ImportDeps): PeopleImport {
  const { storage, identity, clock, realm } = deps;

  async function take(actor: Actor, tenant: TenantId, person: ForeignPerson, wish: ImportWish): Promise<ImportResult> {
    const flaw = flawOf(person, clock);
    if (flaw !== undefined) return { kind: 'refused', reason: flaw };
    const { username, email } = person;
    if ((await identity.find(realm, username)) !== undefined) return { kind: 'exists' };
    const needed = await deps.lacking(person.passwordHash);
    if (needed !== undefined) return { kind: 'refused', reason: tooSlow(needed) };
    const proof = proofOf(person.passwordHash);
    if (wish.dryRun) {
      const holder =
        email === undefined ? undefined : await identity.emails.find(realm, await identity.emails.index(email));
      return holder
        ? { kind: 'refused', reason: 'That e-mail address is taken.' }
        : { kind: 'made', id: undefined, proof };
    }
    const id = await make(actor, tenant, person, wish.from);
    return typeof id === 'string' ? { kind: 'made', id, proof } : id;
  }

  async function make(
    actor: Actor,
    tenant: TenantId,
    person: ForeignPerson,
    from: string,
  ): Promise<PersonId | ImportResult> {
    const { username, passwordHash, disabled, createdAt, roles } = person;
    const email = person.email === undefined ? undefined : await identity.emails.index(person.email);
    const acting = { ...actor, tenantId: tenant };
    const since = createdAt === undefined ? undefined : epochMs(timeOf(createdAt));
    const facts = { from, hash: formOf(passwordHash) };
    try {
      return await storage.write(inTenant(tenant), async (tx) => {
        const imported = { tenant, email, disabled, createdAt: since, facts };
        const id = await identity.create(tx, acting, { realmId: realm, username, passwordHash, imported });
        await deps.admit(tx, acting, tenant, id, roles);
        return id;
      });
    } catch (error) {
      if (isFault(error, 'IDENTITY_USERNAME_TAKEN')) return { kind: 'exists' };
      if (isFault(error) && OWN_FAULTS.has(error.code)) return { kind: 'refused', reason: error.message };
      throw error;
    }
  }

  return {
    ...createImportUndo(deps),
    run: async (actor, tenant, people, wish) => {
      const results: ImportResult[] = [];
      for (let at = 0; at < people.length; at += AT_ONCE) {
        const some = people.slice(at, at + AT_ONCE);
        results.push(...(await Promise.all(some.map((person) => take(actor, tenant, person, wish)))));
      }
      return results;
    },
  };
}

/** A row that would make a person who can never sign in, or whom nobody could have made here, is refused with its reason. */
function flawOf({ username, passwordHash, email, createdAt }: ForeignPerson, clock: Clock): string | undefined {
  const name = usernameSchema.safeParse(username);
  if (!name.success) return `username ${name.error.issues[0]?.message ?? 'is not valid'}`;
  switch (readPasswordHash(passwordHash).kind) {
    case 'unknown':
      return passwordHash === '' ? 'has no password hash' : 'the password hash is of no form that is known';
    case 'absurd':
      return 'the password hash asks for more work than is done here';
    case 'read':
      break;
  }
  if (email !== undefined && !emailAddress.safeParse(email).success) return 'email must be an e-mail address';
  if (!isOwnName(username, email)) return identityFault('IDENTITY_USERNAME_REFUSED').message;
  if (createdAt === undefined) return undefined;
  const at = TIME.test(createdAt) ? timeOf(createdAt) : Number.NaN;
  return at >= 0 && at <= clock.now() ? undefined : 'created_at must be an RFC 3339 time that has passed';
}

const tooSlow = (needed: number): string =>
  `the password hash takes so long here that refusals would tell whose it is; set limits.refusalMs to ${needed} or more`;

const timeOf = (text: string): number => Date.parse(text);

function formOf(passwordHash: string): string {
  const read = readPasswordHash(passwordHash);
  return read.kind === 'read' ? read.stored.kind : read.kind;
}

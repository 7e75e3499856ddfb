import type { Access } from '../access/index.ts';
import type { ApiKeys } from '../apikeys/index.ts';
import type { Audit } from '../audit/index.ts';
import { encodeBase64url } from '../crypto/index.ts';
import type { Delivery } from '../delivery/index.ts';
import { dropAccountTokens, type Identity, type Person } from '../identity/index.ts';
import type { PersonId, TenantId } from '../kernel/brand.ts';
import { isFault } from '../kernel/errors.ts';
import type { Actor } from '../kernel/principal.ts';
import type { Random } from '../kernel/random.ts';
import { inTenant, type Tx } from '../kernel/tx.ts';
import type { Mfa } from '../mfa/index.ts';
import type { Sessions } from '../sessions/index.ts';
import type { Storage } from '../storage/index.ts';
import type { Tenants } from '../tenants/index.ts';
import type { AccountMails } from './account-mails.ts';

export interface IncidentDeps {
  readonly storage: Storage;
  readonly audit: Pick<Audit, 'record'>;
  readonly identity: Identity;
  readonly tenants: Pick<Tenants, 'tenantsOf'>;
  readonly access: Pick<Access, 'assertCovers'>;
  readonly apiKeys: Pick<ApiKeys, 'list' | 'revoke'>;
  readonly sessions: Pick<Sessions, 'endAll'>;
  readonly mfa: Pick<Mfa, 'reset'>;
  readonly mails: Pick<AccountMails, 'send'>;
  readonly delivery: Pick<Delivery, 'publish'>;
  readonly random: Random;
  /** @throws IDENTITY_PERSON_UNKNOWN, IDENTITY_SHARED_PERSON for whom the actor must not touch */
  readonly memberOf: (actor: Actor, tenantId: TenantId, id: PersonId) => Promise<Person>;
}

export interface IncidentWish {
  /** For the log and the alert. */
  readonly reason: string;
  /** Whether second factors go too: somebody who was inside may have set up one of their own. */
  readonly factors: boolean;
}

/** What was ended. */
export interface IncidentOutcome {
  readonly sessions: number;
  readonly apiKeys: number;
  readonly factors: number;
}

/** What is done for somebody whose account others have got into (V20). */
export interface Incidents {
  /**
   * Ends the sessions, links and API keys of a person, and makes the password worthless: the next sign-in is by a new
   * one, which a mail or an administrator's link gives. They are told, and so are the webhooks.
   *
   * @throws IDENTITY_PERSON_UNKNOWN, IDENTITY_SHARED_PERSON, ACCESS_ESCALATION
   */
  respond(actor: Actor, tenantId: TenantId, id: PersonId, wish: IncidentWish): Promise<IncidentOutcome>;
}

const PASSWORD_BYTES = 32;

export function createIncidents(deps: IncidentDeps): Incidents {
  const { storage, audit, identity, access, sessions, mfa, mails, delivery, random, memberOf } = deps;

  /** Everything that lets somebody in, in one write: cut off anywhere, all of it is ended or nothing is. */
  async function shutOut(tx: Tx, actor: Actor, person: Person, hash: string, { reason, factors }: IncidentWish) {
    const { id, username } = person;
    const { address } = await identity.emails.of(tx, person);
    const ended = await sessions.endAll(tx, actor, id, 'incident');
    await identity.setPassword(tx, actor, id, hash);
    await dropAccountTokens(tx, id);
    const removed = factors ? await mfa.reset(tx, actor, id) : 0;
    const object = { type: 'person', id };
    const facts = { reason, sessions: ended, factors: removed };
    await audit.record(tx, { ...actor, action: 'incident.responded', outcome: 'done', object, facts });
    if (address !== undefined) await mails.send(tx, address, { kind: 'secured', username });
    return { ended, removed };
  }

  const respond: Incidents['respond'] = async (actor, tenantId, id, wish) => {
    const person = await memberOf(actor, tenantId, id);
    const hash = await identity.hash(encodeBase64url(random.bytes(PASSWORD_BYTES))); // which nobody ever sees
    const acting = { ...actor, tenantId };
    const { ended, removed } = await storage.write(inTenant(tenantId), async (tx) => {
      await access.assertCovers(tx, acting, tenantId, id);
      const done = await shutOut(tx, acting, person, hash, wish);
      const data = { person: id, reason: wish.reason, sessions: done.ended };
      await delivery.publish(tx, { type: 'person.compromised', tenantId, data });
      return done;
    });
    return { sessions: ended, factors: removed, apiKeys: await endKeys(deps, acting, person) };
  };

  return { respond };
}

/** Those that the person has made: whoever was inside could read them. A key of one tenant is ended by a write of it. */
async function endKeys({ tenants, apiKeys }: IncidentDeps, actor: Actor, { id }: Person): Promise<number> {
  const maker = `person:${id}`; // as `nameOf` has it
  let ended = 0;
  for (const tenantId of await tenants.tenantsOf(id)) {
    const own = (await apiKeys.list(tenantId)).filter(({ createdBy }) => createdBy === maker);
    for (const key of own) {
      try {
        await apiKeys.revoke({ ...actor, tenantId }, tenantId, key.id);
        ended += 1;
      } catch (error) {
        if (!isFault(error, 'APIKEY_UNKNOWN')) throw error; // somebody else has ended it meanwhile
      }
    }
  }
  return ended;
}

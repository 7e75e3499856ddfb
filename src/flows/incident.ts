import type { Access } from '../access/index.ts';
import type { ApiKey, ApiKeys } from '../apikeys/index.ts';
import type { Audit } from '../audit/index.ts';
import { encodeBase64url } from '../crypto/index.ts';
import type { Delivery } from '../delivery/index.ts';
import { barMailReset, dropAccountTokens, type Identity, isEmailVerified, type Person } from '../identity/index.ts';
import type { PersonId, TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import type { Random } from '../kernel/random.ts';
import { inTenant, type Tx } from '../kernel/tx.ts';
import type { Method, Mfa } from '../mfa/index.ts';
import type { Sessions } from '../sessions/index.ts';
import type { Storage } from '../storage/index.ts';
import type { Tenants } from '../tenants/index.ts';
import type { AccountMails } from './account-mails.ts';

export interface IncidentDeps {
  readonly storage: Storage;
  readonly audit: Pick<Audit, 'record'>;
  readonly identity: Identity;
  readonly tenants: Pick<Tenants, 'list'>;
  readonly access: Pick<Access, 'assertCovers'>;
  readonly apiKeys: Pick<ApiKeys, 'madeBy' | 'end' | 'cutOff'>;
  readonly sessions: Pick<Sessions, 'endAll'>;
  readonly mfa: Pick<Mfa, 'reset' | 'list' | 'offered' | 'passkeys' | 'tickets'>;
  readonly mails: Pick<AccountMails, 'send'>;
  readonly delivery: Pick<Delivery, 'publish'>;
  readonly clock: Clock;
  readonly random: Random;
  /** @throws IDENTITY_PERSON_UNKNOWN, IDENTITY_SHARED_PERSON for whom the actor must not touch */
  readonly memberOf: (actor: Actor, tenantId: TenantId, id: PersonId) => Promise<Person>;
}

export interface IncidentWish {
  /** For the log and the alert. */
  readonly reason: string;
  /**
   * Whether second factors stay: for whoever is sure that none of them is the intruder's. Passkeys go all the same, for
   * one alone lets somebody in.
   */
  readonly keepFactors: boolean;
}

/** What was ended, and what was not. */
export interface IncidentOutcome {
  readonly sessions: number;
  readonly apiKeys: number;
  readonly factors: number;
  /** The kinds of second factors that are good as before. */
  readonly kept: readonly Method[];
  /** What is known of the address, to which no mail resets the password until it is set anew. */
  readonly email: AddressState;
}

export type AddressState = 'none' | 'confirmed' | 'unconfirmed' | 'unreadable';

/** What is done for somebody whose account others have got into (V20). */
export interface Incidents {
  /**
   * Ends the sessions, links, second factors and API keys of a person, and makes the password worthless: the next
   * sign-in is by a new one, which an administrator's link gives. No mail does, for whoever was inside may read them or
   * have changed the address, until it is set anew. They are told, and so are the webhooks.
   *
   * @throws IDENTITY_PERSON_UNKNOWN, IDENTITY_SHARED_PERSON, ACCESS_ESCALATION
   */
  respond(actor: Actor, tenantId: TenantId, id: PersonId, wish: IncidentWish): Promise<IncidentOutcome>;
}

const PASSWORD_BYTES = 32;

type KeysByTenant = ReadonlyMap<TenantId, readonly ApiKey[]>;

export function createIncidents(deps: IncidentDeps): Incidents {
  const { storage, audit, identity, access, sessions, mfa, mails, delivery, clock, random, memberOf } = deps;
  const keys = createKeyEnds(deps);

  /** Codes of last resort are kept for a factor, and without one they would wait for the next. */
  const hasOthers = async (id: PersonId): Promise<boolean> =>
    (await mfa.list(id)).some(({ method, confirmedAt }) => method !== 'passkey' && confirmedAt !== undefined);

  /** Whoever was inside may have set factors up: what lets anybody in by itself always goes. */
  async function dropFactors(tx: Tx, actor: Actor, id: PersonId, keepFactors: boolean): Promise<number> {
    if (!keepFactors) return mfa.reset(tx, actor, id);
    await mfa.tickets.closeAll(tx, id);
    return mfa.passkeys.removeAll(tx, id);
  }

  /** Everything that lets somebody in, in one write: cut off anywhere, all of it is ended or nothing is. */
  async function shutOut(tx: Tx, actor: Actor, person: Person, hash: string, { reason, keepFactors }: IncidentWish) {
    const { id, username } = person;
    const { address, isUnreadable } = await identity.emails.of(tx, person);
    const isConfirmed = await isEmailVerified(tx, id);
    const ended = await sessions.endAll(tx, actor, id, 'incident');
    await identity.setPassword(tx, actor, id, hash);
    await dropAccountTokens(tx, id);
    await barMailReset(tx, id, clock);
    const removed = await dropFactors(tx, actor, id, keepFactors);
    const object = { type: 'person', id };
    const facts = { reason, sessions: ended, factors: removed, factors_kept: keepFactors };
    await audit.record(tx, { ...actor, action: 'incident.responded', outcome: 'done', object, facts });
    if (address !== undefined) await mails.send(tx, address, { kind: 'secured', username });
    return { ended, removed, email: stateOf(address, isUnreadable, isConfirmed) };
  }

  const respond: Incidents['respond'] = async (actor, tenantId, id, wish) => {
    const person = await memberOf(actor, tenantId, id);
    const hash = await identity.hash(encodeBase64url(random.bytes(PASSWORD_BYTES))); // which nobody ever sees
    const acting = { ...actor, tenantId };
    const keepFactors = wish.keepFactors && (await hasOthers(id));
    const known = await keys.of(id);
    const { ended, removed, email } = await storage.write(inTenant(tenantId), async (tx) => {
      await access.assertCovers(tx, acting, tenantId, id);
      const done = await shutOut(tx, acting, person, hash, { ...wish, keepFactors });
      await keys.cutOff(tx, known);
      const data = { person: id, reason: wish.reason, sessions: done.ended };
      await delivery.publish(tx, { type: 'person.compromised', tenantId, data });
      return done;
    });
    const apiKeys = await keys.end(acting, id);
    const kept = keepFactors ? (await mfa.offered(id)).map(({ method }) => method) : [];
    return { sessions: ended, factors: removed, apiKeys, kept: [...new Set(kept)], email };
  };

  return { respond };
}

function stateOf(address: string | undefined, isUnreadable: boolean, isConfirmed: boolean): AddressState {
  if (isUnreadable) return 'unreadable';
  if (address === undefined) return 'none';
  return isConfirmed ? 'confirmed' : 'unconfirmed';
}

/**
 * Those that the person has made, in tenants too that they have left: whoever was inside could read them. They open
 * nothing from the one write on; what follows notes it in each tenant, and takes up one that was made meanwhile.
 */
function createKeyEnds({ storage, tenants, apiKeys }: IncidentDeps) {
  const of = async (id: PersonId): Promise<KeysByTenant> => {
    const found = new Map<TenantId, readonly ApiKey[]>();
    for (const { id: tenantId } of await tenants.list()) {
      const keys = await storage.read(inTenant(tenantId), (tx) => apiKeys.madeBy(tx, id));
      if (keys.length > 0) found.set(tenantId, keys);
    }
    return found;
  };
  return {
    of,
    cutOff: async (tx: Tx, found: KeysByTenant): Promise<void> => {
      for (const [tenantId, keys] of found) await apiKeys.cutOff(tx, tenantId, keys);
    },
    end: async (actor: Actor, id: PersonId): Promise<number> => {
      let ended = 0;
      for (const tenantId of (await of(id)).keys())
        ended += await storage.write(inTenant(tenantId), async (tx) => {
          const keys = await apiKeys.madeBy(tx, id);
          await apiKeys.end(tx, actor, tenantId, keys);
          return keys.length;
        });
      return ended;
    },
  };
}

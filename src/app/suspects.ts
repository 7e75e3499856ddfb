import { type Access, anyImplies } from '../access/index.ts';
import type { ApiKeys } from '../apikeys/index.ts';
import type { Delivery } from '../delivery/index.ts';
import type { BlockDeps } from '../detection/index.ts';
import type { Identity } from '../identity/index.ts';
import { apiKeyId, type PersonId, personId, type SessionId } from '../kernel/brand.ts';
import { rfc3339 } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import type { PersonPrincipal } from '../kernel/principal.ts';
import type { Tx } from '../kernel/tx.ts';
import type { Sessions } from '../sessions/index.ts';
import type { Tenants } from '../tenants/index.ts';
import { addressOf } from './entering.ts';

export interface SuspectDeps {
  readonly delivery: Pick<Delivery, 'enqueue'>;
  readonly identity: Identity;
  readonly sessions: Pick<Sessions, 'endAll' | 'list'> & { readonly devices: Pick<Sessions['devices'], 'ownerOf'> };
  readonly apiKeys: Pick<ApiKeys, 'isKnown' | 'tenantOf'>;
  readonly tenants: Pick<Tenants, 'tenantsOf'>;
  readonly access: Pick<Access, 'rolesOf' | 'roles'>;
  readonly onError: (error: unknown) => void;
}

type Ports = Required<Pick<BlockDeps, 'deviceOf' | 'endFor' | 'isAdministrator' | 'isKnown' | 'tenantsOf'>>;

/** Nothing was written before one of these is thrown: the block stands without its mail. */
const UNSENDABLE = new Set(['DELIVERY_CHANNEL_OFF', 'DELIVERY_BACKLOG_FULL', 'DELIVERY_MESSAGE_REFUSED']);
const SUBJECT = 'Your sessions were ended';
const BLOCKED = 'Attacks came from a session of yours, so all of your sessions were ended';
const BLOCKED_BY_HAND = 'An operator blocked your account, so all of your sessions were ended';
const TO_ASK = 'If you do not know why, ask your administrator.';
const TO_DO =
  'If that was not you, somebody uses your session or your computer: look for what does, change your password, and tell your administrator.';
const MAX_SESSIONS = 20_000;

/** What the blocks of people and devices need of other rooms. */
export function createSuspectPorts(deps: SuspectDeps): Ports {
  return {
    deviceOf: createDeviceOf(deps.sessions),
    endFor: createEndFor(deps),
    isAdministrator: governs(deps),
    isKnown: isKnown(deps),
    tenantsOf: tenantsOf(deps),
  };
}

/** A session keeps the device that it was begun on, so it is looked for once. */
function createDeviceOf(sessions: SuspectDeps['sessions']): Ports['deviceOf'] {
  const known = new Map<SessionId, string | undefined>();

  async function find({ personId, sessionId }: PersonPrincipal): Promise<string | undefined> {
    const session = (await sessions.list(personId)).find(({ id }) => id === sessionId);
    if (session === undefined) return undefined; // it has ended, or went idle: asked again at the next request
    if (known.size >= MAX_SESSIONS) for (const oldest of known.keys()) if (known.delete(oldest)) break;
    known.set(sessionId, session.knownDeviceId);
    return session.knownDeviceId;
  }

  return (person) => (known.has(person.sessionId) ? known.get(person.sessionId) : find(person));
}

/** All sessions of the person, also where it is a device that was blocked: whoever has one may have had the others. */
function createEndFor({ sessions, identity, delivery, onError }: SuspectDeps): Ports['endFor'] {
  async function mail(tx: Tx, person: PersonId, text: string): Promise<void> {
    const to = await addressOf(identity, tx, person);
    if (to === undefined) return;
    try {
      await delivery.enqueue(tx, { kind: 'email', to, subject: SUBJECT, text });
    } catch (error) {
      if (!isFault(error) || !UNSENDABLE.has(error.code)) throw error;
      if (error.code !== 'DELIVERY_CHANNEL_OFF') onError(error);
    }
  }

  return async (tx, actor, person, { createdAt, endsAt, kind, reason }) => {
    const byHand = reason === 'operator';
    await sessions.endAll(tx, actor, person, byHand ? 'blocked by an operator' : 'suspicion');
    const whose = kind === 'device' ? 'The device' : 'Your account';
    const until = endsAt === undefined ? 'until an administrator lifts that' : `until ${rfc3339(endsAt)}`;
    const [what, next] = byHand ? [BLOCKED_BY_HAND, TO_ASK] : [BLOCKED, TO_DO];
    await mail(tx, person, `${what} at ${rfc3339(createdAt)}. ${whose} is blocked ${until}.\n\n${next}`);
  };
}

function isKnown({ identity, sessions, apiKeys }: SuspectDeps): Ports['isKnown'] {
  return async (kind, id) => {
    switch (kind) {
      case 'api-key':
        return apiKeys.isKnown(apiKeyId(id));
      case 'device':
        return (await sessions.devices.ownerOf(id)) !== undefined;
      case 'person':
        return identity.get(personId(id)).then(
          () => true,
          (error: unknown) => {
            if (isFault(error, 'IDENTITY_PERSON_UNKNOWN')) return false;
            throw error;
          },
        );
    }
  };
}

/** Nobody hears of a block of whom no tenant has: an account that was erased, a device that was forgotten. */
function tenantsOf({ tenants, sessions, apiKeys }: SuspectDeps): Ports['tenantsOf'] {
  return async (kind, id) => {
    switch (kind) {
      case 'api-key': {
        const tenant = await apiKeys.tenantOf(apiKeyId(id));
        return tenant === undefined ? [] : [tenant];
      }
      case 'device': {
        const owner = await sessions.devices.ownerOf(id);
        return owner === undefined ? [] : tenants.tenantsOf(owner);
      }
      case 'person':
        return tenants.tenantsOf(personId(id));
    }
  };
}

/** Whether somebody looks after the people of a tenant: it may have nobody else. */
function governs({ tenants, access }: SuspectDeps): Ports['isAdministrator'] {
  return async (person) => {
    for (const tenant of await tenants.tenantsOf(person)) {
      const names = await access.rolesOf({ kind: 'person', personId: person }, tenant);
      const roles = (await access.roles(tenant)).filter(({ name }) => names.includes(name));
      if (roles.some(({ permissions }) => anyImplies(permissions, 'admin:users'))) return true;
    }
    return false;
  };
}

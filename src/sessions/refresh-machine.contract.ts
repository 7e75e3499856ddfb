import { type PersonId, realmId, sessionId, tenantId } from '../kernel/brand.ts';
import { hours, seconds } from '../kernel/clock.ts';
import { anonymous } from '../kernel/principal.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { TestClock } from '../testing/index.ts';
import { createMasterKey, openVault, singleMaster, vaultMigrations } from '../vault/index.ts';
import { sessionConfig } from './config.ts';
import { createDevices } from './devices.ts';
import { sessionMigrations } from './migrations/index.ts';
import { digestOf, newDeviceSecret, newRefreshToken, sealSuccessor } from './refresh-token.ts';
import { type Rotation, rotate } from './rotation.ts';
import { NATIVE_PROFILE, type ShownDevice } from './session.ts';
import { sessionStore } from './store.ts';
import { deviceStore } from './store-devices.ts';

export const GRACE_MS = seconds(30);
export const BARE_GRACE_MS = seconds(10);
export const IDLE_MS = hours(1);
export const ABSOLUTE_MS = hours(12);

export interface Answer {
  readonly kind: Rotation['kind'];
  readonly token: string | undefined;
}

/** Refresh as it is, without what it is not about: rows and rotation in one write, the family ended in that same one. */
export interface Machine {
  readonly clock: TestClock;
  /** A sign-in of somebody in a browser that is known by what its cookie holds. @returns what that browser is to keep */
  begin(person: PersonId, known: string | undefined): Promise<Begun>;
  /** So many sign-ins of that person without a cookie that all other devices may go. */
  crowdOut(person: PersonId): Promise<void>;
  present(token: string, device: ShownDevice): Promise<Answer>;
  /** The same in a process that dies before the write is durable. */
  crashWithin(token: string, device: ShownDevice): Promise<void>;
}

export interface Begun {
  readonly token: string;
  readonly secret: string;
  readonly known: string;
}

const MOST_KNOWN = 3; // so that few sign-ins are enough

const config = sessionConfig.parse({
  idleMs: IDLE_MS,
  absoluteMs: ABSOLUTE_MS,
  graceMs: GRACE_MS,
});

/** @param storage empty; its tables are made here */
export async function createMachine(storage: Storage, clock: TestClock): Promise<Machine> {
  await storage.migrate([...vaultMigrations, ...sessionMigrations]);
  const random = createSystemRandom();
  const masters = singleMaster(createMasterKey(random.bytes(32), random));
  const { subjects } = await openVault({ storage, clock, random, masters });
  const audit = { record: async () => undefined };
  const devices = createDevices({ storage, audit, subjects, clock, random, mostKnown: MOST_KNOWN });

  async function decide(tx: Tx, token: string, device: ShownDevice, successor: string): Promise<Rotation> {
    const now = clock.now();
    const row = await sessionStore.refresh(tx, digestOf(token));
    const session = row && (await sessionStore.get(tx, row.sessionId));
    if (row === undefined || session === undefined) return { kind: 'unknown' };
    const offer = { token, device, profile: NATIVE_PROFILE, successor };
    const sealedSuccessor = sealSuccessor(token, successor, random);
    const rotation = await rotate(tx, { ...offer, sealedSuccessor }, { row, session, username: 'ada' }, config, now);
    if (rotation.kind === 'replayed') await sessionStore.end(tx, session.id, now, 'replay');
    return rotation;
  }

  async function begin(person: PersonId, known: string | undefined): Promise<Begun> {
    const now = clock.now();
    const id = sessionId(random.bytes(16).toString('hex'));
    const [token, secret] = [newRefreshToken(random), newDeviceSecret(random)];
    return storage.write(platform, async (tx) => {
      const wish = { token: known, device: { userAgent: '', address: '' } };
      const kept = await devices.keep(tx, { principal: anonymous }, person, wish);
      await sessionStore.add(tx, {
        ...{ id, realm_id: realmId('main'), person_id: person, tenant_id: tenantId('main') },
        ...{ authenticated_at: now, last_used_at: now, expires_at: now + ABSOLUTE_MS, ended_at: null },
        ...{ device: null, device_digest: digestOf(secret), device_proved: false, profile: null, idle_ms: null },
        ...{ amr: null, proved_at: now, second_factor_at: null, known_device: kept.id, device_kind: null },
        known_digest: (await deviceStore.digestOf(tx, person, kept.id)) ?? null,
      });
      await sessionStore.addRefresh(tx, digestOf(token), id, now + ABSOLUTE_MS);
      return { token, secret, known: kept.token };
    });
  }

  return {
    clock,
    begin,
    crowdOut: async (person) => {
      for (let i = 0; i < MOST_KNOWN; i++) await begin(person, undefined);
    },
    present: async (token, device) => {
      const successor = newRefreshToken(random);
      const rotation = await storage.write(platform, (tx) => decide(tx, token, device, successor));
      return { kind: rotation.kind, token: 'refreshToken' in rotation ? rotation.refreshToken : undefined };
    },
    crashWithin: async (token, device) => {
      const write = storage.write(platform, async (tx) => {
        await decide(tx, token, device, newRefreshToken(random));
        throw new Crash();
      });
      await write.catch((error) => {
        if (!(error instanceof Crash)) throw error;
      });
    },
  };
}

class Crash extends Error {
  override readonly name = 'Crash';
}

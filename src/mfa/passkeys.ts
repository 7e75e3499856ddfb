import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from '@simplewebauthn/server';
import { encodeBase64url } from '../crypto/index.ts';
import type { AuditSink } from '../kernel/audit.ts';
import type { EpochMs, PersonId, TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import { type Actor, anonymous } from '../kernel/principal.ts';
import { newUuid, type Random } from '../kernel/random.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { Vault } from '../vault/index.ts';
import { CHALLENGE_MS, createPasskeyChallenges, type GoodChallenge, type Purpose } from './passkey-challenges.ts';
import { passkeyFault } from './passkey-errors.ts';
import { createPasskeyLabels } from './passkey-labels.ts';
import { keeperOf } from './passkey-names.ts';
import type { RelyingParty } from './passkey-party.ts';
import {
  ALGORITHMS,
  type AuthenticationAnswer,
  authenticationResponse,
  challengeOf,
  readAssertion,
  readRegistration,
  registrationResponse,
} from './passkey-verify.ts';
import { passkeyStore, type StoredPasskey } from './store-passkeys.ts';

export interface PasskeyDeps {
  readonly storage: Storage;
  readonly vault: Vault;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly random: Random;
  /** undefined: passkeys cannot be had at this address. */
  readonly party: RelyingParty | undefined;
  /** Runs in the write that adds a passkey, and answers backup codes where it is the person's first factor. */
  readonly onAdded?: ((tx: Tx, actor: Actor, person: PersonId) => Promise<readonly string[] | undefined>) | undefined;
}

/** A passkey as its owner sees it in a list; a `Factor`. */
export interface PasskeyFactor {
  readonly id: string;
  readonly method: 'passkey';
  readonly label: string;
  /** Who keeps it, as its authenticator says. */
  readonly hint?: string;
  readonly confirmedAt: EpochMs;
  readonly createdAt: EpochMs;
  readonly lastUsedAt?: EpochMs;
  readonly transports: readonly string[];
  /** Kept by a provider for several devices: it survives the loss of one. */
  readonly backedUp: boolean;
}

/** What a passkey proved; a `MfaProof`. */
export interface PasskeyProof {
  readonly method: 'passkey';
  /** `hwk`, and `mfa` where the authenticator knew its person. @see RFC 8176 §2 */
  readonly amr: readonly string[];
  readonly factorId: string;
}

export interface PasskeyPassed {
  readonly personId: PersonId;
  readonly proof: PasskeyProof;
  readonly userVerified: boolean;
}

export interface PasskeyOwner {
  readonly id: PersonId;
  readonly username: string;
}

/** Who answers, as far as that is known before the answer is read. */
interface AnsweredBy {
  readonly actor?: Actor | undefined;
  readonly person?: PersonId | undefined;
  readonly tenantOf?: ((person: PersonId) => Promise<TenantId | undefined>) | undefined;
}

/** Credentials of WebAuthn: as one factor of two, or as the only one. */
export interface Passkeys {
  /** False where the address of this server can have none. */
  readonly isOffered: boolean;
  /**
   * What to hand to `navigator.credentials.create`; good for five minutes and one answer.
   *
   * @param wish `passwordless` for one that is found without a user name and verifies its person: enough by itself
   * @throws MFA_PASSKEYS_OFF, MFA_PASSKEY_LIMIT
   */
  registrationOptions(
    person: PasskeyOwner,
    wish?: { readonly passwordless?: boolean | undefined },
  ): Promise<PublicKeyCredentialCreationOptionsJSON>;
  /**
   * Takes a new passkey.
   *
   * @param response what the browser's `toJSON` gave
   * @throws MFA_PASSKEY_REFUSED, MFA_PASSKEY_TAKEN, MFA_PASSKEY_LIMIT, MFA_PASSKEYS_OFF
   */
  register(
    actor: Actor,
    person: PersonId,
    response: unknown,
    wish?: {
      readonly label?: string | undefined;
      /** A part of the same write; what it throws undoes all of it. */
      readonly within?: ((tx: Tx, person: PersonId) => Promise<unknown>) | undefined;
    },
  ): Promise<{ readonly factor: PasskeyFactor; readonly backupCodes?: readonly string[] }>;
  /**
   * What to hand to `navigator.credentials.get`.
   *
   * @param person undefined where the passkey is to tell who it is: the answer must then verify its person
   * @throws MFA_PASSKEYS_OFF
   */
  authenticationOptions(person?: PersonId): Promise<PublicKeyCredentialRequestOptionsJSON>;
  /**
   * Whom an answer proves, each challenge and each counter once, also in parallel and over processes.
   *
   * @param by `person`: a second factor of this one, who was named in the options. Without it the answer stands alone,
   *   so the authenticator must have verified its person, and `tenantOf` says where the entry is seen
   * @returns undefined for an answer that proves nothing
   */
  authenticate(response: unknown, by?: AnsweredBy): Promise<PasskeyPassed | undefined>;
  list(person: PersonId): Promise<readonly PasskeyFactor[]>;
  isEnrolled(person: PersonId): Promise<boolean>;
  /** The same within a write, for a rule that must not lose the last factor. */
  holds(tx: Tx, person: PersonId): Promise<boolean>;
  /** Within the write of the caller, who knows whether policy allows it. @returns false when there is none such */
  remove(tx: Tx, actor: Actor, person: PersonId, id: string): Promise<boolean>;
  /** For recovery and deletion, which record it themselves. @returns how many there were */
  removeAll(tx: Tx, person: PersonId): Promise<number>;
}

const MAX_PASSKEYS = 20;
/** Those that browsers know; others may be announced and are not kept. @see WebAuthn Level 3 §5.8.4 */
const TRANSPORTS: ReadonlySet<string> = new Set(['ble', 'hybrid', 'internal', 'nfc', 'smart-card', 'usb', 'cable']);

export function createPasskeys(deps: PasskeyDeps): Passkeys {
  const { storage, audit, clock, random, onAdded } = deps;
  const challenges = createPasskeyChallenges(deps);
  const labels = createPasskeyLabels(deps.vault.subjects);

  function party(): RelyingParty {
    if (deps.party === undefined) throw passkeyFault('MFA_PASSKEYS_OFF');
    return deps.party;
  }

  const heldBy = (person: PersonId) => storage.read(platform, (tx) => passkeyStore.of(tx, person));

  /** The challenge of an answer, where it is one of ours and still good for one of these purposes and people. */
  async function challengeIn(clientDataJson: string, asked: readonly (readonly [Purpose, PersonId | undefined])[]) {
    const challenge = challengeOf(clientDataJson);
    if (challenge === undefined) return undefined;
    for (const [purpose, person] of asked) {
      const good = await challenges.read(challenge, purpose, person);
      if (good !== undefined) return { challenge, purpose, person, good };
    }
    return undefined;
  }

  async function readNew(person: PersonId, response: unknown) {
    const { data: answer } = registrationResponse.safeParse(response);
    if (answer === undefined) throw passkeyFault('MFA_PASSKEY_REFUSED');
    const asked = await challengeIn(answer.response.clientDataJSON, [
      ['register', person],
      ['register-passwordless', person],
    ]);
    if (asked === undefined) throw passkeyFault('MFA_PASSKEY_REFUSED');
    const userVerified = asked.purpose === 'register-passwordless';
    const made = await readRegistration(answer, { party: party(), challenge: asked.challenge, userVerified });
    if (made === undefined) throw passkeyFault('MFA_PASSKEY_REFUSED');
    const transports = [...new Set(answer.response.transports)].filter((name) => TRANSPORTS.has(name));
    return { made, transports, good: asked.good };
  }

  /** In one write: the challenge is spent, the counter moves on, and the entry says what came of it. */
  function settle(
    by: Actor,
    key: StoredPasskey,
    good: GoodChallenge,
    given: { readonly counter: number; readonly backedUp: boolean; readonly userVerified: boolean } | undefined,
  ): Promise<boolean> {
    return storage.write(platform, async (tx) => {
      const reason = await (async () => {
        if (given === undefined) return 'signature';
        if (!(await challenges.spend(tx, good))) return 'replay';
        return (await passkeyStore.touch(tx, key.id, given.counter, given.backedUp, clock.now()))
          ? undefined
          : 'counter';
      })();
      await audit.record(tx, {
        ...by,
        action: reason === undefined ? 'mfa.passed' : 'mfa.refused',
        outcome: reason === undefined ? 'done' : 'refused',
        object: { type: 'person', id: key.personId },
        facts: { method: 'passkey', factor: key.id, ...(reason === undefined ? {} : { reason }) },
      });
      return reason === undefined;
    });
  }

  async function answered(answer: AuthenticationAnswer, by: AnsweredBy) {
    const key = await storage.read(platform, (tx) => passkeyStore.byCredential(tx, answer.id));
    if (key === undefined || answer.id !== answer.rawId) return undefined;
    if (by.person !== undefined && by.person !== key.personId) return undefined;
    const { userHandle } = answer.response;
    if (userHandle != null && userHandle !== handleOf(key.personId)) return undefined; // of somebody else, it says itself
    const asked = await challengeIn(answer.response.clientDataJSON, [
      ['authenticate', key.personId],
      ...(by.person === undefined ? ([['authenticate', undefined]] as const) : []),
    ]);
    if (asked === undefined) return undefined;
    // Possession alone is one factor: by itself it signs nobody in, whatever the options were made for.
    const userVerified = by.person === undefined;
    const expected = { party: party(), challenge: asked.challenge, userVerified };
    const given = await readAssertion(answer, key.publicKey, expected);
    const { actor = { principal: anonymous } } = by;
    const tenantId = actor.tenantId ?? (await by.tenantOf?.(key.personId));
    const passed = await settle({ ...actor, tenantId }, key, asked.good, given);
    return passed && given !== undefined ? { key, given } : undefined;
  }

  return {
    isOffered: deps.party !== undefined,
    registrationOptions: async (person, { passwordless = false } = {}) => {
      const { id, name } = party();
      const held = await heldBy(person.id);
      if (held.length >= MAX_PASSKEYS) throw passkeyFault('MFA_PASSKEY_LIMIT', { most: MAX_PASSKEYS });
      const { generateRegistrationOptions } = await import('@simplewebauthn/server');
      return generateRegistrationOptions({
        rpName: name,
        rpID: id,
        userName: person.username,
        userDisplayName: person.username,
        userID: new Uint8Array(Buffer.from(person.id)),
        challenge: new Uint8Array(
          Buffer.from(
            await challenges.make(passwordless ? 'register-passwordless' : 'register', person.id),
            'base64url',
          ),
        ),
        timeout: CHALLENGE_MS,
        attestationType: 'none',
        excludeCredentials: held.map(descriptorOf),
        authenticatorSelection: {
          residentKey: passwordless ? 'required' : 'preferred',
          userVerification: passwordless ? 'required' : 'preferred',
        },
        supportedAlgorithmIDs: [...ALGORITHMS],
      });
    },
    register: async (actor, person, response, { label, within } = {}) => {
      const { made, transports, good } = await readNew(person, response);
      const { credentialId, publicKey, counter, backedUp } = made;
      const hint = keeperOf(made.aaguid);
      const about = { label: label ?? hint ?? 'Passkey', aaguid: made.aaguid };
      return storage.write(platform, async (tx) => {
        if (!(await challenges.spend(tx, good))) throw passkeyFault('MFA_PASSKEY_REFUSED');
        if ((await passkeyStore.count(tx, person)) >= MAX_PASSKEYS)
          throw passkeyFault('MFA_PASSKEY_LIMIT', { most: MAX_PASSKEYS });
        const key: StoredPasskey = {
          id: newUuid(clock, random),
          personId: person,
          ...{ credentialId, publicKey, counter, transports, backedUp },
          about: await labels.seal(tx, person, about),
          createdAt: clock.now(),
          lastUsedAt: undefined,
        };
        if (!(await passkeyStore.add(tx, key))) throw passkeyFault('MFA_PASSKEY_TAKEN');
        const object = { type: 'person', id: person };
        const facts = { method: 'passkey', factor: key.id };
        await audit.record(tx, { ...actor, action: 'mfa.factor_added', outcome: 'done', object, facts });
        if (within !== undefined) await within(tx, person);
        const backupCodes = await onAdded?.(tx, actor, person);
        const factor = factorOf(key, about);
        return backupCodes === undefined ? { factor } : { factor, backupCodes };
      });
    },
    authenticationOptions: async (person) => {
      const { id } = party();
      const held = person === undefined ? [] : await heldBy(person);
      const { generateAuthenticationOptions } = await import('@simplewebauthn/server');
      return generateAuthenticationOptions({
        rpID: id,
        allowCredentials: held.map(descriptorOf),
        challenge: new Uint8Array(Buffer.from(await challenges.make('authenticate', person), 'base64url')),
        timeout: CHALLENGE_MS,
        userVerification: person === undefined ? 'required' : 'preferred',
      });
    },
    authenticate: async (response, by = {}) => {
      const { data: answer } = authenticationResponse.safeParse(response);
      const found = answer === undefined || deps.party === undefined ? undefined : await answered(answer, by);
      if (found === undefined) return undefined;
      const { userVerified } = found.given;
      const amr = userVerified ? ['hwk', 'mfa'] : ['hwk'];
      return { personId: found.key.personId, proof: { method: 'passkey', amr, factorId: found.key.id }, userVerified };
    },
    list: (person) =>
      storage.read(platform, async (tx) => {
        const factors: PasskeyFactor[] = [];
        for (const key of await passkeyStore.of(tx, person)) factors.push(factorOf(key, await labels.open(tx, key)));
        return factors;
      }),
    isEnrolled: (person) => storage.read(platform, (tx) => holds(tx, person)),
    holds,
    remove: async (tx, actor, person, id) => {
      const removed = await passkeyStore.remove(tx, person, id);
      const object = { type: 'person', id: person };
      const facts = { method: 'passkey', factor: id };
      if (removed) await audit.record(tx, { ...actor, action: 'mfa.factor_removed', outcome: 'done', object, facts });
      return removed;
    },
    removeAll: passkeyStore.removeAll,
  };
}

const holds = async (tx: Tx, person: PersonId): Promise<boolean> => (await passkeyStore.count(tx, person)) > 0;

const handleOf = (person: PersonId): string => encodeBase64url(Buffer.from(person));

const descriptorOf = ({ credentialId, transports }: StoredPasskey) => ({
  id: credentialId,
  transports: [...transports],
});

function factorOf(key: StoredPasskey, about: { readonly label: string; readonly aaguid: string }): PasskeyFactor {
  const { id, createdAt, lastUsedAt, transports, backedUp } = key;
  const hint = keeperOf(about.aaguid);
  return {
    ...{ id, method: 'passkey', label: about.label, confirmedAt: createdAt, createdAt, transports, backedUp },
    ...(hint === undefined ? {} : { hint }),
    ...(lastUsedAt === undefined ? {} : { lastUsedAt }),
  };
}
